"""Until when a buyer may cancel what is paid, and how much goes back. Pure; docs/money.md has it."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.wall_clock import moved
from boxoffice.kit.errors import FieldError

# More steps than that nobody can keep in mind.
TIERS_MAX = 10

# Shows are rarely sold more than a year ahead; two leave room.
DAYS_BEFORE_MAX = 730

# Beyond a month people count in days.
HOURS_BEFORE_MAX = 720


class FeesOnCancelling(StrEnum):
    """KEPT: fees that were added to the prices stay, with the tax on them. RETURNED: they go back alike."""

    KEPT = "KEPT"
    RETURNED = "RETURNED"


class Tier(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """So much comes back until so long before the show: either `days_before` or `hours_before`.

    Days are those of the event's time zone: the clock on the wall shows the same as when the show begins.
    """

    refund_percent: Annotated[int, Meta(ge=1, le=100, examples=[50])]
    days_before: Annotated[int, Meta(ge=0, le=DAYS_BEFORE_MAX, examples=[7])] | None = None
    hours_before: Annotated[int, Meta(ge=1, le=HOURS_BEFORE_MAX, examples=[24])] | None = None

    @property
    def hours(self) -> int:
        """How long before, a day taken as 24 hours: good enough to sort by."""
        return self.hours_before or 24 * (self.days_before or 0)


class CancellationPolicy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Until when buyers may cancel a paid booking, and what comes back; no tiers: not at all.

    The tiers go from the earliest to the latest, and from more to less.
    """

    tiers: Annotated[
        list[Tier],
        Meta(
            max_length=TIERS_MAX,
            examples=[
                [{"refund_percent": 100, "days_before": 30}, {"refund_percent": 50, "days_before": 7}],
            ],
        ),
    ]
    fees: FeesOnCancelling = FeesOnCancelling.KEPT


class Deadline(msgspec.Struct, frozen=True, gc=False):
    """Until this very moment, and not at it, so many percent come back."""

    until: datetime
    refund_percent: int


_decoder = msgspec.json.Decoder(CancellationPolicy)


def decode_policy(text: str) -> CancellationPolicy:
    """Read a row's text back."""
    return _decoder.decode(text)


def faults_of_policy(policy: CancellationPolicy) -> Iterator[FieldError]:
    """What is wrong with tiers that each of them does not say by its type."""
    for index, tier in enumerate(policy.tiers):
        if (tier.days_before is None) == (tier.hours_before is None):
            detail = (
                "A tier is so many `days_before` the show or so many `hours_before` it: name one of them."
            )
            yield FieldError(pointer=f"/tiers/{index}", detail=detail)
        elif index and tier.hours >= policy.tiers[index - 1].hours:
            yield FieldError(
                pointer=f"/tiers/{index}", detail="A tier must end later than the one before it."
            )
        if index and tier.refund_percent >= policy.tiers[index - 1].refund_percent:
            detail = "Less must come back than in the tier before: the later, the less."
            yield FieldError(pointer=f"/tiers/{index}/refund_percent", detail=detail)


def deadlines_of(policy: CancellationPolicy, starts_at: datetime, zone: str) -> tuple[Deadline, ...]:
    """The moments at which the tiers end for a show that starts then.

    A time that is skipped when clocks change counts as an hour later, one that comes twice is the first.
    """
    return tuple(
        [
            Deadline(
                starts_at - timedelta(hours=tier.hours_before)
                if tier.hours_before is not None
                else moved(starts_at, -timedelta(days=tier.days_before or 0), zone),
                tier.refund_percent,
            )
            for tier in policy.tiers
        ]
    )


def deadline_at(deadlines: Sequence[Deadline], now: datetime) -> Deadline | None:
    """The tier that is open, the one that gives most back; None when all are over."""
    still_open = [each for each in deadlines if now < each.until]
    return max(still_open, key=lambda each: each.refund_percent, default=None)
