"""Blocks as organizers write and see them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.catalog.schemas import Moment
from boxoffice.catalog.seat_maps.document import AREA_CAPACITY_MAX, AREAS_MAX, SEATS_MAX
from boxoffice.inventory.changes import BlockKind
from boxoffice.kit.text import Line

_SeatId = Annotated[int, Meta(ge=0, lt=SEATS_MAX)]
_AreaId = Annotated[int, Meta(ge=0, lt=AREAS_MAX)]
ChannelId = Annotated[int, Meta(ge=1, le=2**31 - 1, examples=[1])]

Seats = Annotated[list[_SeatId], Meta(max_length=SEATS_MAX, examples=[[214, 215]])]


class AreaPlaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many admissions of one area."""

    area_id: _AreaId
    quantity: Annotated[int, Meta(ge=1, le=AREA_CAPACITY_MAX)]


Areas = Annotated[list[AreaPlaces], Meta(max_length=AREAS_MAX, examples=[[{"area_id": 0, "quantity": 2}]])]


class NewBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Places to keep: every one or none. Without `released_at` they are kept until they are released.

    `channel_id` is the sales channel that may sell the seats.
    """

    name: Annotated[Line, Meta(examples=["Sponsors"])]
    kind: BlockKind = BlockKind.HOUSE
    seat_ids: Seats = []
    areas: Areas = []
    released_at: Annotated[Moment, Meta(examples=["2027-06-01T09:00:00Z"])] | None = None
    channel_id: ChannelId | None = None


class BlockChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change of a block; a member that is left out stays."""

    name: Annotated[Line, Meta(examples=["Sponsors"])] | UnsetType = UNSET
    released_at: Annotated[Moment, Meta(examples=["2027-06-01T09:00:00Z"])] | UnsetType | None = UNSET
    channel_id: ChannelId | UnsetType | None = UNSET


class ReleasedPlaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The places to give up; all of the block's when none is named."""

    seat_ids: Seats = []
    areas: Areas = []


class Block(msgspec.Struct, frozen=True):
    """A block as it stands; nothing is left in one that was released.

    Of its seats, its channel may have sold some: they come back to the block when their booking ends.
    """

    id: UUID
    name: str
    kind: BlockKind
    seat_ids: list[int]
    areas: list[AreaPlaces]
    released_at: datetime | None
    channel_id: int | None
