"""Who sits next to whom: the geometry of a seat map that best-available and the orphan rule need.

Neighbours are neighbours by position. Within a row the seats are put in sitting order, and wherever
the way to the next seat is longer than usual in that row there is an aisle, a pillar or a wall: the
row falls into blocks. A seat number says nothing: 14 and 15 may have an aisle between them.

All seats of the map stand in one line, block after block, so that a block is a range of places in the
line and a party of n takes n consecutive places of one block.
"""

import math
from array import array
from collections.abc import Sequence
from enum import Enum, auto
from itertools import pairwise
from statistics import median

import msgspec

from boxoffice.catalog.seat_map import SeatMap

# Two seats are neighbours up to this many times the row's usual distance: an aisle of the halls we
# know is at least twice as wide as a seat, and a hand-drawn row wobbles by far less than half of one.
NEIGHBOUR_DISTANCES_MAX = 1.5

# Rows count as adjacent up to this many times the zone's usual distance between rows.
ADJACENT_ROW_DISTANCES_MAX = 1.5

# A row with fewer distances than this cannot tell its aisle from its seats.
ROW_DISTANCES_MIN = 3

# Parties for whom windows are kept sorted; larger ones are rare and are looked for block by block.
WINDOW_SEATS_MAX = 12


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
        "_distances",
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
        self.rows_beside = _rows_beside(seat_map, rows)
        x, y = focal_point(seat_map)
        self._distances = array(
            "d", [math.hypot(self._xs[seat] - x, self._ys[seat] - y) for seat in self.seat_at]
        )
        self._windows: dict[int, Windows] = {}

    def windows(self, size: int) -> "Windows":
        """The windows for a party of this size (1 to WINDOW_SEATS_MAX), made at its first use."""
        found = self._windows.get(size)
        if found is None:
            found = self._windows[size] = Windows(self.blocks, self._distances, size)
        return found

    def has_windows(self, size: int) -> bool:
        """Whether nothing is left to be made for parties of this size."""
        return size in self._windows or not 1 <= size <= WINDOW_SEATS_MAX

    def distance(self, place: int) -> float:
        """From this place of the line to the focal point, in the map's units."""
        return self._distances[place]

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
        """Where the middle of a window is drawn."""
        seats = [self.seat_at[place] for place in window]
        return (
            sum(self._xs[seat] for seat in seats) / len(seats),
            sum(self._ys[seat] for seat in seats) / len(seats),
        )

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
    begins at place p (NO_WINDOW where none does). Best is the smallest mean distance to the focal point.
    """

    NO_WINDOW = 2**32 - 1

    __slots__ = ("rank_of", "size", "starts")

    def __init__(self, blocks: Sequence[tuple[int, int]], distances: Sequence[float], size: int) -> None:
        self.size = size
        scores: list[tuple[float, int]] = []
        for start, end in blocks:
            if end - start < size:
                continue
            total = sum(distances[start : start + size])
            scores.append((total, start))
            for place in range(start + 1, end - size + 1):
                total += distances[place + size - 1] - distances[place - 1]
                scores.append((total, place))
        # Rounded, so that windows as good as each other are taken from left to right.
        scores.sort(key=_by_score)
        self.starts = array("I", [place for _, place in scores])
        self.rank_of = array("I", [self.NO_WINDOW]) * len(distances)
        for rank, place in enumerate(self.starts):
            self.rank_of[place] = rank


def _by_score(window: tuple[float, int]) -> tuple[float, int]:
    return round(window[0], 6), window[1]


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
