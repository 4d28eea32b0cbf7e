"""One batch: the lock, the news, the decision and the write, in one transaction."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from uuid import UUID

import msgspec

from boxoffice.catalog.schemas import EventState, OrphanRule
from boxoffice.catalog.seat_maps.of_events import give_seat_map
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory import queries
from boxoffice.inventory.blocks.queries import delete_block, insert_block, list_blocked_seats, list_blocks
from boxoffice.inventory.changes import Change, PaymentReturned, encode_changes
from boxoffice.inventory.commands import (
    Booking,
    CallOff,
    Command,
    Expire,
    Hold,
    Outcome,
    names_booking,
)
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.following import follow, follow_terms, moves
from boxoffice.inventory.journal.chain import GENESIS, chain_hash
from boxoffice.inventory.loading_queries import get_live_bookings
from boxoffice.inventory.promo_codes.queries import (
    by_hash,
    delete_uses,
    insert_uses,
    list_promo_codes,
    list_uses,
)
from boxoffice.inventory.rules import Decision
from boxoffice.inventory.state import BLOCKED, SOLD, Inventory
from boxoffice.kit import metrics
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.postgres import Transaction

# Beyond this many journal rows behind, reading the tables is quicker than following the journal.
JOURNAL_ROWS_MAX = 2_000


class Inconsistent(Exception):  # noqa: N818  not an error of the caller: the cache is dropped and rebuilt
    """The tables are not as the inventory in memory expects them: it must be loaded anew."""


class Decided(msgspec.Struct, frozen=True):
    """A batch that is about to be committed, for whoever has to write along with it."""

    event_id: int
    commands: Sequence[Command]
    outcomes: Sequence[Outcome | Refusal]
    changes: Sequence[Change]


# Writes what follows from a decision, in the decision's own transaction.
Consequence = Callable[[Transaction, Decided], Awaitable[None]]


async def lock_event(
    tx: Transaction, event_id: int, opens: Callable[[], bool] = lambda: True
) -> queries.LockedInventory:
    """Take the event's turn, opening its inventory at its first sale. Raises `NotFound`.

    `opens` says whether those who ask could begin a sale; whoever names a booking could not.
    """
    locked = await queries.lock_inventory(tx, event_id)
    if locked is not None:
        return locked
    if not opens():
        raise NotFound
    terms = await find_sale_terms(tx, event_id)
    if terms is None or terms.state is EventState.DRAFT:
        raise NotFound
    areas = (await get_seat_map(tx, terms.seat_map_id)).areas
    await queries.insert_inventory(
        tx, event_id, GENESIS, [area.id for area in areas], [area.capacity for area in areas]
    )
    locked = await queries.lock_inventory(tx, event_id)
    if locked is None:
        raise Inconsistent("an inventory that was just opened is not there")
    return locked


async def bring_level(
    tx: Transaction, inventory: Inventory | None, event_id: int, locked: queries.LockedInventory
) -> Inventory:
    """The inventory as of the locked version: ours with the journal's news, or loaded from the tables."""
    if inventory is None:
        return await load(tx, event_id, locked, reason="cold")
    inventory.looked_at = max(inventory.looked_at, locked.now)
    if locked.version - inventory.version > JOURNAL_ROWS_MAX:
        return await load(tx, event_id, locked, reason="far behind")
    news = await queries.list_news(tx, event_id, inventory.version)
    if not follow(inventory, news) or inventory.version != locked.version:
        reason = "seat map" if moves(news) else "journal gap"
        return await load(tx, event_id, locked, reason=reason)
    if news:
        await follow_terms(tx, inventory, news[0].revision)
    return inventory


async def load(tx: Transaction, event_id: int, locked: queries.LockedInventory, *, reason: str) -> Inventory:
    """Build the inventory from the tables, under the event's lock."""
    metrics.INVENTORY_LOADS.labels(reason).inc()
    terms = await find_sale_terms(tx, event_id)
    if terms is None:
        raise NotFound
    seat_map = await get_seat_map(tx, terms.seat_map_id)
    inventory = Inventory(terms, seat_map, locked.version, locked.chain_hash)
    inventory.looked_at = locked.now
    for seat_id in await queries.list_claimed_seats(tx, event_id):
        inventory.seats[seat_id] = SOLD
    live = await get_live_bookings(tx, event_id)
    for booking_id, held in live.holds():
        inventory.hold(booking_id, held)
    blocks = await list_blocks(tx, event_id)
    for seat_id in await list_blocked_seats(tx, event_id) if blocks else ():
        inventory.seats[seat_id] = BLOCKED
    for block in blocks:
        inventory.block(block.places())
    # Counted over held, sold and blocked places alike, so these replace what holding added up.
    for count in await queries.list_area_counts(tx, event_id):
        inventory.area_taken[count.area_id] = count.taken
    inventory.taken_of_type, inventory.places_of = live.taken_of_type(), live.places_of()
    await _load_promo_codes(tx, inventory)
    return inventory


async def _load_promo_codes(tx: Transaction, inventory: Inventory) -> None:
    inventory.promo_codes = by_hash(await list_promo_codes(tx, inventory.event_id))
    for used in await list_uses(tx, inventory.event_id):
        inventory.promo.add(used.buyer_id, used.use())
        if (held := inventory.pending.get(used.booking_id)) is not None:
            inventory.pending[used.booking_id] = msgspec.structs.replace(held, promo=used.use())


async def prepare_seating(inventory: Inventory, commands: Sequence[Command]) -> None:
    """Make what choosing seats needs in a thread, once per process and event: 0.1 s for 50,000 seats."""
    sizes = {command.best.quantity for command in commands if isinstance(command, Hold) and command.best}
    # Half of a party, should it sit in two rows.
    sizes |= {(size + 1) // 2 for size in sizes}
    if inventory.terms.orphan_rule is OrphanRule.ENFORCE:
        sizes |= {len(command.seat_ids) for command in commands if isinstance(command, Hold)}
    if sizes and not inventory.is_prepared(sizes):
        await asyncio.to_thread(inventory.prepare, sizes)


async def find_named_bookings(
    tx: Transaction, event_id: int, commands: Sequence[Command]
) -> dict[UUID, Booking]:
    """The bookings that commands name, read under the lock."""
    named = {command.booking_id for command in commands if names_booking(command)}
    for command in commands:
        if isinstance(command, CallOff):
            named.update(command.booking_ids)
    if not named:
        return {}
    return {booking.id: booking for booking in await queries.list_bookings_by_id(tx, event_id, list(named))}


async def write(
    tx: Transaction,
    locked: queries.LockedInventory,
    commands: Sequence[Command],
    decision: Decision,
    consequences: Sequence[Consequence],
) -> queries.JournalRow | None:
    """Write a decision and what follows from it; None when it changed nothing.

    Raises `Inconsistent` when a row is not as the inventory in memory says.
    """
    draft = decision.draft
    event_id = draft.inventory.event_id
    if draft.changes:
        if draft.freed and await queries.delete_claims(tx, event_id, list(draft.freed)) != len(draft.freed):
            raise Inconsistent("a seat that should have been claimed was not")
        deltas = draft.area_deltas()
        if deltas and await queries.update_area_counts(tx, event_id, deltas) != len(deltas):
            raise Inconsistent("an area has no count")
        if draft.edited and await queries.update_places(
            tx, event_id, locked.now, draft.edited.values()
        ) != len(draft.edited):
            raise Inconsistent("a booking that should have been there was not")
        returned = [change for change in draft.changes if isinstance(change, PaymentReturned)]
        if returned:
            await queries.update_settled_payments(
                tx,
                event_id,
                [change.booking_id for change in returned],
                [change.payment_id for change in returned],
            )
    await _write_blocks(tx, locked, draft)
    await _write_seat_map(tx, draft)
    if draft.used:
        await _write_uses(tx, draft)
    row = await _write_journal(tx, locked, decision)
    decided = Decided(event_id, commands, decision.outcomes, draft.changes)
    for consequence in consequences:
        await consequence(tx, decided)
    if row is None and locked.next_expiry_at != decision.next_expiry_at and _asks_to_expire(commands):
        await queries.update_next_expiry(tx, event_id, decision.next_expiry_at)
    return row


async def _write_blocks(tx: Transaction, locked: queries.LockedInventory, draft: Draft) -> None:
    event_id = draft.inventory.event_id
    for block in draft.blocks.values():
        if block.seat_ids or block.areas:
            await insert_block(tx, event_id, locked.now, block)
        else:
            await delete_block(tx, event_id, block.id)


async def _write_seat_map(tx: Transaction, draft: Draft) -> None:
    if draft.seat_map is None:
        return
    event_id, change = draft.inventory.event_id, draft.seat_map.change
    is_given = await give_seat_map(
        tx,
        event_id,
        revision=draft.seat_map.revision,
        before_id=change.before_id,
        seat_map_id=change.seat_map_id,
        prices=draft.seat_map.prices,
    )
    if not is_given:
        # Changed by its organizer since the batch has read its terms: decided again, this is refused.
        raise Inconsistent("the event has another revision than the batch was decided at")
    await queries.update_area_capacities(
        tx, event_id, list(change.area_ids), [capacity for _, capacity in change.areas]
    )


async def _write_uses(tx: Transaction, draft: Draft) -> None:
    event_id = draft.inventory.event_id
    await delete_uses(tx, event_id, list(draft.used))
    uses = [(id_, buyer_id, use) for id_, (buyer_id, use) in draft.used.items() if use is not None]
    if uses:
        await insert_uses(tx, event_id, uses)


async def _write_journal(
    tx: Transaction, locked: queries.LockedInventory, decision: Decision
) -> queries.JournalRow | None:
    draft = decision.draft
    if not draft.changes:
        return None
    version = locked.version + 1
    changes = encode_changes(tuple(draft.changes))
    row = queries.JournalRow(
        version=version,
        at=locked.now,
        changes=changes,
        hash=chain_hash(locked.chain_hash, version, locked.now, changes),
        next_expiry_at=decision.next_expiry_at,
    )
    if await queries.insert_batch(tx, draft.inventory.event_id, draft, row) != 1:
        raise Inconsistent("the inventory has another version, or a booking that was there is gone")
    return row


def _asks_to_expire(commands: Sequence[Command]) -> bool:
    return any(isinstance(command, Expire) for command in commands)
