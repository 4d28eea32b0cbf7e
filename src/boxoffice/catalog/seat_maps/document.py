"""The seat map as it is stored and served: one immutable JSON document, whichever shape came in."""

import msgspec

# Documents of this size are what the body limit lets in; a seat takes two bits of every availability
# answer and a few bytes of every process that sells it.
SEATS_MAX = 100_000

# A category is one byte a seat in memory; 255 is more colours than an eye can tell apart.
CATEGORIES_MAX = 255

# Each area is a counter row that every batch of its event may update.
AREAS_MAX = 1_000

# The largest crowds that ever bought tickets were below this.
AREA_CAPACITY_MAX = 1_000_000

# Far beyond any drawing, and small enough that a 32-bit float keeps quarters of a unit even when the
# positions of zone, row and seat add up.
POSITION_MAX = 1_000_000


class Category(msgspec.Struct, frozen=True):
    """A kind of place that has its own price; `color` is `#rrggbb` or null."""

    name: str
    color: str | None = None


class DocumentSeat(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A seat: its dense id, what is written on it, where it is drawn and what kind it is.

    `companion_of` is the id of the accessible seat that it is the companion's seat of.
    """

    id: int
    number: str
    x: float
    y: float
    category: str
    accessible: bool = False
    companion_of: int | None = None


class WithdrawnSeat(msgspec.Struct, frozen=True, gc=False):
    """A seat that was taken out of an event's map. Nobody can have it; its id stays its own."""

    id: int
    zone: str
    row: str
    number: str
    category: str


class DocumentRow(msgspec.Struct, frozen=True):
    """Seats in the order people sit. An aisle is a gap between the x positions of neighbours."""

    name: str
    seats: list[DocumentSeat]


class DocumentZone(msgspec.Struct, frozen=True):
    """A part of the hall with rows of its own."""

    name: str
    rows: list[DocumentRow]


class Area(msgspec.Struct, frozen=True):
    """A part without seats: `capacity` admissions, each as good as the other."""

    id: int
    name: str
    capacity: int
    category: str


class FocalPoint(msgspec.Struct, frozen=True):
    """What everybody looks at: the middle of the stage or of the pitch."""

    x: float
    y: float


class SeatMapDocument(msgspec.Struct, frozen=True):
    """A whole map. Seat ids are 0..seat_count-1, each once, in `zones` or in `withdrawn`; area ids likewise.

    They are in the order of the document, until a map is changed while its event is on sale. An area of a
    capacity of 0 was taken out.
    """

    name: str
    seat_count: int
    categories: list[Category]
    zones: list[DocumentZone]
    areas: list[Area]
    focal_point: FocalPoint | None = None
    withdrawn: list[WithdrawnSeat] = []


class CategoryPlaces(msgspec.Struct, frozen=True):
    """A category and how many places (seats and admissions) it has in this map."""

    name: str
    color: str | None
    places: int


def count_places(document: SeatMapDocument) -> list[CategoryPlaces]:
    """Count the places of each category, in the map's order of categories."""
    places = dict.fromkeys((category.name for category in document.categories), 0)
    for zone in document.zones:
        for row in zone.rows:
            for seat in row.seats:
                places[seat.category] += 1
    for area in document.areas:
        places[area.category] += area.capacity
    return [
        CategoryPlaces(name=category.name, color=category.color, places=places[category.name])
        for category in document.categories
    ]
