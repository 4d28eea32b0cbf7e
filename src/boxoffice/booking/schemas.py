"""Bookings as clients write and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.inventory.commands import BookingState
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.money import Money

# The largest group an online sale is for; a coach party talks to the box office.
PLACES_PER_BOOKING_MAX = 100

# A seat id is an index into the map, an area id too; both fit PostgreSQL's integer.
PLACE_ID_MAX = 2**31 - 1

PlaceId = Annotated[int, Meta(ge=0, le=PLACE_ID_MAX)]


class WantedArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many admissions to one area."""

    area_id: PlaceId
    quantity: Annotated[int, Meta(ge=1, le=PLACES_PER_BOOKING_MAX)]


class NewBooking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The places to hold: seats by id, admissions to areas, or both; all of them or none."""

    event_id: Annotated[int, Meta(ge=1, le=EVENT_ID_MAX, examples=[1])]
    seat_ids: Annotated[list[PlaceId], Meta(max_length=PLACES_PER_BOOKING_MAX, examples=[[214, 215]])] = []
    areas: Annotated[
        list[WantedArea],
        Meta(max_length=PLACES_PER_BOOKING_MAX, examples=[[{"area_id": 0, "quantity": 2}]]),
    ] = []


class Place(msgspec.Struct, frozen=True, omit_defaults=True):
    """A seat (`seat_id`, zone, row, number) or one admission to an area (`area_id`, zone), with its price."""

    category: str
    price: Money
    zone: str
    seat_id: int | None = None
    row: str | None = None
    number: str | None = None
    area_id: int | None = None


class BookingView(msgspec.Struct, frozen=True):
    """A booking. PENDING holds its places until `expires_at`; CONFIRMED has a ticket for each."""

    id: UUID
    event_id: int
    state: BookingState
    places: list[Place]
    total: Money
    created_at: datetime
    expires_at: datetime | None
