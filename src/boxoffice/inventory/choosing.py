"""Choosing seats for a party: side by side if at all possible, as near to the focal point as possible.

Best means: the window whose seats have the smallest mean distance to the focal point. Windows are kept
sorted (see `seating`), and for every kind of request a rank is remembered before which no window can
be free. Where the next few are not free either, the free stretches of the whole hall are looked for, all
seats at once (a millisecond for 50,000): so choosing stays quick in a hall that is nearly sold out.
"""

import heapq
import math
import re
from collections.abc import Iterable, Iterator
from functools import cached_property, partial
from typing import NamedTuple

import msgspec

from boxoffice.inventory.commands import Adjacent, BestAvailable
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.seating import WINDOW_SEATS_MAX, Keeping, Seating, WindowKind
from boxoffice.inventory.state import FREE

# So many windows are tried as the front half of a party in two rows: the nearest few hundred decide,
# and a hall that has no such pair must say so in bounded time.
TWO_ROW_WINDOWS_MAX = 400

# So many windows are looked at one by one, which takes as long as to look at all seats at once.
WINDOWS_TRIED_MAX = 1_000

# Among so many free windows one is looked for that strands nobody; without any, the nearest is taken.
CAREFUL_WINDOWS_MAX = 1_000

_IS_FREE = bytes([code == FREE for code in range(256)])


class Access(NamedTuple):
    """Which seats besides those that are free to everybody a request may have.

    `channel_id` only where there are blocks: everybody else shares what is remembered of their windows.
    `closed` are the hidden categories that it may not have.
    """

    keeping: Keeping
    channel_id: int | None
    closed: frozenset[str]


class Choice(msgspec.Struct, frozen=True, gc=False):
    """The seats, in sitting order, and why these, in words for the buyer."""

    seat_ids: tuple[int, ...]
    reason: str


def choose(draft: Draft, wanted: BestAvailable, access: Access, *, no_orphans: bool) -> Choice | None:
    """The best seats for this party as it wants to sit, or None when there are none.

    With `no_orphans`, seats that strand a single one come last but still come: the rule costs no sale.
    """
    pool = _Pool(draft, wanted, access)
    for careful in (True, False) if no_orphans else (False,):
        if (places := pool.best_window(wanted.quantity, careful=careful)) is not None:
            return pool.chosen(list(places), "side by side")
    if pairs := _in_two_rows(pool, wanted.quantity):
        return pool.chosen(pairs, "in two rows, one behind the other")
    if wanted.adjacent is Adjacent.PREFERRED and (places := _apart(pool, wanted.quantity)):
        return pool.chosen(places, "not all together, because no such seats are left together")
    return None


def side_by_side_max(draft: Draft, wanted: BestAvailable, access: Access) -> int:
    """The largest party, up to the one that wants seats, that could sit side by side."""
    return len(_Pool(draft, wanted, access).longest_window())


def stranded_by(draft: Draft, seat_ids: Iterable[int]) -> list[int]:
    """The seats that taking these would leave free with no free neighbour, though they have one now."""
    seating = draft.inventory.seating
    taken = {seating.place_of[seat_id] for seat_id in seat_ids}
    return [
        seating.seat_at[place]
        for place in sorted(_beside(seating, taken))
        if _is_stranded(draft, seating, place, taken)
    ]


def instead_of(draft: Draft, seat_ids: tuple[int, ...], access: Access) -> tuple[int, ...] | None:
    """The selection nearest to this one, of the same categories, side by side, that strands nobody."""
    seating = draft.inventory.seating
    seat_map = draft.inventory.seat_map
    names = {seat_map.categories[seat_map.category_of[seat_id]].name for seat_id in seat_ids}
    size = len(seat_ids)
    pool = _Pool(draft, BestAvailable(size, names.pop() if len(names) == 1 else None), access)
    places = sorted(seating.place_of[seat_id] for seat_id in seat_ids)
    start, end = seating.blocks[seating.block_of[places[0]]]
    for place in sorted(range(start, end - size + 1), key=lambda place: (abs(place - places[0]), place)):
        window = range(place, place + size)
        if pool.is_free(window) and not _strands(draft, window):
            return pool.seats_at(window)
    found = pool.best_window(size, careful=True)
    return None if found is None else pool.seats_at(found)


class _Pool:
    """The seats this request may have, as places of the line."""

    def __init__(self, draft: Draft, wanted: BestAvailable, access: Access) -> None:
        seat_map = draft.inventory.seat_map
        self.draft = draft
        self.seating = draft.inventory.seating
        self.wanted = wanted
        # Places that this very request has chosen already.
        self.withheld: set[int] = set()
        self._category = (
            None
            if wanted.category is None
            else [category.name for category in seat_map.categories].index(wanted.category)
        )
        self._kept = seat_map.kept if access.keeping is Keeping.GENERAL else frozenset[int]()
        accompanied = access.keeping is Keeping.ACCESSIBLE
        self._companion_of = seat_map.companion_of if accompanied else dict[int, int]()
        self.has_companions = bool(self._companion_of)
        self._access = access
        self._closed = {
            index for index, category in enumerate(seat_map.categories) if category.name in access.closed
        }

    def seats_at(self, window: Iterable[int]) -> tuple[int, ...]:
        """The seats at these places of the line."""
        return tuple([self.seating.seat_at[place] for place in window])

    @cached_property
    def _line(self) -> bytes:
        """1 for each place of the line that is free and of the wanted kind; zones are not looked at."""
        draft, seat_map, channel_id = self.draft, self.draft.inventory.seat_map, self._access.channel_id
        free = bytearray(draft.inventory.seats.translate(_IS_FREE))
        for seat_id in draft.freed:
            free[seat_id] = 1
        for seat_id in draft.claimed:
            free[seat_id] = 0
        for block in draft.all_blocks() if channel_id is not None else ():
            for seat_id in block.seat_ids if block.channel_id == channel_id else ():
                free[seat_id] = draft.is_free(seat_id, channel_id)
        for seat_id in self._kept:
            free[seat_id] = 0
        if self._category is not None or self._closed:
            offered = bytes([
                index not in self._closed and self._category in (None, index) for index in range(256)
            ])  # fmt: skip
            mask = int.from_bytes(seat_map.category_of.translate(offered), "little")
            free = (int.from_bytes(free, "little") & mask).to_bytes(len(free), "little")
        return self.seating.in_line(free)

    def stretches(self, size: int, within: tuple[int, int] | None = None) -> Iterator[tuple[int, int]]:
        """Where so many places or more are free side by side, each one's start and end on the line."""
        seating = self.seating
        for found in re.compile(rb"\x01{%d,}" % size).finditer(self._line, *(within or ())):
            start, last = found.span()
            while start < last:
                end = min(last, seating.blocks[seating.block_of[start]][1])
                if end - start >= size and self._is_in_zone(start):
                    yield start, end
                start = end

    def longest_window(self) -> range:
        """A window as long as any that is free, up to what is wanted; empty when there is none."""
        kind = self._kind(self.wanted.quantity)
        longest = self.draft.frontier.longest.get(kind)
        if longest is not None and self.is_free(longest):
            return longest
        longest = range(0)
        for stretch in self.stretches(1):
            for size in range(min(stretch[1] - stretch[0], kind.size), len(longest), -1):
                found = next((each for each in _windows_of(stretch, size) if self.is_free(each)), None)
                if found is not None:
                    longest = found
                    break
            if len(longest) == kind.size:
                break
        self.draft.frontier.remember_longest(kind, longest)
        return longest

    def _kind(self, size: int) -> WindowKind:
        return WindowKind(size, self._category, self.wanted.zone, *self._access)

    def is_free(self, window: range, beside: range = range(0)) -> bool:
        """Whether every place of the window is free and of the kind that is wanted.

        The party has the places `beside` as well, and those that are withheld.
        """
        draft, seat_at, kept, category = self.draft, self.seating.seat_at, self._kept, self._category
        seats, category_of = draft.inventory.seats, draft.inventory.seat_map.category_of
        channel_id, closed = self._access.channel_id, self._closed
        for place in window:
            seat_id = seat_at[place]
            if channel_id is not None:
                if not draft.is_free(seat_id, channel_id):
                    return False
            elif (seats[seat_id] != FREE and seat_id not in draft.freed) or seat_id in draft.claimed:
                return False
            if seat_id in kept or place in self.withheld:
                return False
            of = category_of[seat_id]
            if of in closed or (category is not None and of != category):
                return False
        if self.has_companions:
            together = {*window, *beside, *self.withheld}
            return all(self._is_accompanied(seat_at[place], together) for place in window)
        return True

    def _is_accompanied(self, seat_id: int, together: set[int]) -> bool:
        """Whether this is no companion's seat, or the party has the accessible seat that it belongs to."""
        accessible = self._companion_of.get(seat_id)
        return accessible is None or self.seating.place_of[accessible] in together

    def best_window(self, size: int, *, careful: bool) -> range | None:
        """The free window nearest to the focal point; with `careful`, the nearest that strands nobody."""
        for looked_at, window in enumerate(self.free_windows(size)):
            if careful and looked_at >= CAREFUL_WINDOWS_MAX:
                return None
            if not (careful and _strands(self.draft, window)):
                return window
        return None

    def free_windows(self, size: int) -> Iterator[range]:
        """All free windows of this size in the wanted zone, best first."""
        if size > WINDOW_SEATS_MAX:
            yield from self._large_windows(size)
            return
        windows, kind = self.seating.windows(size), self._kind(size)
        first = self.draft.frontier.first.get(kind, 0)
        # While this very request withholds places, what it finds taken may be free to the next one.
        rank, is_first = first, not self.withheld
        for place in windows.starts[first : first + WINDOWS_TRIED_MAX]:
            window = range(place, place + size)
            if self._is_in_zone(place) and self.is_free(window):
                if is_first:
                    # Everything before this rank is taken or of another kind: nobody need look again.
                    self.draft.frontier.begin_at(kind, rank)
                    is_first = False
                yield window
            rank += 1
        left: list[int] = []
        if rank < len(windows.starts):
            found = [windows.rank_of[start : end - size + 1] for start, end in self.stretches(size)]
            left = [each for ranks in found for each in ranks if each >= rank]
            heapq.heapify(left)
        if is_first:
            self.draft.frontier.begin_at(kind, left[0] if left else len(windows.starts))
        while left:
            place = windows.starts[heapq.heappop(left)]
            window = range(place, place + size)
            if self.is_free(window):
                yield window

    def _large_windows(self, size: int) -> Iterator[range]:
        for place in self.seating.nearest_first(self.stretches(size), size):
            window = range(place, place + size)
            if self.is_free(window):
                yield window

    def _is_in_zone(self, place: int) -> bool:
        if self.wanted.zone is None:
            return True
        seat_map = self.draft.inventory.seat_map
        return seat_map.rows[seat_map.row_of[self.seating.seat_at[place]]][0] == self.wanted.zone

    def chosen(self, places: list[int], how: str) -> Choice:
        """Say what was chosen."""
        seats = self.seats_at(places)
        labels = [self.draft.inventory.seat_map.label_of(seat) for seat in seats]
        spots = dict.fromkeys(f"{label.zone}, row {label.row}" for label in labels)
        where = " and ".join(spots)
        if len(seats) == 1:
            return Choice(
                tuple(seats), f"The free seat nearest to the middle: {where}, seat {labels[0].number}."
            )
        return Choice(
            tuple(seats), f"{len(seats)} seats {how}, the nearest to the middle that are free: {where}."
        )


def _in_two_rows(pool: _Pool, quantity: int) -> list[int]:
    """The larger half as near as possible, the other half right before or behind it."""
    if quantity < 2:
        return []
    seating = pool.seating
    front, back = (quantity + 1) // 2, quantity // 2
    for tried, window in enumerate(pool.free_windows(front)):
        if tried >= TWO_ROW_WINDOWS_MAX:
            break
        rows = seating.rows_beside[seating.row_of_block[seating.block_of[window[0]]]]
        blocks = [seating.blocks[block] for row in rows for block in seating.blocks_of_row[row]]
        beside = [
            other
            for block in blocks
            for stretch in pool.stretches(back, block)
            for other in _windows_of(stretch, back)
            if seating.are_one_behind_the_other(window, other) and pool.is_free(other, window)
        ]
        if beside:
            return [*window, *min(beside, key=partial(_distance_of, seating, window))]
    return []


def _distance_of(seating: Seating, one: range, other: range) -> float:
    return math.dist(seating.middle_of(one), seating.middle_of(other))


def _apart(pool: _Pool, quantity: int) -> list[int]:
    """Groups as large as there are, each as near as possible."""
    places: list[int] = []
    size = min(quantity - 1, len(pool.longest_window()))
    while size:
        count = len(places)
        for window in pool.free_windows(size):
            places += window
            pool.withheld.update(window)
            if quantity - len(places) < size:
                break
        # Who has an accessible seat now may have its companion's: then there may be one more of this size.
        is_done = len(places) == count or not pool.has_companions
        size = min(size - is_done, quantity - len(places))
    return places if len(places) == quantity else []


def _windows_of(block: tuple[int, int], size: int) -> Iterator[range]:
    start, end = block
    for place in range(start, end - size + 1):
        yield range(place, place + size)


def _beside(seating: Seating, taken: set[int]) -> set[int]:
    """The places next to these in their blocks."""
    found: set[int] = set()
    for place in taken:
        for beside in (place - 1, place + 1):
            if (
                0 <= beside < len(seating.seat_at)
                and beside not in taken
                and seating.block_of[beside] == seating.block_of[place]
            ):
                found.add(beside)
    return found


def _strands(draft: Draft, window: range) -> bool:
    seating = draft.inventory.seating
    taken = set(window)
    return any(_is_stranded(draft, seating, place, taken) for place in _beside(seating, taken))


def _is_stranded(draft: Draft, seating: Seating, place: int, taken: set[int]) -> bool:
    """Whether this place next to the taken ones is free and would have no free neighbour left."""
    if not draft.is_free(seating.seat_at[place]):
        return False
    return not any(
        0 <= beside < len(seating.seat_at)
        and beside not in taken
        and seating.block_of[beside] == seating.block_of[place]
        and draft.is_free(seating.seat_at[beside])
        for beside in (place - 1, place + 1)
    )
