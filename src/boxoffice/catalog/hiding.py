"""Hidden categories: what the public is not shown, and only an access code sells."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.prices.changes import PriceChange, PricePeriod
from boxoffice.catalog.prices.ticket_types import TicketType
from boxoffice.catalog.seat_maps.document import CATEGORIES_MAX, CategoryPlaces
from boxoffice.kit.errors import FieldError
from boxoffice.kit.text import Line

HiddenCategories = Annotated[
    list[Line],
    Meta(
        max_length=CATEGORIES_MAX,
        description="Not listed and not sold to the public, only with a promo code that opens them.",
        examples=[["Stalls"]],
    ),
]

_decoder = msgspec.json.Decoder(list[str])


def decode_hidden(text: str) -> frozenset[str]:
    """Read a row's text back."""
    return frozenset(_decoder.decode(text))


def faults_of_hidden(hidden: Sequence[str], categories: Sequence[CategoryPlaces]) -> Iterator[FieldError]:
    """Each is a category of the seat map."""
    known = {category.name for category in categories}
    for index, name in enumerate(hidden):
        if name not in known:
            detail = "The seat map has no such category."
            yield FieldError(pointer=f"/hidden_categories/{index}", detail=detail)


def hidden_names(hidden: Collection[str], ticket_types: Iterable[TicketType]) -> frozenset[str]:
    """The names of prices that are hidden: of these categories, and of ticket types that are sold there."""
    return frozenset(hidden) | {each.name for each in ticket_types if each.category in hidden}


def without(names: Collection[str], prices: Mapping[str, int]) -> dict[str, int]:
    """Prices but those of these names."""
    return {name: amount for name, amount in prices.items() if name not in names}


def changes_without(names: Collection[str], changes: Iterable[PriceChange]) -> list[PriceChange]:
    """Changes of prices but those of these names; one of nothing else is none."""
    left = [PriceChange(change.starts_at, without(names, change.prices)) for change in changes]
    return [change for change in left if change.prices]


def periods_without(
    names: Collection[str], current: Mapping[str, int], periods: Iterable[PricePeriod]
) -> list[PricePeriod]:
    """Periods as those see them who are not shown these names, from the first on that differs from now."""
    left = [PricePeriod(period.starts_at, without(names, period.prices)) for period in periods]
    first = next(
        (at for at, period in enumerate(left) if period.prices != without(names, current)), len(left)
    )
    return left[first:]
