"""`boxoffice journal verify`: does the journal hold together, and do the tables say what it says?

The whole journal is replayed and the bookings are compared while the sale goes on. Only then the
event's turn is taken, for milliseconds: the last rows, the counts, the claims and those bookings that
did not agree or have changed meanwhile are looked at while nothing can change.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

import msgspec

from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.blocks.queries import list_blocks
from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.chain import chain_hash
from boxoffice.inventory.journal.queries import JournalRow
from boxoffice.inventory.journal.replay import Impossible, Replay, begin_replay, read_changes, read_journal
from boxoffice.inventory.journal.tally import Tally
from boxoffice.inventory.loading_queries import LiveBookings, get_live_bookings
from boxoffice.inventory.promo_codes.queries import CodeUsed, list_codes_used
from boxoffice.inventory.queries import (
    LockedInventory,
    list_area_counts,
    lock_inventory,
)
from boxoffice.kit.postgres import Database, Source, Transaction

# Bookings remembered at once, about 0.4 kB each: 80 MB. An event with more is gone through several times,
# each time for another part of its bookings.
BOOKINGS_AT_ONCE_MAX = 200_000

# Rows of the bookings' table read at once: a few megabytes.
BOOKING_ROWS_MAX = 5_000

# So many characters of a hash tell two apart; whoever wants all of it reads the row.
_HASH_CHARACTERS = 16


class Verified(msgspec.Struct, frozen=True):
    """The journal up to `version` holds together and the tables say the same."""

    event_id: int
    version: int
    bookings: int
    claims: int


class Difference(msgspec.Struct, frozen=True):
    """The first thing that is not as it must be."""

    event_id: int
    where: str
    expected: str
    found: str

    @property
    def words(self) -> str:
        """One sentence for a person."""
        return f"Event {self.event_id}, {self.where}: expected {self.expected}, found {self.found}."


class _Differs(Exception):  # noqa: N818  found what we were looking for
    def __init__(self, where: str, expected: object, found: object) -> None:
        super().__init__(where)
        self.where, self.expected, self.found = where, str(expected), str(found)


def _ignore(_rows: int) -> None:
    pass


async def verify_event(
    db: Database, event_id: int, on_rows: Callable[[int], None] = _ignore
) -> Verified | Difference:
    """Replay the event's journal and compare; `on_rows` hears how many more rows have been read.

    Raises `NotFound` for an event that is not there. The lock's holder waits for nobody but
    PostgreSQL; buyers wait for it as they wait for another batch.
    """
    parts = 1 + await queries.get_booking_count(db, event_id) // BOOKINGS_AT_ONCE_MAX
    version, bookings, claims = 0, 0, 0
    try:
        for part in range(parts):
            replay = await begin_replay(db, event_id)
            tally = Tally(replay.inventory, part, parts)
            version = await _verify_part(db, replay, tally, on_rows, is_last=part == parts - 1)
            bookings += len(tally.bookings)
            claims = len(replay.owner_of)
    except _Differs as found:
        return Difference(event_id, found.where, found.expected, found.found)
    return Verified(event_id, version, bookings, claims)


async def _verify_part(
    db: Database, replay: Replay, tally: Tally, on_rows: Callable[[int], None], *, is_last: bool
) -> int:
    event_id = replay.inventory.event_id
    async for rows in read_journal(db, event_id):
        await _follow(db, replay, tally, rows)
        on_rows(len(rows))
    tally.touched.clear()
    suspects = await _find_suspects(db, event_id, tally)
    async with db.transaction() as tx:
        locked = await lock_inventory(tx, event_id)
        if locked is None:
            if replay.inventory.version or tally.bookings:
                raise _Differs("its inventory", f"version {replay.inventory.version}", "none")
            return 0
        async for rows in read_journal(tx, event_id, after=replay.inventory.version):
            await _follow(tx, replay, tally, rows)
        _compare_head(replay, locked)
        await _compare_seat_map(tx, replay)
        await _compare_claims(tx, replay)
        await _compare_blocks(tx, replay)
        await _compare_bookings(tx, event_id, tally, suspects | tally.touched)
        if is_last:
            await _compare_areas(tx, replay)
            live = await get_live_bookings(tx, event_id)
            _compare_types(replay, live)
            _compare_buyers(replay, live)
            await _compare_promo_codes(tx, replay)
    return locked.version


async def _follow(source: Source, replay: Replay, tally: Tally, rows: Iterable[JournalRow]) -> None:
    inventory = replay.inventory
    for row in rows:
        where = f"journal row {row.version}"
        if row.version != inventory.version + 1:
            raise _Differs(
                f"journal row {inventory.version + 1}", "it to be there", f"row {row.version} next"
            )
        due = chain_hash(inventory.chain_hash, row.version, row.at, row.changes)
        if row.hash != due:
            raise _Differs(
                where, f"hash {_short(due)} by its content", await _altered(source, replay, row, due)
            )
        if replay.at is not None and row.at < replay.at:
            raise _Differs(where, f"a time not before {replay.at.isoformat()}", row.at.isoformat())
        try:
            changes = read_changes(row)
            await replay.learn(source, changes)
            replay.follow(row, changes, tally.follow)
        except Impossible as error:
            raise _Differs(where, error.expected, error.found) from error


async def _altered(source: Source, replay: Replay, row: JournalRow, due: bytes) -> str:
    """What was found instead of the hash, and what was altered as far as the next row tells."""
    event_id = replay.inventory.event_id
    found = f"hash {_short(row.hash)}"
    following = await queries.list_rows(source, event_id, row.version, row.version + 1, 1)
    if following:
        [after] = following
        taken_over = {
            hash_: chain_hash(hash_, after.version, after.at, after.changes) for hash_ in (due, row.hash)
        }
        was_due, was_stored = taken_over[due] == after.hash, taken_over[row.hash] == after.hash
    else:
        head = await queries.find_head(source, event_id)
        was_due = head is not None and head.chain_hash == due
        was_stored = head is not None and head.chain_hash == row.hash
    if was_due:
        return f"{found}: the hash was altered, for what comes after it was built on its content"
    if was_stored:
        return f"{found}: the time or the changes were altered, for what comes after it was built on its hash"
    return found


async def _find_suspects(db: Database, event_id: int, tally: Tally) -> set[UUID]:
    """Bookings that do not agree with the tally now; the sale goes on, so they may a moment later."""
    suspects: set[UUID] = set()
    unseen = set(tally.bookings)
    after: UUID | None = None
    while rows := await queries.list_bookings_after(db, event_id, after, BOOKING_ROWS_MAX):
        after = rows[-1].id
        for row in rows:
            unseen.discard(row.id)
            if tally.covers(row.id) and tally.difference(row.id, row):
                suspects.add(row.id)
    return suspects | unseen


def _compare_head(replay: Replay, locked: LockedInventory) -> None:
    inventory = replay.inventory
    if locked.version != inventory.version:
        is_last = locked.chain_hash == inventory.chain_hash
        hint = (
            "whose hash is that of the last row" if is_last else "whose hash is that of a row that is missing"
        )
        raise _Differs(
            "its inventory",
            f"version {inventory.version}, where the journal ends",
            f"version {locked.version}, {hint}",
        )
    if locked.chain_hash != inventory.chain_hash:
        raise _Differs(
            "its inventory", f"hash {_short(inventory.chain_hash)}", f"hash {_short(locked.chain_hash)}"
        )


async def _compare_seat_map(tx: Transaction, replay: Replay) -> None:
    terms = await find_sale_terms(tx, replay.inventory.event_id)
    found = None if terms is None else terms.seat_map_id
    if found != replay.inventory.seat_map.id:
        raise _Differs("its seat map", f"seat map {replay.inventory.seat_map.id}", f"seat map {found}")


async def _compare_claims(tx: Transaction, replay: Replay) -> None:
    claims = await queries.get_claims(tx, replay.inventory.event_id)
    found = dict(zip(claims.seat_ids, claims.booking_ids, strict=True))
    expected = replay.owner_of
    if found == expected:
        return
    for seat_id in sorted(found.keys() | expected.keys()):
        if seat_id not in expected:
            raise _Differs(f"seat {seat_id}", "no claim", f"a claim of booking {found[seat_id]}")
        owner = expected[seat_id]
        if seat_id not in found:
            raise _Differs(f"seat {seat_id}", f"a claim of booking {owner}", "no claim")
        if owner is not None and found[seat_id] != owner:
            raise _Differs(
                f"seat {seat_id}", f"a claim of booking {owner}", f"one of booking {found[seat_id]}"
            )


async def _compare_bookings(tx: Transaction, event_id: int, tally: Tally, booking_ids: set[UUID]) -> None:
    in_order = sorted(booking_ids)
    for first in range(0, len(in_order), BOOKING_ROWS_MAX):
        some = in_order[first : first + BOOKING_ROWS_MAX]
        rows = {row.id: row for row in await queries.list_these_bookings(tx, event_id, some)}
        for booking_id in some:
            if (difference := tally.difference(booking_id, rows.get(booking_id))) is not None:
                raise _Differs(f"booking {booking_id}", *difference)


async def _compare_areas(tx: Transaction, replay: Replay) -> None:
    inventory = replay.inventory
    found = {count.area_id: count.taken for count in await list_area_counts(tx, inventory.event_id)}
    expected = dict(enumerate(inventory.area_taken))
    for area_id in sorted(found.keys() | expected.keys()):
        if found.get(area_id) != expected.get(area_id):
            raise _Differs(
                f"area {area_id}",
                f"{expected.get(area_id, 'no')} places taken",
                f"{found.get(area_id, 'no count')}",
            )


def _compare_types(replay: Replay, live: LiveBookings) -> None:
    found = live.taken_of_type()
    expected = replay.inventory.taken_of_type
    for name in sorted(found.keys() | expected.keys()):
        if found[name] != expected[name]:
            raise _Differs(f"ticket type {name!r}", f"{expected[name]} places taken", found[name])


async def _compare_blocks(tx: Transaction, replay: Replay) -> None:
    event_id = replay.inventory.event_id
    found = {row.id: row.places() for row in await list_blocks(tx, event_id)}
    expected = replay.inventory.blocks
    for block_id in sorted(found.keys() | expected.keys()):
        if found.get(block_id) != expected.get(block_id):
            raise _Differs(
                f"block {block_id}", expected.get(block_id, "no block"), found.get(block_id, "no block")
            )


def _compare_buyers(replay: Replay, live: LiveBookings) -> None:
    inventory = replay.inventory
    found = live.places_of()
    if found == inventory.places_of:
        return
    for buyer_id in sorted(found.keys() | inventory.places_of.keys()):
        expected = inventory.places_of.get(buyer_id, 0)
        if found.get(buyer_id, 0) != expected:
            raise _Differs(f"buyer {buyer_id}", f"{expected} places", found.get(buyer_id, 0))


async def _compare_promo_codes(tx: Transaction, replay: Replay) -> None:
    inventory = replay.inventory
    found = {used.code_id: used for used in await list_codes_used(tx, inventory.event_id)}
    tally = inventory.promo
    for code_id in sorted(found.keys() | tally.places.keys()):
        expected = CodeUsed(code_id, tally.places.get(code_id, 0), tally.discount.get(code_id, 0))
        if found.get(code_id, CodeUsed(code_id, 0, 0)) != expected:
            raise _Differs(f"promo code {code_id}", expected, found.get(code_id, "no use"))


def _short(hash_: bytes) -> str:
    return hash_.hex()[:_HASH_CHARACTERS]
