"""A seat map in memory: columns instead of objects, about 1 MB for 50,000 seats."""

import asyncio
import sys
from array import array
from collections import Counter, OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from boxoffice.catalog import queries
from boxoffice.catalog.seat_maps.document import Area, Category, DocumentSeat, FocalPoint, WithdrawnSeat
from boxoffice.kit.postgres import Source

# Maps a process keeps: more halls than one box sells at a time; 2 MB each for the largest.
SEAT_MAPS_KEPT_MAX = 32

# Takes about 5 ms to read; other requests should not wait for longer than that.
_BYTES_READ_AT_ONCE_MAX = 400_000


class SeatLabel(msgspec.Struct, frozen=True, gc=False):
    """What a ticket says about a seat."""

    zone: str
    row: str
    number: str


@dataclass(frozen=True, slots=True, eq=False)
class SeatMap:
    """Column `k[i]` belongs to seat `i`. `withdrawn` are the ids of seats that are not there any more.

    `category_of` and `row_of` are indexes into `categories` and `rows`; `areas[i].id == i`. `accessible`
    are the seats for people who need them; `companion_of` names the accessible seat that a companion's
    seat belongs to; `kept` are both kinds.
    """

    id: int
    seat_count: int
    categories: tuple[Category, ...]
    category_of: bytes
    xs: "array[float]"
    ys: "array[float]"
    row_of: "array[int]"
    rows: tuple[tuple[str, str], ...]
    numbers: tuple[str, ...]
    areas: tuple[Area, ...]
    accessible: frozenset[int]
    companion_of: dict[int, int]
    kept: frozenset[int]
    focal_point: FocalPoint | None
    withdrawn: frozenset[int] = frozenset()

    def label_of(self, seat_id: int) -> SeatLabel:
        """Zone, row and number of a seat. Raises `IndexError` for an id that is not in this map."""
        if not 0 <= seat_id < self.seat_count:
            raise IndexError(f"seat map {self.id} has no seat {seat_id}")
        zone, row = self.rows[self.row_of[seat_id]]
        return SeatLabel(zone=zone, row=row, number=self.numbers[seat_id])

    def count_by_category(
        self, area_id: int | None, admissions: int, seat_ids: Iterable[int]
    ) -> dict[str, int]:
        """How many are of each category: so many admissions of an area, or, without one, these seats."""
        if area_id is not None:
            return {self.areas[area_id].category: admissions}
        counted = Counter(map(self.category_of.__getitem__, seat_ids))
        return {self.categories[index].name: count for index, count in counted.items()}


class _RawRow(msgspec.Struct, frozen=True):
    name: str
    seats: msgspec.Raw


class _RawZone(msgspec.Struct, frozen=True):
    name: str
    rows: list[_RawRow]


class _RawDocument(msgspec.Struct, frozen=True):
    """A `SeatMapDocument` whose rows are still text: its 50,000 seats as objects would take 15 MB at once."""

    categories: list[Category]
    zones: list[_RawZone]
    areas: list[Area]
    focal_point: FocalPoint | None = None
    withdrawn: list[WithdrawnSeat] = []


_decoder = msgspec.json.Decoder(_RawDocument)
_seats_decoder = msgspec.json.Decoder(list[DocumentSeat])

_kept: OrderedDict[tuple[str, int], SeatMap] = OrderedDict()


def parse_seat_map(seat_map_id: int, text: str) -> SeatMap:
    """Turn a stored document into columns, a row at a time: about 50 ms for 50,000 seats."""
    document = _decoder.decode(text)
    index_of = {category.name: index for index, category in enumerate(document.categories)}
    accessible: set[int] = set()
    companion_of: dict[int, int] = {}
    rows: list[tuple[str, str]] = []
    row_of, xs, ys, category_of = array("I"), array("f"), array("f"), bytearray()
    numbers: list[str] = []
    ids = array("I")
    for zone in document.zones:
        for row in zone.rows:
            seats = _seats_decoder.decode(row.seats)
            ids.extend([seat.id for seat in seats])
            row_of.extend([len(rows)] * len(seats))
            rows.append((sys.intern(zone.name), sys.intern(row.name)))
            xs.extend([seat.x for seat in seats])
            ys.extend([seat.y for seat in seats])
            category_of.extend([index_of[seat.category] for seat in seats])
            numbers.extend([sys.intern(seat.number) for seat in seats])
            for seat in seats:
                if seat.accessible:
                    accessible.add(seat.id)
                elif seat.companion_of is not None:
                    companion_of[seat.id] = seat.companion_of
    # What is written on a withdrawn seat is still asked for: by its history, and by bookings that are over.
    their_rows: dict[tuple[str, str], int] = {}
    for seat in document.withdrawn:
        ids.append(seat.id)
        row_of.append(their_rows.setdefault((seat.zone, seat.row), len(rows) + len(their_rows)))
        xs.append(0)
        ys.append(0)
        category_of.append(index_of[seat.category])
        numbers.append(sys.intern(seat.number))
    rows += their_rows
    order = _order_of(ids)
    return SeatMap(
        id=seat_map_id,
        seat_count=len(numbers),
        categories=tuple(document.categories),
        category_of=bytes(category_of) if order is None else bytes([category_of[i] for i in order]),
        xs=xs if order is None else array("f", [xs[i] for i in order]),
        ys=ys if order is None else array("f", [ys[i] for i in order]),
        row_of=row_of if order is None else array("I", [row_of[i] for i in order]),
        rows=tuple(rows),
        numbers=tuple(numbers) if order is None else tuple([numbers[i] for i in order]),
        areas=tuple(document.areas),
        accessible=frozenset(accessible),
        companion_of=companion_of,
        kept=frozenset(accessible | companion_of.keys()),
        focal_point=document.focal_point,
        withdrawn=frozenset([seat.id for seat in document.withdrawn]),
    )


def _order_of(ids: Sequence[int]) -> list[int] | None:
    """Where in the document each seat is, by its id; None when they are in the order of their ids."""
    order = sorted(range(len(ids)), key=ids.__getitem__)
    return None if order == list(range(len(ids))) else order


async def get_seat_map(source: Source, seat_map_id: int) -> SeatMap:
    """The map of this id, from this process's memory when it was used lately.

    A version never changes, so what is kept is always right. Raises `LookupError` when there is none.
    """
    key = (source.dsn, seat_map_id)
    if (kept := _kept.get(key)) is not None:
        _kept.move_to_end(key)
        return kept
    text = await queries.get_seat_map_document(source, seat_map_id)
    if len(text) > _BYTES_READ_AT_ONCE_MAX:
        seat_map = await asyncio.to_thread(parse_seat_map, seat_map_id, text)
    else:
        seat_map = parse_seat_map(seat_map_id, text)
    _kept[key] = seat_map
    while len(_kept) > SEAT_MAPS_KEPT_MAX:
        _kept.popitem(last=False)
    return seat_map
