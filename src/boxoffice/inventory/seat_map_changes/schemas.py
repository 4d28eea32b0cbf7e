"""What goes in and out over HTTP when an event on sale gets another seat map."""

from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.prices.changes import Prices
from boxoffice.catalog.schemas import RowId
from boxoffice.inventory.refusals import AreaInTheWay, SeatInTheWay
from boxoffice.kit.errors import FieldError
from boxoffice.kit.money import Money

# More than anybody looks through one by one; how many there are is said as well.
SEATS_LISTED_MAX = 200


class WantedSeatMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A version of the event's venue, and prices of categories that the event has no price for."""

    seat_map_id: RowId
    prices: Annotated[Prices, Meta(examples=[{"Box": 6500}])] = {}


class SeatSpot(msgspec.Struct, frozen=True):
    """A seat and what is written on it."""

    seat_id: int
    zone: str
    row: str
    number: str


class SeatList(msgspec.Struct, frozen=True):
    """The first of `count` seats."""

    count: int
    seats: list[SeatSpot]


class CategoryMove(msgspec.Struct, frozen=True):
    """So many seats have another category: whoever buys them from then on pays its price.

    A price is null where the category is sold by ticket type only.
    """

    category_before: str
    category: str
    seat_count: int
    price_before: Money | None
    price: Money | None


class AreaChange(msgspec.Struct, frozen=True):
    """An area that has another capacity, is new (nothing before), or is left out (nothing after)."""

    area_id: int
    name: str
    capacity_before: int | None
    capacity: int | None


class SeatMapDifference(msgspec.Struct, frozen=True):
    """What another seat map changes for an event at its `revision`.

    `seat_map_id` is the map that the event sells now, which is one of its own once it has been changed;
    `wanted_seat_map_id` is the venue's version. `is_possible` says whether the change would be made at this
    moment: what is in the way is in `seats_in_the_way` and `areas_in_the_way`, what is wrong with the request
    in `errors`.
    """

    event_id: int
    revision: int
    seat_map_id: int
    wanted_seat_map_id: int
    is_possible: bool
    kept: int
    moved: SeatList
    added: SeatList
    removed: SeatList
    categories: list[CategoryMove]
    areas: list[AreaChange]
    seats_in_the_way: list[SeatInTheWay]
    seats_in_the_way_count: int
    areas_in_the_way: list[AreaInTheWay]
    errors: list[FieldError]
