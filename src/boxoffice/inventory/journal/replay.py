"""Replay: an inventory made from its journal alone, as it was after any row or at any time."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime
from functools import cache
from uuid import UUID

import msgspec

from boxoffice.catalog.seat_maps.of_events import get_first_seat_map
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.terms import SaleTerms, find_sale_terms
from boxoffice.inventory.changes import Change, PlacesBlocked, PlacesReleased, SeatMapChanged, decode_changes
from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.chain import GENESIS
from boxoffice.inventory.state import BLOCKED, FREE, Inventory
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Source

# Rows read at once: enough that the round trips do not count, and with the largest rows (a rush of
# full batches) still only tens of megabytes.
ROWS_AT_ONCE_MAX = 500

# bigint's largest: to the end of the journal.
VERSION_MAX = 2**63 - 1


class Impossible(Exception):  # noqa: N818  a finding of an audit
    """The journal says something that cannot have happened; the message says what was expected and found."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


class Replay:
    """An inventory that follows its journal from the first row, and which booking or block has each seat."""

    __slots__ = ("_seat_maps", "at", "inventory", "owner_of")

    def __init__(self, terms: SaleTerms, seat_map: SeatMap) -> None:
        self.inventory = Inventory(terms, seat_map, 0, GENESIS)
        self.owner_of: dict[int, UUID | None] = {}
        self.at: datetime | None = None
        self._seat_maps: dict[int, SeatMap] = {}

    async def learn(self, source: Source, changes: Sequence[Change]) -> None:
        """Read the seat map that a row moves to, if it does, before the row is followed."""
        for change in changes[-1:]:
            if isinstance(change, SeatMapChanged):
                try:
                    seat_map = await get_seat_map(source, change.seat_map_id)
                except LookupError as error:
                    raise Impossible(f"seat map {change.seat_map_id} to be there", "none") from error
                self._seat_maps[seat_map.id] = seat_map

    def follow(
        self,
        row: queries.JournalRow,
        changes: Sequence[Change],
        then: Callable[[Change], None] | None = None,
    ) -> None:
        """Apply a row that was learnt, and call `then` after each of its changes. Raises `Impossible`."""
        inventory = self.inventory
        for change in changes:
            try:
                if isinstance(change, SeatMapChanged):
                    self._move(change)
                else:
                    inventory.apply((change,))
            except (LookupError, ValueError) as error:
                kind = type(change).__name__
                raise Impossible("changes that can be applied", f"{kind} ({error!r})") from error
            self._follow_seats(change)
            if then is not None:
                then(change)
        inventory.version, inventory.chain_hash = row.version, row.hash
        self.at = row.at

    def _move(self, change: SeatMapChanged) -> None:
        inventory, seat_map = self.inventory, self._seat_maps[change.seat_map_id]
        if change.before_id != inventory.seat_map.id:
            raise Impossible(f"a change of seat map {inventory.seat_map.id}", f"one of {change.before_id}")
        for seat_id in change.withdrawn_seat_ids:
            if inventory.seats[seat_id] != FREE:
                raise Impossible(f"seat {seat_id} to be free", "it taken out of the seat map")
        gone = inventory.seat_map.withdrawn.union(change.withdrawn_seat_ids)
        if (change.seat_count, gone.difference(change.restored_seat_ids)) != (
            seat_map.seat_count,
            seat_map.withdrawn,
        ):
            raise Impossible(f"the seats of seat map {seat_map.id}", "others")
        inventory.move_to(seat_map)

    def _follow_seats(self, change: Change) -> None:
        if isinstance(change, SeatMapChanged):
            return
        if isinstance(change, PlacesBlocked | PlacesReleased):
            self._follow_block(change)
            return
        booking_id: UUID | None = getattr(change, "booking_id", None)
        inventory = self.inventory
        for seat_id in seats_of(change):
            owner = self.owner_of.get(seat_id, booking_id)
            # A channel sells from its blocks, and what it gives back goes back there.
            if owner not in (booking_id, inventory.block_of.get(seat_id)):
                raise Impossible(f"seat {seat_id} to be free or of booking {booking_id}", f"it of {owner}")
            if inventory.seats[seat_id] == FREE:
                self.owner_of.pop(seat_id, None)
            else:
                is_back = inventory.seats[seat_id] == BLOCKED
                self.owner_of[seat_id] = inventory.block_of[seat_id] if is_back else booking_id

    def _follow_block(self, change: PlacesBlocked | PlacesReleased) -> None:
        for seat_id in change.seat_ids:
            code = self.inventory.seats[seat_id]
            if code == FREE:
                self.owner_of.pop(seat_id, None)
            elif code == BLOCKED:
                owner = self.owner_of.setdefault(seat_id, change.block_id)
                if owner != change.block_id:
                    raise Impossible(f"seat {seat_id} to be of block {change.block_id}", f"it of {owner}")


@cache
def _seat_fields(kind: type[Change]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name.endswith("seat_ids"))


def seats_of(change: Change) -> tuple[int, ...]:
    """Every seat a change names, whatever it does to it; fields of seats are called `...seat_ids`."""
    fields = _seat_fields(type(change))
    if len(fields) == 1:
        return getattr(change, fields[0])
    return tuple(seat_id for field in fields for seat_id in getattr(change, field))


async def begin_replay(source: Source, event_id: int) -> Replay:
    """The inventory before its first journal row. Raises `NotFound` for an event that is not there."""
    terms = await find_sale_terms(source, event_id)
    if terms is None:
        raise NotFound
    return Replay(terms, await get_first_seat_map(source, event_id))


async def read_journal(
    source: Source, event_id: int, *, after: int = 0, until: int = VERSION_MAX
) -> AsyncGenerator[list[queries.JournalRow]]:
    """The rows after one version and until another, a few hundred at a time."""
    while True:
        rows = await queries.list_rows(source, event_id, after, until, ROWS_AT_ONCE_MAX)
        if rows:
            yield rows
            after = rows[-1].version
        if len(rows) < ROWS_AT_ONCE_MAX:
            return


async def replay_event(source: Source, event_id: int, *, at: datetime | None, version: int | None) -> Replay:
    """The inventory as it was at a time, after a row, or, without either, as it is.

    A row counts from its own time on. Raises `NotFound` when there is no such event, `UnknownVersion`
    and `Impossible`. The chain is not checked here: that is `verify_event`.
    """
    replay = await begin_replay(source, event_id)
    until = VERSION_MAX if at is None else await queries.get_version_at(source, event_id, at)
    async for rows in read_journal(source, event_id, until=until if version is None else version):
        for row in rows:
            changes = read_changes(row)
            await replay.learn(source, changes)
            replay.follow(row, changes)
    if version is not None and replay.inventory.version != version:
        raise UnknownVersion(replay.inventory.version)
    return replay


class UnknownVersion(Exception):  # noqa: N818  somebody asked for what is not there
    """The journal has no row of this version."""

    def __init__(self, last: int) -> None:
        super().__init__(f"The journal ends at version {last}.")


def read_changes(row: queries.JournalRow) -> tuple[Change, ...]:
    """What a row says. Raises `Impossible` when it is none of our kinds of change."""
    try:
        return decode_changes(row.changes)
    except msgspec.DecodeError as error:
        raise Impossible("changes of the kinds we know", f"{str(error)!r}") from error
