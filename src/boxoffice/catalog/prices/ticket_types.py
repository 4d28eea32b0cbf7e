"""Ticket types: other prices for the places of a category, such as a child's. Pure.

A ticket type is one more name that a price can have: prices, price changes, the prices of channels and
the rates of the tax name ticket types as they name categories. Its places are those of its category.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.prices.tariff import Tariff
from boxoffice.catalog.seat_maps.document import AREA_CAPACITY_MAX, CategoryPlaces
from boxoffice.kit.errors import FieldError
from boxoffice.kit.text import Line

# More could not be told apart in a list. Each is a count in every process that sells the event.
TICKET_TYPES_MAX = 50


class TicketType(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Places of `category` at the price that `prices` has under `name`; at most `limit` of them at a time,
    held and sold.
    """

    name: Annotated[Line, Meta(examples=["Child"])]
    category: Annotated[Line, Meta(examples=["Stalls"])]
    limit: Annotated[int, Meta(ge=0, le=AREA_CAPACITY_MAX, examples=[100])] | None = None


TicketTypes = Annotated[
    list[TicketType],
    Meta(max_length=TICKET_TYPES_MAX, examples=[[{"name": "Child", "category": "Stalls", "limit": 100}]]),
]

# For each place its ticket type, or None for the price of its category; empty when none has one.
TypesOfPlaces = tuple[str | None, ...]

_decoder = msgspec.json.Decoder(list[TicketType])
_places_decoder = msgspec.json.Decoder(TypesOfPlaces)


def decode_ticket_types(text: str) -> list[TicketType]:
    """An event's ticket types from the JSON of its row."""
    return _decoder.decode(text)


def encode_types_of_places(types: TypesOfPlaces) -> str | None:
    """The text of a booking's row; None when no place has a ticket type."""
    return msgspec.json.encode(types).decode() if any(types) else None


def decode_types_of_places(text: str | None) -> TypesOfPlaces:
    """Read a row's text back."""
    return () if text is None else _places_decoder.decode(text)


def names_of_prices(
    categories: Sequence[CategoryPlaces], ticket_types: Sequence[TicketType]
) -> dict[str, str]:
    """Everything that can have a price, and the category that its places are of."""
    return {
        **{category.name: category.name for category in categories},
        **{ticket_type.name: ticket_type.category for ticket_type in ticket_types},
    }


def with_types(tariff: Tariff | None, ticket_types: Sequence[TicketType]) -> Tariff | None:
    """The tariff in which a ticket type without a rate of its own has that of its category."""
    if tariff is None or tariff.tax is None or not ticket_types:
        return tariff
    rates = tariff.tax.basis_points_of
    inherited = {each.name: rates[each.category] for each in ticket_types if each.category in rates}
    tax = msgspec.structs.replace(tariff.tax, basis_points_of=inherited | rates)
    return Tariff(tariff.fees, tax, tariff.step)


def faults_of_ticket_types(
    ticket_types: Sequence[TicketType], categories: Sequence[CategoryPlaces]
) -> Iterator[FieldError]:
    """A ticket type has a name of its own and a category of the seat map."""
    known = {category.name for category in categories}
    taken = set(known)
    for index, each in enumerate(ticket_types):
        if each.name in taken:
            detail = "A category or another ticket type has this name: give each a name of its own."
            yield FieldError(pointer=f"/ticket_types/{index}/name", detail=detail)
        if each.category not in known:
            detail = "The seat map has no such category."
            yield FieldError(pointer=f"/ticket_types/{index}/category", detail=detail)
        taken.add(each.name)


def sold_by_type(category: str, ticket_types: Mapping[str, TicketType]) -> list[str]:
    """The ticket types of a category, by name."""
    return [each.name for each in ticket_types.values() if each.category == category]
