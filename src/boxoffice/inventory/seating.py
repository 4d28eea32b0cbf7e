"""Who sits next to whom: the geometry of a seat map that best-available and the orphan rule need.

Neighbours are neighbours by position. Within a row the seats are put in sitting order, and wherever
the way to the next seat is longer than usual in that row there is an aisle, a pillar or a wall: the
row falls into blocks. A seat number says nothing: 14 and 15 may have an aisle between them.

All seats of the map stand in one line, block after block, so that a block is a range of places in the
line and a party of n takes n consecutive places of one block.
"""

import math
from array import array
from collections.abc import Iterable, Sequence
from enum import Enum, auto
from itertools import accumulate, chain, pairwise
from statistics import median
from typing import Self

import msgspec

from boxoffice.catalog.seat_maps.seat_map import SeatMap

# Two seats are neighbours up to this many times the row's usual distance: an aisle of the halls we
# know is at least twice as wide as a seat, and a hand-drawn row wobbles by far less than half of one.
NEIGHBOUR_DISTANCES_MAX = 1.5

# Rows count as adjacent up to this many times the zone's usual distance between rows.
ADJACENT_ROW_DISTANCES_MAX = 1.5

# A row with fewer distances than this cannot tell its aisle from its seats.
ROW_DISTANCES_MIN = 3

# Parties for whom windows are kept sorted; larger ones are rare and are looked for in the free stretches.
WINDOW_SEATS_MAX = 12

# Kinds of requests of which something is remembered: each costs two microseconds whenever a seat comes free.
# A hall has five categories and parties of one to eight; who asks for more than that pays for looking.
KINDS_REMEMBERED_MAX = 100

# When more seats than these come free at once, as of a block, all is forgotten: to look once more takes less
# than to see for each of them, and each kind, from where on.
SEATS_FREED_MAX = 100

# Distances are whole numbers of these, so that windows as good as each other have the same sum.
_UNITS_OF_DISTANCE = 1_000_000


class Keeping(Enum):
    """How the seats that are kept for people who need them stand to a request.

    RELEASED: they are like all others. GENERAL: the request may not have them. ACCESSIBLE: it may, and a
    companion's seat together with the accessible seat that it belongs to.
    """

    RELEASED = auto()
    GENERAL = auto()
    ACCESSIBLE = auto()


class WindowKind(msgspec.Struct, frozen=True, gc=False):
    """A kind of request: windows of one size, of one category and zone or of any, for one sales channel.

    `closed` are categories that it may not have.
    """

    size: int
    category: int | None = None
    zone: str | None = None
    keeping: Keeping = Keeping.RELEASED
    channel_id: int | None = None
    closed: frozenset[str] = frozenset()


class Seating:
    """The line of all seats, and for each size of party its windows, nearest to the focal point first.

    seat_at[p]   the seat at place p of the line       place_of[s]  the place of seat s
    block_of[p]  the block that place p belongs to     blocks[b]    its range of places (start, end)
    row_of_block[b] and rows_beside[r]: which rows are the next ones in front and behind
    """

    __slots__ = (
        "_away_before",
        "_is_in_order",
        "_usual",
        "_windows",
        "_xs",
        "_ys",
        "block_of",
        "blocks",
        "blocks_of_row",
        "place_of",
        "row_of_block",
        "rows_beside",
        "seat_at",
    )

    def __init__(self, seat_map: SeatMap) -> None:
        self._xs, self._ys = seat_map.xs, seat_map.ys
        self.seat_at = array("I")
        self.block_of = array("I")
        self.blocks: list[tuple[int, int]] = []
        self.row_of_block = array("I")
        self.blocks_of_row: list[list[int]] = [[] for _ in seat_map.rows]
        # By block: the usual distance between two neighbours.
        self._usual = array("d")
        rows = _rows_in_sitting_order(seat_map)
        usual = _usual_distances(seat_map, rows)
        for row, seats in enumerate(rows):
            self._add_row(row, seats, usual[row])
        # A withdrawn seat is at no place, and nobody asks for it: what is named is refused before.
        self.place_of = array("I", bytes(4 * seat_map.seat_count))
        for place, seat_id in enumerate(self.seat_at):
            self.place_of[seat_id] = place
        self._is_in_order = self.seat_at == array("I", range(seat_map.seat_count))
        self.rows_beside = _rows_beside(seat_map, rows)
        x, y = focal_point(seat_map)
        away = [math.hypot(self._xs[seat] - x, self._ys[seat] - y) for seat in self.seat_at]
        # By place: how far away all places before it are together.
        self._away_before = array(
            "q", accumulate([round(_UNITS_OF_DISTANCE * distance) for distance in away], initial=0)
        )
        self._windows: dict[int, Windows] = {}

    def windows(self, size: int) -> "Windows":
        """The windows for a party of this size (1 to WINDOW_SEATS_MAX), made at its first use."""
        found = self._windows.get(size)
        if found is None:
            starts = self.nearest_first(self.blocks, size)
            found = self._windows[size] = Windows(starts, len(self.seat_at))
        return found

    def nearest_first(self, stretches: Iterable[tuple[int, int]], size: int) -> list[int]:
        """Where the windows of this size begin in these stretches of the line (start, end), best first.

        Best is the smallest mean distance to the focal point; of windows as good as each other the left one.
        """
        before = self._away_before
        starts = chain.from_iterable([range(start, end - size + 1) for start, end in stretches])
        return sorted(starts, key=lambda place: before[place + size] - before[place])

    def in_line(self, codes: bytes | bytearray) -> bytes:
        """The byte of each seat, in the order of the line; most maps have their seats in that order."""
        return bytes(codes) if self._is_in_order else bytes(map(codes.__getitem__, self.seat_at))

    def has_windows(self, size: int) -> bool:
        """Whether nothing is left to be made for parties of this size."""
        return size in self._windows or not 1 <= size <= WINDOW_SEATS_MAX

    def first_rank_with(self, size: int, seat_id: int) -> int:
        """The best rank among the windows of this size that contain the seat."""
        if size > WINDOW_SEATS_MAX:
            return 0
        rank_of = self.windows(size).rank_of
        place = self.place_of[seat_id]
        start, end = self.blocks[self.block_of[place]]
        return min(
            (rank_of[first] for first in range(max(start, place - size + 1), min(place, end - size) + 1)),
            default=Windows.NO_WINDOW,
        )

    def middle_of(self, window: range) -> tuple[float, float]:
        """Where the middle between a window's two ends is drawn."""
        first, last = self.seat_at[window[0]], self.seat_at[window[-1]]
        return (self._xs[first] + self._xs[last]) / 2, (self._ys[first] + self._ys[last]) / 2

    def are_one_behind_the_other(self, front: range, back: range) -> bool:
        """Whether two windows of adjacent rows overlap along the row by half of the narrower one."""
        (front_x, front_y), (back_x, back_y) = self.middle_of(front), self.middle_of(back)
        first, last = self.seat_at[front[0]], self.seat_at[front[-1]]
        wide = abs(self._xs[last] - self._xs[first]) >= abs(self._ys[last] - self._ys[first])
        shift = abs(front_x - back_x) if wide else abs(front_y - back_y)
        seat = self._usual[self.block_of[front[0]]]
        return shift <= seat * max(len(front), len(back)) / 2

    def _add_row(self, row: int, seats: Sequence[int], usual: float) -> None:
        for index, seat_id in enumerate(seats):
            if index == 0 or self._distance(seats[index - 1], seat_id) > NEIGHBOUR_DISTANCES_MAX * usual:
                self.blocks_of_row[row].append(len(self.blocks))
                self.blocks.append((len(self.seat_at), len(self.seat_at)))
                self.row_of_block.append(row)
                self._usual.append(usual)
            self.seat_at.append(seat_id)
            self.block_of.append(len(self.blocks) - 1)
            self.blocks[-1] = (self.blocks[-1][0], len(self.seat_at))

    def _distance(self, left: int, right: int) -> float:
        return math.hypot(self._xs[left] - self._xs[right], self._ys[left] - self._ys[right])


class Windows:
    """All places where a party of one size can sit side by side, best first.

    starts[r] is the place where the window of rank r begins; rank_of[p] is the rank of the window that
    begins at place p (NO_WINDOW where none does).
    """

    NO_WINDOW = 2**32 - 1

    __slots__ = ("rank_of", "starts")

    def __init__(self, starts: Sequence[int], place_count: int) -> None:
        self.starts = array("I", starts)
        self.rank_of = array("I", [self.NO_WINDOW]) * place_count
        for rank, place in enumerate(starts):
            self.rank_of[place] = rank


class Frontier:
    """What is remembered of a hall for each kind of request, so that nobody looks at all of it again.

    first[kind]    before this rank of its windows none is free
    longest[kind]  a window as long as any that was free, if not longer than its size

    Seats that are taken leave it true, but for the longest window, which must be looked at once more.
    """

    __slots__ = ("first", "longest")

    def __init__(self) -> None:
        self.first: dict[WindowKind, int] = {}
        self.longest: dict[WindowKind, range] = {}

    def copy(self) -> Self:
        """One to go on with, while this one stays as it is."""
        copied = type(self)()
        copied.first, copied.longest = dict(self.first), dict(self.longest)
        return copied

    def begin_at(self, kind: WindowKind, rank: int) -> None:
        """Before this rank none is free."""
        if kind not in self.first and len(self.first) >= KINDS_REMEMBERED_MAX:
            del self.first[next(iter(self.first))]
        self.first[kind] = rank

    def remember_longest(self, kind: WindowKind, window: range) -> None:
        """None is longer than this one, up to the kind's size."""
        if kind not in self.longest and len(self.longest) >= KINDS_REMEMBERED_MAX:
            del self.longest[next(iter(self.longest))]
        self.longest[kind] = window

    def lower(self, seating: Seating, seat_ids: Sequence[int]) -> None:
        """Seats came free: windows with them may be free again, for every kind of request."""
        self.longest.clear()
        if len(seat_ids) > SEATS_FREED_MAX:
            self.first.clear()
        for seat_id in seat_ids:
            for kind, rank in self.first.items():
                self.first[kind] = min(rank, seating.first_rank_with(kind.size, seat_id))


def focal_point(seat_map: SeatMap) -> tuple[float, float]:
    """What everybody looks at: the map's own focal point, else the middle of the drawing."""
    if seat_map.focal_point is not None:
        return seat_map.focal_point.x, seat_map.focal_point.y
    xs: Sequence[float] = seat_map.xs
    ys: Sequence[float] = seat_map.ys
    if seat_map.withdrawn:
        there = [seat_id for seat_id in range(seat_map.seat_count) if seat_id not in seat_map.withdrawn]
        xs, ys = [xs[seat_id] for seat_id in there], [ys[seat_id] for seat_id in there]
    if not xs:
        return 0.0, 0.0
    return (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2


def _rows_in_sitting_order(seat_map: SeatMap) -> list[list[int]]:
    """The seats of each row along the axis on which it is longer; a row that bends stays a row."""
    rows: list[list[int]] = [[] for _ in seat_map.rows]
    for seat_id, row in enumerate(seat_map.row_of):
        if seat_id not in seat_map.withdrawn:
            rows[row].append(seat_id)
    xs, ys = seat_map.xs, seat_map.ys
    for seats in rows:
        width = max((xs[seat] for seat in seats), default=0) - min((xs[seat] for seat in seats), default=0)
        height = max((ys[seat] for seat in seats), default=0) - min((ys[seat] for seat in seats), default=0)
        along = xs if width >= height else ys
        seats.sort(key=along.__getitem__)
    return rows


def _usual_distances(seat_map: SeatMap, rows: Sequence[Sequence[int]]) -> list[float]:
    """By row: how far apart two neighbours usually sit. A short row is judged by its zone's rows."""
    xs, ys = seat_map.xs, seat_map.ys
    ways = [
        [math.hypot(xs[left] - xs[right], ys[left] - ys[right]) for left, right in pairwise(seats)]
        for seats in rows
    ]
    of_zone: dict[str, list[float]] = {}
    for (zone, _), found in zip(seat_map.rows, ways, strict=True):
        of_zone.setdefault(zone, []).extend(found)
    usual_of_zone = {zone: median(found) if found else 0.0 for zone, found in of_zone.items()}
    return [
        median(found) if len(found) >= ROW_DISTANCES_MIN else usual_of_zone[zone]
        for (zone, _), found in zip(seat_map.rows, ways, strict=True)
    ]


def _rows_beside(seat_map: SeatMap, rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each row, the rows of its zone directly in front of it and behind it."""
    xs, ys = seat_map.xs, seat_map.ys
    middles = [
        (
            sum(xs[seat] for seat in seats) / max(len(seats), 1),
            sum(ys[seat] for seat in seats) / max(len(seats), 1),
        )
        for seats in rows
    ]
    zones: dict[str, list[int]] = {}
    for row, (zone, _) in enumerate(seat_map.rows):
        # The row of a withdrawn seat has nobody in it.
        if rows[row]:
            zones.setdefault(zone, []).append(row)
    beside: list[list[int]] = [[] for _ in rows]
    for members in zones.values():
        spread = [
            max(values) - min(values) for values in zip(*(middles[row] for row in members), strict=True)
        ]
        axis = 0 if spread[0] > spread[1] else 1
        members.sort(key=lambda row, axis=axis: middles[row][axis])
        ways = [middles[back][axis] - middles[front][axis] for front, back in pairwise(members)]
        usual = ADJACENT_ROW_DISTANCES_MAX * median(ways) if ways else 0.0
        for (front, back), way in zip(pairwise(members), ways, strict=True):
            if way <= usual:
                beside[front].append(back)
                beside[back].append(front)
    return beside
