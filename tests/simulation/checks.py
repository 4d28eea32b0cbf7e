"""The checkers: each holds the tables, and what clients were told, against a promise."""

from collections import Counter
from typing import NoReturn
from uuid import UUID

import msgspec

from boxoffice.inventory import batch
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExchanged,
    BookingHeld,
    BookingReduced,
    BookingRenewed,
    Change,
    PlacesBlocked,
    PlacesReleased,
    SeatMapChanged,
)
from boxoffice.inventory.commands import (
    Block,
    BlockedPlaces,
    Booking,
    BookingState,
    Cancel,
    ChangeBlock,
    Exchange,
    GivenUp,
    Held,
    Hold,
    Release,
    Renew,
    TakeBack,
    TakeBackPlaces,
)
from boxoffice.inventory.journal.replay import VERSION_MAX
from boxoffice.inventory.journal.verification import Difference, verify_event
from boxoffice.inventory.queries import list_bookings_by_id
from boxoffice.inventory.state import BLOCKED, FREE, HELD, SOLD, Inventory
from boxoffice.kit.postgres import Database
from shows import JournalRow
from simulation.past import Past, Then
from simulation.record import Ask, Broken, Record
from simulation.stage import Sale


class _Ticket(msgspec.Struct, frozen=True):
    booking_id: UUID
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]


async def read_past(db: Database, sale: Sale, until: int = VERSION_MAX) -> Past:
    """What the journal says, checked row by row: P1, P2, P3, P7, P8 and P9 at every moment there was."""
    rows = await db.list(
        JournalRow,
        """
        SELECT version, at, changes, hash
          FROM journal
         WHERE event_id = $1 AND version <= $2
         ORDER BY version
        """,
        sale.event_id,
        until,
    )
    hall = sale.hall
    return Past(sale.event_id, hall.areas, hall.places_per_buyer_max, doomed=hall.doomed).read(rows)


async def check_tables(db: Database, sale: Sale, past: Past) -> None:
    """P1, P2, P3, P6, P8: claims, counts, bookings and tickets are what the journal says."""
    event_id = sale.event_id
    claims = await sale.show.claims()
    if claims != past.owner_of:
        seat_id = min(seat for seat, _ in claims.items() ^ past.owner_of.items())
        has, says = claims.get(seat_id), past.owner_of.get(seat_id)
        _broken("P1", f"seat {seat_id} is claimed by {has}; by the journal it is {says}'s", sale, says or has)
    rows = await list_bookings_by_id(db, event_id, list(await sale.show.states()))
    for row in rows:
        then = past.bookings.get(row.id)
        if then is None or _of_row(row) != _of_then(then):
            _broken("P8", f"booking {row.id} is {row}, by the journal {then}", sale, row.id)
    if missing := past.bookings.keys() - {row.id for row in rows}:
        _broken("P4", f"bookings {sorted(missing)} are in the journal and in no table", sale, min(missing))
    counts = await db.list(
        int, "SELECT taken FROM area_counts WHERE event_id = $1 ORDER BY area_id", event_id
    )
    if rows and counts != [past.taken[area_id] for area_id in range(len(sale.hall.areas))]:
        _broken("P2", f"areas have {counts} places taken, by the journal {dict(past.taken)}", sale)
    await _check_tickets(db, sale, past)


async def _check_tickets(db: Database, sale: Sale, past: Past) -> None:
    tickets = {
        ticket.booking_id: ticket
        for ticket in await db.list(
            _Ticket,
            """
            SELECT booking_id,
                   coalesce(array_agg(seat_id ORDER BY seat_id) FILTER (WHERE seat_id IS NOT NULL), '{}')
                     AS seat_ids,
                   coalesce(array_agg(area_id ORDER BY area_id) FILTER (WHERE area_id IS NOT NULL), '{}')
                     AS area_ids
              FROM tickets
             WHERE event_id = $1 AND state = 'VALID'
             GROUP BY booking_id
            """,
            sale.event_id,
        )
    }
    for booking_id, then in past.bookings.items():
        found = tickets.pop(booking_id, _Ticket(booking_id, (), ()))
        sold = then.state == "CONFIRMED"
        due = (tuple(sorted(then.seat_ids)), tuple(sorted(then.area_ids))) if sold else ((), ())
        if (found.seat_ids, found.area_ids) != due:
            _broken(
                "P6", f"a booking that is {then.state} has tickets for {found}, not {due}", sale, booking_id
            )
    if tickets:
        _broken("P6", "there are tickets of no booking", sale, next(iter(tickets)))


def check_answers(record: Record, sale: Sale, past: Past) -> None:
    """P3, P4: what was answered 2xx happened, what was refused did not, and nothing else did."""
    changes: dict[UUID, list[Change]] = {}
    for change in past.changes:
        if (holder := holder_of(change)) is not None:
            changes.setdefault(holder, []).append(change)
    asked: dict[UUID, list[Ask]] = {}
    for ask in record.of(sale.event_id):
        booking_id = getattr(ask.command, "booking_id", None) or getattr(ask.command, "block_id", None)
        if isinstance(ask.answer, Exception) and not (ask.is_unknown or ask.is_refused):
            _broken("P4", f"step {ask.step} was answered with a fault: {ask.answer!r}", sale, booking_id)
        if booking_id is None:
            continue
        asked.setdefault(booking_id, []).append(ask)
        if not ask.is_unknown and not ask.is_refused:
            _check_done(ask, changes.get(booking_id, []), past.bookings.get(booking_id), sale)
    for booking_id, happened in changes.items():
        is_withdrawn = booking_id in past.withdrawn
        _check_asked(asked.get(booking_id, []), happened, sale, booking_id, is_withdrawn=is_withdrawn)


def check_repeats(record: Record, sale: Sale, past: Past) -> None:
    """P10: of what was asked for under one key one was done, and all who are answered read of that one."""
    by_key: dict[str, list[Ask]] = {}
    for ask in record.of(sale.event_id):
        if ask.key is not None:
            by_key.setdefault(ask.key, []).append(ask)
    for key, asks in by_key.items():
        done = {ask.command.booking_id for ask in asks if isinstance(ask.command, Hold)} & {*past.bookings}
        told = {
            msgspec.json.encode(answer)
            for ask in asks
            for answer in (ask.answer, ask.replay)
            if isinstance(answer, Held)
        }
        named = {msgspec.json.decode(text, type=Held).booking.id for text in told}
        if len(done) > 1 or len(told) > 1 or not named <= done:
            words = f"{len(done)} bookings and {len(told)} answers under the key of {key}"
            _broken("P10", words, sale, next(iter(done | named)))


def holder_of(change: Change) -> UUID | None:
    """The booking or the block that a change is about; None: it is about the whole event."""
    if isinstance(change, SeatMapChanged):
        return None
    return change.block_id if isinstance(change, PlacesBlocked | PlacesReleased) else change.booking_id


def _check_done(ask: Ask, changes: list[Change], then: Then | None, sale: Sale) -> None:
    answer = ask.answer.booking if isinstance(ask.answer, Held) else ask.answer
    if isinstance(answer, BlockedPlaces) and not any(
        isinstance(change, PlacesReleased if isinstance(ask.command, Release) else PlacesBlocked)
        for change in changes
    ):
        _broken("P4", f"step {ask.step} was answered {answer}, and it did not happen", sale, answer.id)
    if isinstance(answer, GivenUp):
        answer, is_done = answer.booking, then is not None and then.state == "CANCELLED"
        if not is_done:
            _broken("P4", f"step {ask.step} gave {answer.id} up, and it did not happen", sale, answer.id)
    if not isinstance(answer, Booking):
        return
    match ask.command:
        case Hold():
            due = {(answer.buyer_id, answer.seat_ids, answer.area_ids, answer.amounts)}
            done = {
                (change.buyer_id, change.seat_ids, change.area_ids, change.amounts)
                for change in changes
                if isinstance(change, BookingHeld)
            }
            free = answer.state is BookingState.CONFIRMED
            kept = not free or any(isinstance(change, BookingConfirmed) for change in changes)
            is_done = kept and due == done
        case Renew():
            is_done = any(
                isinstance(change, BookingRenewed) and change.expires_at == answer.expires_at
                for change in changes
            )
        case Exchange():
            is_done = any(
                isinstance(change, BookingExchanged)
                and (change.seat_ids, change.area_ids, change.amounts)
                == (answer.seat_ids, answer.area_ids, answer.amounts)
                for change in changes
            )
        case Cancel() | TakeBack():
            is_done = then is not None and then.state == "CANCELLED"
        case _:
            is_done = True
    if not is_done:
        _broken("P4", f"step {ask.step} was answered {answer}, and it did not happen", sale, answer.id)


def _check_asked(
    asked: list[Ask], changes: list[Change], sale: Sale, booking_id: UUID, *, is_withdrawn: bool
) -> None:
    """No more was done than was asked for and not refused."""
    allowed = Counter(type(ask.command) for ask in asked if not ask.is_refused)
    blocked = sum(isinstance(change, PlacesBlocked) for change in changes)
    if blocked > allowed[Block] + allowed[ChangeBlock]:
        _broken("P3", "a block nobody asked for, or that was refused", sale, booking_id)
    for kind, command in (
        (BookingHeld, Hold),
        (BookingRenewed, Renew),
        (BookingExchanged, Exchange),
        (BookingReduced, TakeBackPlaces),
        (BookingCancelled, Cancel),
    ):
        # The end of a cancelled event cancels what its buyers did not; of what was paid see `money_checks`.
        unasked = 1 if kind is BookingCancelled and (sale.hall.doomed or is_withdrawn) else 0
        if sum(isinstance(change, kind) for change in changes) > allowed[command] + unasked:
            _broken("P3", f"a {kind.__name__} nobody asked for, or that was refused", sale, booking_id)
    for ask in asked:
        if not isinstance(ask.command, Hold) or ask.is_refused:
            continue
        for change in changes:
            if isinstance(change, BookingHeld):
                wanted, best = ask.command, ask.command.best
                seats = len(change.seat_ids) == best.quantity if best else change.seat_ids == wanted.seat_ids
                if not seats or change.area_ids != wanted.area_ids or change.buyer_id != wanted.buyer_id:
                    _broken("P3", f"{change} is not what was asked for: {wanted}", sale, booking_id)


def check_called_off(sale: Sale, past: Past) -> None:
    """P5, P6: of a cancelled event nobody has anything any more."""
    for booking_id, then in past.bookings.items():
        if sale.hall.doomed and then.state in ("PENDING", "CONFIRMED"):
            _broken("P6", f"the event is cancelled, and a booking is {then.state}", sale, booking_id)
    if sale.hall.doomed and (past.blocks or past.owner_of):
        _broken("P6", f"the event is cancelled, and places are kept: {past.owner_of}", sale)


async def check_journal(db: Database, sale: Sale) -> None:
    """P8: `boxoffice journal verify` says so as well, in its own way."""
    found = await verify_event(db, sale.event_id)
    if isinstance(found, Difference):
        _broken("P8", f"verify says: {found.words}", sale)


async def check_memory(db: Database, sale: Sale, who: str, inventory: Inventory) -> None:
    """P8, P9: what a process has followed is what the journal says of that version."""
    past = await read_past(db, sale, inventory.version)
    codes = {"PENDING": HELD, "CONFIRMED": SOLD}
    seats = {
        seat_id: BLOCKED if owner in past.blocks else codes[past.bookings[owner].state]
        for seat_id, owner in past.owner_of.items()
    }
    found = {seat_id: code for seat_id, code in enumerate(inventory.seats) if code != FREE}
    if found != seats:
        differs = sorted({seat_id for seat_id, _ in found.items() ^ seats.items()})
        _broken("P8", f"memory of {who} differs at seats {differs}", sale, past.owner_of.get(differs[0]))
    if inventory.area_taken != [past.taken[area_id] for area_id in range(len(sale.hall.areas))]:
        _broken("P8", f"memory of {who} counts {inventory.area_taken} for {dict(past.taken)}", sale)
    pending = {id_: then.expires_at for id_, then in past.bookings.items() if then.state == "PENDING"}
    if {id_: held.expires_at for id_, held in inventory.pending.items()} != pending:
        _broken("P8", f"memory of {who} has other pending bookings", sale)
    places: Counter[int] = Counter()
    for then in past.bookings.values():
        if then.state in ("PENDING", "CONFIRMED"):
            places[then.buyer_id] += then.places
    if inventory.places_of != dict(places):
        _broken("P9", f"memory of {who} counts the buyers' places {inventory.places_of}", sale)


async def load_inventory(db: Database, sale: Sale) -> Inventory:
    """As a process that knows nothing loads it from the tables."""
    async with db.transaction() as tx:
        locked = await batch.lock_event(tx, sale.event_id)
        return await batch.load(tx, sale.event_id, locked, reason="cold")


def _of_row(row: Booking) -> tuple[object, ...]:
    paid = set(row.settled_payments)
    return (row.buyer_id, row.state.value, row.seat_ids, row.area_ids, row.amounts, row.expires_at, paid)


def _of_then(then: Then) -> tuple[object, ...]:
    return (
        then.buyer_id, then.state, then.seat_ids, then.area_ids, then.amounts, then.expires_at, then.payments
    )  # fmt: skip


def _broken(promise: str, words: str, sale: Sale, booking_id: UUID | None = None) -> NoReturn:
    raise Broken(promise, f"{words} [{sale.hall.name}]", sale.event_id, booking_id)
