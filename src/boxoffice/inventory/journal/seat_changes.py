"""What a change of the journal means for one seat."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, NamedTuple
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExchanged,
    BookingExpired,
    BookingHeld,
    BookingReduced,
    BookingRenewed,
    Change,
    PaymentReturned,
    PlacesBlocked,
    PlacesReleased,
    SeatMapChanged,
)
from boxoffice.inventory.journal.replay import VERSION_MAX, seats_of


class SeatState(StrEnum):
    """Whether the seat is to be had, held for somebody for a while, sold, or kept by the house."""

    FREE = "FREE"
    HELD = "HELD"
    SOLD = "SOLD"
    BLOCKED = "BLOCKED"


class SeatChange(msgspec.Struct, frozen=True):
    """One change of one seat: the journal row it is in, and what it meant.

    `held_until` is the end of a hold, or when a block is to be released.
    """

    version: int
    at: datetime
    kind: str
    state: SeatState
    booking_id: UUID | None
    buyer_id: int | None
    held_until: datetime | None
    words: str


class Standing(msgspec.Struct, frozen=True, array_like=True):
    """The seat as a row left it: its state, and who has it until when. It travels in cursors."""

    version: Annotated[int, Meta(ge=0, le=VERSION_MAX)] = 0
    state: SeatState = SeatState.FREE
    booking_id: UUID | None = None
    held_until: Annotated[datetime, Meta(tz=True)] | None = None


class _Effect(NamedTuple):
    """How a change leaves the seat."""

    state: SeatState
    held_until: datetime | None
    words: str


def meaning_of(
    change: Change, seat_id: int, before: Standing, at: datetime, hold_end: datetime | None = None
) -> SeatChange | None:
    """What a change meant for the seat; None when nothing.

    `before` is the seat until then, in the change's own row, whose time is `at`. `hold_end` is the end
    of the booking's hold where the change does not say it itself.
    """
    booking_id: UUID | None = getattr(change, "booking_id", None)
    effect = None
    if seat_id in seats_of(change):
        effect = _taken(change, seat_id, hold_end) or _freed(change, seat_id)
    elif booking_id is not None and booking_id == before.booking_id:
        effect = _of_its_booking(change, before)
    if effect is None:
        return None
    return SeatChange(
        version=before.version,
        at=at,
        kind=str(change.__struct_config__.tag),
        state=effect.state,
        booking_id=booking_id,
        buyer_id=getattr(change, "buyer_id", None),
        held_until=effect.held_until,
        words=effect.words,
    )


def _taken(change: Change, seat_id: int, hold_end: datetime | None) -> _Effect | None:
    match change:
        case BookingHeld():
            words = f"held until {in_words(change.expires_at)} by booking {change.booking_id}"
            return _Effect(SeatState.HELD, change.expires_at, words)
        case BookingExchanged() if seat_id in change.taken_seat_ids:
            end = "" if hold_end is None else f"until {in_words(hold_end)} "
            words = f"held {end}by booking {change.booking_id}, which took it in an exchange"
            return _Effect(SeatState.HELD, hold_end, words)
        case PlacesBlocked():
            until = "" if change.released_at is None else f" until {in_words(change.released_at)}"
            words = f"kept by the house{until}: {change.name} ({change.kind})"
            return _Effect(SeatState.BLOCKED, change.released_at, words)
        case BookingConfirmed():
            words = f"sold to booking {change.booking_id}"
            if change.taken_again:
                words += ": its hold had run out, and its places were still free when the money came"
            return _Effect(SeatState.SOLD, None, words)
        case SeatMapChanged() if seat_id in change.withdrawn_seat_ids:
            return _Effect(SeatState.BLOCKED, None, "not there any more: taken out of the seat map")
        case _:
            return None


def _freed(change: Change, seat_id: int) -> _Effect | None:
    match change:
        case PlacesReleased() if seat_id not in change.taken_seat_ids:
            words = "free: the house gave it up"
        case SeatMapChanged():
            words = "free: back in the seat map"
        case BookingExchanged() if seat_id in change.freed_seat_ids:
            words = f"free again: booking {change.booking_id} gave it back"
        case BookingReduced() if seat_id in change.freed_seat_ids:
            words = f"free again: booking {change.booking_id} was refunded this place, and its ticket is void"
        case BookingExpired():
            words = f"free again: the hold of booking {change.booking_id} ran out"
        case BookingCancelled():
            words = f"free again: booking {change.booking_id} was cancelled"
            if change.was_confirmed:
                words += ", and its tickets are void"
        case _:
            return None
    if seat_id in getattr(change, "blocked_seat_ids", ()):
        return _Effect(SeatState.BLOCKED, None, words.replace("free again", "back in its block"))
    return _Effect(SeatState.FREE, None, words)


def _of_its_booking(change: Change, before: Standing) -> _Effect | None:
    """What happened to the booking that has the seat, without a word about its seats."""
    match change:
        case BookingRenewed():
            until = in_words(change.expires_at)
            words = f"held for longer, until {until}, by booking {change.booking_id}"
            return _Effect(SeatState.HELD, change.expires_at, words)
        case PaymentReturned():
            words = f"a payment for booking {change.booking_id} went back: {change.reason}"
            return _Effect(before.state, before.held_until, words)
        case _:
            return None


def in_words(moment: datetime) -> str:
    """RFC 3339 in UTC, to the millisecond."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
