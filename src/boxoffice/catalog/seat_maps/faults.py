"""What can be wrong with a seat map beyond its shape, each fault pointing into the body as sent."""

import itertools
from collections.abc import Iterable, Iterator

import msgspec

from boxoffice.catalog.seat_maps.document import SEATS_MAX, DocumentRow, DocumentZone, SeatMapDocument
from boxoffice.catalog.seat_maps.shapes import NewSeatMap, SeatingPlan, read_shape, to_document
from boxoffice.kit.errors import FieldError, InvalidInput

# Enough to mend a map in one go; a map with more faults than this has one cause for them all.
FAULTS_MAX = 20


def read_seat_map(body: bytes) -> SeatMapDocument:
    """Read a body of either shape into the document we keep; rows and zones without seats are dropped.

    CPU-bound: about 0.1 s for 50,000 seats, so it belongs in a thread. Raises `UnreadableBody` or
    `InvalidInput`.
    """
    shape = read_shape(body)
    document = to_document(shape)
    if faults := list(itertools.islice(_faults(shape, document), FAULTS_MAX)):
        raise InvalidInput(errors=faults)
    return _without_empty_parts(document)


def _faults(shape: NewSeatMap | SeatingPlan, document: SeatMapDocument) -> Iterator[FieldError]:
    if document.seat_count > SEATS_MAX:
        detail = f"{document.seat_count} seats are too many; a map has at most {SEATS_MAX}."
        yield FieldError(pointer="/zones", detail=detail)
        return
    if document.seat_count == 0 and not document.areas:
        yield FieldError(pointer="/zones", detail="A seat map needs at least one seat or area.")
    categories = {category.name for category in document.categories}
    yield from _twice("/categories", (category.name for category in document.categories))
    yield from _twice("/zones", (zone.name for zone in document.zones))
    yield from _twice("/areas", (area.name for area in document.areas))
    for number, area in enumerate(document.areas):
        if area.category not in categories:
            yield _unknown_category(f"/areas/{number}/category", area.category)
    number_member = "seat_number" if isinstance(shape, SeatingPlan) else "number"
    for number, zone in enumerate(document.zones):
        yield from _faults_of_zone(f"/zones/{number}", zone, categories, number_member)
    if isinstance(shape, SeatingPlan):
        yield from _guids_used_twice(shape)
    else:
        yield from _faults_of_companions(shape)


def _faults_of_zone(
    pointer: str, zone: DocumentZone, categories: set[str], number_member: str
) -> Iterator[FieldError]:
    # Plans split a row into two of the same name where an aisle or a pillar divides it.
    used: dict[str, set[str]] = {}
    for row_number, row in enumerate(zone.rows):
        seats = f"{pointer}/rows/{row_number}/seats"
        yield from _faults_of_row(seats, row, used.setdefault(row.name, set()), categories, number_member)


def _faults_of_row(
    pointer: str, row: DocumentRow, used: set[str], categories: set[str], number_member: str
) -> Iterator[FieldError]:
    for number, seat in enumerate(row.seats):
        if seat.number in used:
            detail = f"Seat {seat.number!r} is in this row of this zone already."
            yield FieldError(pointer=f"{pointer}/{number}/{number_member}", detail=detail)
        used.add(seat.number)
        if seat.category not in categories:
            yield _unknown_category(f"{pointer}/{number}/category", seat.category)


def _faults_of_companions(shape: NewSeatMap) -> Iterator[FieldError]:
    """A companion's seat belongs to an accessible seat of its own row, and is none itself."""
    for zone_number, zone in enumerate(shape.zones):
        for row_number, row in enumerate(zone.rows):
            accessible = {seat.number for seat in row.seats if seat.accessible}
            for number, seat in enumerate(row.seats):
                if seat.companion_of is None:
                    continue
                pointer = f"/zones/{zone_number}/rows/{row_number}/seats/{number}/companion_of"
                if seat.accessible:
                    detail = "An accessible seat is nobody's companion's: leave `companion_of` out."
                    yield FieldError(pointer=pointer, detail=detail)
                elif seat.companion_of not in accessible:
                    detail = f"This row has no accessible seat {seat.companion_of!r}."
                    yield FieldError(pointer=pointer, detail=detail)


def _guids_used_twice(plan: SeatingPlan) -> Iterator[FieldError]:
    used: set[str] = set()
    for zone_number, zone in enumerate(plan.zones):
        for row_number, row in enumerate(zone.rows):
            for number, seat in enumerate(row.seats):
                if seat.seat_guid in used:
                    pointer = f"/zones/{zone_number}/rows/{row_number}/seats/{number}/seat_guid"
                    yield FieldError(pointer=pointer, detail="Another seat has this seat_guid already.")
                used.add(seat.seat_guid)


def _twice(pointer: str, names: Iterable[str]) -> Iterator[FieldError]:
    used: set[str] = set()
    for number, name in enumerate(names):
        if name in used:
            yield FieldError(pointer=f"{pointer}/{number}/name", detail=f"{name[:80]!r} is used twice.")
        used.add(name)


def _unknown_category(pointer: str, name: str) -> FieldError:
    return FieldError(pointer=pointer, detail=f"There is no category {name[:80]!r} in `categories`.")


def _without_empty_parts(document: SeatMapDocument) -> SeatMapDocument:
    zones = [DocumentZone(zone.name, [row for row in zone.rows if row.seats]) for zone in document.zones]
    return msgspec.structs.replace(document, zones=[zone for zone in zones if zone.rows])
