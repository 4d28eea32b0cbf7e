"""Prices that change at a time (early bird), and prices of a sales channel's own. Pure.

A change holds from its very moment on. What an event costs at a time is its prices, with every change
that has begun laid over them in order, and over that the prices of the channel, where it has some.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.prices.tariff import AMOUNT_MAX, Fee, FeeMode
from boxoffice.catalog.seat_maps.document import CATEGORIES_MAX
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError
from boxoffice.kit.money import step_of
from boxoffice.kit.text import Line

# More is a price for every week of half a year. Each is a table of prices in every process that sells it.
PRICE_CHANGES_MAX = 25

# The bounds of an amount are checked by hand: msgspec cannot name the member of an object.
Prices = Annotated[
    dict[Line, int],
    Meta(
        max_length=CATEGORIES_MAX,
        description=f"Category or ticket type to price in minor units, 0 to {AMOUNT_MAX}. 0 is free.",
        examples=[{"Stalls": 4500, "Balcony": 2900}],
    ),
]


class PriceChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """From `starts_at` on, that very moment included, these categories cost this; the others stay."""

    starts_at: Annotated[datetime, Meta(tz=True, examples=["2027-03-01T00:00:00Z"])]
    prices: Annotated[Prices, Meta(min_length=1)]


PriceChanges = Annotated[
    list[PriceChange],
    Meta(
        max_length=PRICE_CHANGES_MAX,
        description="In order of their times.",
        examples=[[{"starts_at": "2027-03-01T00:00:00Z", "prices": {"Stalls": 5500}}]],
    ),
]


class PricePeriod(msgspec.Struct, frozen=True):
    """What every category costs from `starts_at` on, until the next period."""

    starts_at: datetime
    prices: dict[str, int]


_decoder = msgspec.json.Decoder(list[PriceChange])


def encode_price_changes(changes: Sequence[PriceChange]) -> str:
    """The JSON of an event's row, its times in UTC."""
    in_utc = [PriceChange(change.starts_at.astimezone(UTC), change.prices) for change in changes]
    return msgspec.json.encode(in_utc).decode()


def decode_price_changes(text: str) -> list[PriceChange]:
    """Read a row's JSON back."""
    return _decoder.decode(text)


def periods_of(prices: Mapping[str, int], changes: Sequence[PriceChange]) -> tuple[PricePeriod, ...]:
    """The periods after the first, each with all prices: laid over one another once, not at every hold."""
    periods: list[PricePeriod] = []
    at_last = dict(prices)
    for change in changes:
        at_last = at_last | change.prices
        periods.append(PricePeriod(change.starts_at, at_last))
    return tuple(periods)


def period_at(starts: Sequence[PricePeriod | PriceChange], now: datetime) -> int:
    """How many of these have begun: 0 before the first, one more from the moment of each on."""
    return sum(each.starts_at <= now for each in starts)


def faults_of_prices(
    prices: Mapping[str, int], names: Mapping[str, object], below: str = "/prices"
) -> Iterator[FieldError]:
    """A price must be of a category of the seat map or of a ticket type, and in range."""
    for name, amount in prices.items():
        if name not in names:
            detail = "There is no such category or ticket type."
            yield FieldError(pointer=pointer_to_price(name, below), detail=detail)
        if not 0 <= amount <= AMOUNT_MAX:
            detail = f"A price is from 0 to {AMOUNT_MAX} minor units."
            yield FieldError(pointer=pointer_to_price(name, below), detail=detail)


def faults_of_steps(
    currency: str,
    prices: Mapping[str, int],
    changes: Sequence[PriceChange] = (),
    fees: Sequence[Fee] = (),
    below: str = "/prices",
) -> Iterator[FieldError]:
    """An amount that somebody pays must be one that can be paid in this currency."""
    step = step_of(currency)
    if step == 1:
        return
    detail = f"In {currency} amounts that can be paid are multiples of {step} minor units: round it to one."
    for name, amount in prices.items():
        if amount % step:
            yield FieldError(pointer=pointer_to_price(name, below), detail=detail)
    for index, change in enumerate(changes):
        yield from faults_of_steps(currency, change.prices, below=f"/price_changes/{index}/prices")
    for index, fee in enumerate(fees):
        if fee.mode is FeeMode.ADDED and (fee.amount or 0) % step:
            yield FieldError(pointer=f"/fees/{index}/amount", detail=detail)


def faults_of_price_changes(
    changes: Sequence[PriceChange], names: Mapping[str, object]
) -> Iterator[FieldError]:
    """What is wrong with changes of prices: their times, their order, and what they name."""
    before: datetime | None = None
    for index, change in enumerate(changes):
        below = f"/price_changes/{index}"
        if not is_storable(change.starts_at):
            detail = f"The year must be from {YEAR_MIN} to {YEAR_MAX}."
            yield FieldError(pointer=f"{below}/starts_at", detail=detail)
        if before is not None and change.starts_at <= before:
            detail = "Each change begins after the one before it."
            yield FieldError(pointer=f"{below}/starts_at", detail=detail)
        before = change.starts_at
        yield from faults_of_prices(change.prices, names, f"{below}/prices")


def pointer_to_price(name: str, below: str = "/prices") -> str:
    """Where in the body the price of this name is."""
    return f"{below}/" + name.replace("~", "~0").replace("/", "~1")
