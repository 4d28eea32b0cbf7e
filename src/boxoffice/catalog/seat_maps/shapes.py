"""The two JSON shapes a seat map may come in: our own, and the open seating-plan format."""

import itertools
import re
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.catalog.seat_maps.document import (
    AREA_CAPACITY_MAX,
    AREAS_MAX,
    CATEGORIES_MAX,
    POSITION_MAX,
    Area,
    Category,
    DocumentRow,
    DocumentSeat,
    DocumentZone,
    FocalPoint,
    SeatMapDocument,
)
from boxoffice.kit.errors import FieldError, InvalidInput, invalid
from boxoffice.kit.problems import UnreadableBody, invalid_from
from boxoffice.kit.text import LINE_PATTERN, Line

# What is written on a seat or at a row's end is a few characters; a ticket has room for this many.
LABEL_CHARACTERS_MAX = 50

_LABEL = r"^[^\x00-\x1f\x7f]*(?![\s\S])"

Label = Annotated[str, Meta(max_length=LABEL_CHARACTERS_MAX, pattern=LINE_PATTERN)]
LabelOrNothing = Annotated[str, Meta(max_length=LABEL_CHARACTERS_MAX, pattern=_LABEL)]
CategoryName = Annotated[str, Meta(description="The name of one of `categories`.")]
Coordinate = Annotated[float, Meta(ge=-POSITION_MAX, le=POSITION_MAX)]
MapName = Annotated[Line, Meta(examples=["The courtyard"])]
Color = Annotated[str, Meta(pattern="^#[0-9a-fA-F]{6}$", max_length=7, examples=["#E87722"])]

# What the documentation shows: two seats beside an aisle, and room to stand.
_CATEGORIES = [{"name": "Stalls", "color": "#E87722"}, {"name": "Standing", "color": "#2A9D8F"}]
_ZONE = {
    "name": "Left",
    "rows": [
        {
            "name": "A",
            "seats": [
                {"number": "1", "x": 0, "y": 0, "category": "Stalls", "accessible": True},
                {"number": "2", "x": 60, "y": 0, "category": "Stalls"},
            ],
        }
    ],
}
_AREA = {"name": "Floor", "capacity": 500, "category": "Standing"}
_PLAN_ZONE = {
    "name": "Left",
    "position": {"x": 100, "y": 50},
    "rows": [
        {
            "row_number": "A",
            "position": {"x": 0, "y": 0},
            "seats": [
                {"seat_guid": "a1", "seat_number": "1", "position": {"x": 0, "y": 0}, "category": "Stalls"},
                {"seat_guid": "a2", "seat_number": "2", "position": {"x": 60, "y": 0}, "category": "Stalls"},
            ],
        }
    ],
}


class NewCategory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A kind of place that has its own price."""

    name: Line
    color: Color | None = None


class NewSeat(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """A seat of a row; `x` and `y` are where it is drawn, in units of your choice.

    `companion_of` makes it the seat of a companion: it says the number of an accessible seat of its row.
    """

    number: Label
    x: Coordinate
    y: Coordinate
    category: CategoryName
    accessible: bool = False
    companion_of: Label | None = None


class NewRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seats in the order people sit. A wide gap between two `x` is an aisle."""

    name: Label
    seats: list[NewSeat]


class NewZone(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A part of the hall, such as a block or a balcony."""

    name: Label
    rows: list[NewRow]


class NewArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """General admission: `capacity` people, no seats."""

    name: Label
    capacity: Annotated[int, Meta(ge=1, le=AREA_CAPACITY_MAX)]
    category: CategoryName


class NewFocalPoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What everybody looks at; best available is nearest to it. Without one: the middle of the seats."""

    x: Annotated[Coordinate, Meta(examples=[30])]
    y: Annotated[Coordinate, Meta(examples=[-200])]


class NewSeatMap(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Our own shape, told by `"format": "BOXOFFICE"`: positions are absolute, areas are for sale."""

    format: Literal["BOXOFFICE"]
    name: MapName
    categories: Annotated[list[NewCategory], Meta(max_length=CATEGORIES_MAX, examples=[_CATEGORIES])]
    zones: Annotated[list[NewZone], Meta(examples=[[_ZONE]])] = []
    areas: Annotated[list[NewArea], Meta(max_length=AREAS_MAX, examples=[[_AREA]])] = []
    focal_point: NewFocalPoint | None = None


class PlanPosition(msgspec.Struct, frozen=True, gc=False):
    """An offset from the parent's position."""

    x: Coordinate
    y: Coordinate


_ORIGIN = PlanPosition(0, 0)


class PlanCategory(msgspec.Struct, frozen=True):
    """A kind of place. A color that is not `#rrggbb` is dropped: it only decorates."""

    name: Line
    color: str | None = None


class PlanSeat(msgspec.Struct, frozen=True, gc=False):
    """A seat; `seat_guid` is unique in the plan."""

    seat_guid: Line
    seat_number: Label
    position: PlanPosition
    category: CategoryName


class PlanRow(msgspec.Struct, frozen=True):
    """A row; its position adds to its seats'."""

    row_number: LabelOrNothing
    seats: list[PlanSeat]
    position: PlanPosition = _ORIGIN


class PlanZone(msgspec.Struct, frozen=True):
    """A zone; its position adds to its rows'. Its `areas` are decoration there, and ignored."""

    rows: list[PlanRow]
    name: LabelOrNothing = ""
    position: PlanPosition = _ORIGIN


class SeatingPlan(msgspec.Struct, frozen=True):
    """The open seating-plan JSON, which has no `format` member. Members we do not know are ignored."""

    name: MapName
    categories: Annotated[list[PlanCategory], Meta(max_length=CATEGORIES_MAX, examples=[_CATEGORIES])]
    zones: Annotated[list[PlanZone], Meta(examples=[[_PLAN_ZONE]])]
    format: Literal["SEATING_PLAN"] = "SEATING_PLAN"


class SeatMapFormat(StrEnum):
    """Which shape a document says it has."""

    BOXOFFICE = "BOXOFFICE"
    SEATING_PLAN = "SEATING_PLAN"


class _Peek(msgspec.Struct, frozen=True):
    format: SeatMapFormat | UnsetType = UNSET


_peek = msgspec.json.Decoder(_Peek)
_own = msgspec.json.Decoder(NewSeatMap)
_open = msgspec.json.Decoder(SeatingPlan)

_HINT = (
    ' (There is no "format", so this was read as the open seating-plan JSON; '
    'our own shape says "format": "BOXOFFICE".)'
)


def read_shape(body: bytes) -> NewSeatMap | SeatingPlan:
    """Read a body of either shape. `format` decides; without it the body is an open seating plan.

    Raises `UnreadableBody` for what is not JSON, `InvalidInput` for what fits neither shape.
    """
    hint = ""
    try:
        told = _peek.decode(body).format
        if told is SeatMapFormat.BOXOFFICE:
            return _own.decode(body)
        hint = _HINT if told is UNSET else ""
        return _open.decode(body)
    except msgspec.ValidationError as error:
        refusal = invalid_from(error)
        if refusal.errors[0].pointer == "/format":
            raise invalid("/format", "Say BOXOFFICE, or SEATING_PLAN, or leave it out.") from None
        raise InvalidInput(
            errors=[FieldError(pointer=fault.pointer, detail=fault.detail + hint) for fault in refusal.errors]
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UnreadableBody from None


def to_document(shape: NewSeatMap | SeatingPlan) -> SeatMapDocument:
    """Give every seat and area its id and its absolute position. Nothing is checked here."""
    return _from_own(shape) if isinstance(shape, NewSeatMap) else _from_open(shape)


def _from_own(shape: NewSeatMap) -> SeatMapDocument:
    ids = itertools.count()
    zones = [
        DocumentZone(
            zone.name,
            [
                DocumentRow(
                    row.name,
                    [
                        DocumentSeat(next(ids), seat.number, seat.x, seat.y, seat.category, seat.accessible)
                        for seat in row.seats
                    ],
                )
                for row in zone.rows
            ],
        )
        for zone in shape.zones
    ]
    zones = [_with_companions(zone, new) for zone, new in zip(zones, shape.zones, strict=True)]
    return SeatMapDocument(
        name=shape.name,
        seat_count=next(ids),
        categories=[Category(category.name, category.color) for category in shape.categories],
        zones=zones,
        areas=[
            Area(number, area.name, area.capacity, area.category) for number, area in enumerate(shape.areas)
        ],
        focal_point=FocalPoint(shape.focal_point.x, shape.focal_point.y) if shape.focal_point else None,
    )


def _with_companions(zone: DocumentZone, shape: NewZone) -> DocumentZone:
    """Turn the numbers that companions' seats name into ids; a number that is not there stays no id."""
    if not any(seat.companion_of for row in shape.rows for seat in row.seats):
        return zone
    rows: list[DocumentRow] = []
    for row, new in zip(zone.rows, shape.rows, strict=True):
        accessible = {seat.number: seat.id for seat in row.seats if seat.accessible}
        seats = [
            msgspec.structs.replace(seat, companion_of=accessible.get(wanted.companion_of or ""))
            for seat, wanted in zip(row.seats, new.seats, strict=True)
        ]
        rows.append(DocumentRow(row.name, seats))
    return DocumentZone(zone.name, rows)


def _from_open(plan: SeatingPlan) -> SeatMapDocument:
    ids = itertools.count()
    zones: list[DocumentZone] = []
    for zone in plan.zones:
        rows: list[DocumentRow] = []
        for row in zone.rows:
            x = zone.position.x + row.position.x
            y = zone.position.y + row.position.y
            seats = [
                DocumentSeat(
                    next(ids), seat.seat_number, x + seat.position.x, y + seat.position.y, seat.category
                )
                for seat in row.seats
            ]
            rows.append(DocumentRow(row.row_number, seats))
        zones.append(DocumentZone(zone.name, rows))
    return SeatMapDocument(
        name=plan.name,
        seat_count=next(ids),
        categories=[Category(category.name, _color(category.color)) for category in plan.categories],
        zones=zones,
        areas=[],
    )


def _color(text: str | None) -> str | None:
    return text if text and re.fullmatch("#[0-9a-fA-F]{6}", text) else None
