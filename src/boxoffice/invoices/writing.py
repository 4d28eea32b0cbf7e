"""Writing invoices: the journal is read on from where it was left, and what it says is numbered.

No sale waits for a number, and none is lost: the numbers, the documents and the place in the journal are
one transaction, and whoever numbers for an organizer has the organizer's turn. Amounts that are given back
are in no journal: those without a credit note are looked for.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec
import structlog

from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingReduced,
    Change,
    decode_changes,
)
from boxoffice.invoices import queries, seller_queries
from boxoffice.invoices.documents import Writer
from boxoffice.invoices.queries import CreditRow, EventRow, SeriesRow
from boxoffice.invoices.schemas import Document, InvoiceSeller
from boxoffice.kit.errors import NotFound, Unavailable
from boxoffice.kit.postgres import Database, Transaction

# So many journal rows share a transaction, or as many as have so many characters (a change has about 150, a
# row up to 2,000 changes): seconds of work at most, for which only other invoices of the same organizer wait.
ROWS_AT_ONCE_MAX = 200
LENGTH_AT_ONCE_MAX = 1_000_000

# So many events are asked for at once: those after them have their turn in the same round, for the first of
# a busy day have something new each time.
EVENTS_AT_ONCE_MAX = 100

_log = structlog.get_logger()


async def write_due_invoices(db: Database) -> None:
    """Write what is due of all events; any number of processes may. A fault of one keeps no other."""
    after = 0
    while event_ids := await queries.list_events_behind(db, after, EVENTS_AT_ONCE_MAX):
        for event_id in event_ids:
            try:
                await write_invoices(db, event_id)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001  logged with its traceback, and the next event has its turn
                _log.exception("invoices of an event could not be written", event_id=event_id)
        after = event_ids[-1]


async def write_invoices(db: Database, event_id: int) -> None:
    """Write everything that is due of an event. Raises `NotFound`."""
    event = await queries.find_event(db, event_id)
    if event is None:
        raise NotFound
    is_behind = True
    while is_behind:
        async with db.transaction() as tx:
            is_behind = await _write_some(tx, event)


async def _write_some(tx: Transaction, event: EventRow) -> bool:
    """Go on for some rows of the journal; whether there may be more."""
    await queries.insert_series(tx, event.organizer_id)
    series = await queries.lock_series(tx, event.organizer_id)
    until = await queries.get_version(tx, event.id)
    after = await queries.get_cursor(tx, event.id)
    rows = (
        await queries.list_sales(tx, event.id, after, until, ROWS_AT_ONCE_MAX, LENGTH_AT_ONCE_MAX)
        if after < until
        else []
    )
    amounts = await queries.list_uncredited_amounts(tx, event.id)
    is_full = len(rows) == ROWS_AT_ONCE_MAX or sum(len(row.changes) for row in rows) >= LENGTH_AT_ONCE_MAX
    if rows or amounts:
        # After the rows, so that it has every seat that they name: seats are added while an event is on sale.
        seat_map = await get_seat_map(tx, await queries.get_seat_map_id(tx, event.id))
        sales = [(row.at, decode_changes(row.changes)) for row in rows]
        writer = await _writer_for(tx, event, seat_map, series, sales, amounts)
        for at, changes in sales:
            writer.take(at, changes)
        if not is_full:
            writer.take_amounts()
        if writer.written:
            await queries.insert_invoices(tx, event.id, event.organizer_id, writer.written)
            await queries.update_series(tx, event.organizer_id, *writer.made.values())
    if after < until:
        await queries.update_cursor(tx, event.id, rows[-1].version if is_full else until)
    return is_full


async def _writer_for(
    tx: Transaction,
    event: EventRow,
    seat_map: SeatMap,
    series: SeriesRow,
    sales: Sequence[tuple[datetime, Sequence[Change]]],
    amounts: list[CreditRow],
) -> Writer:
    """What these changes and amounts need to be read: their bookings, and what those have been written."""
    named = {amount.booking_id: 0 for amount in amounts}
    for _, changes in sales:
        for change in changes:
            if isinstance(change, BookingConfirmed):
                named[change.booking_id] = len(change.seat_ids) + len(change.area_ids)
            elif isinstance(change, BookingCancelled | BookingReduced):
                named.setdefault(change.booking_id, 0)
    sold = {
        booking.id: booking
        for booking in await queries.list_sold(tx, event.id, list(named), list(named.values()))
    }
    found = await seller_queries.find_seller(tx, event.organizer_id)
    seller = (
        InvoiceSeller(event.organizer_name, [], None, None)
        if found is None
        else InvoiceSeller(**msgspec.structs.asdict(found))
    )
    writer = Writer(event, seat_map, series, seller, sold)
    writer.know(
        [
            msgspec.json.decode(document, type=Document)
            for document in await queries.list_documents(tx, event.id, list(named))
        ],
        [*amounts, *await queries.list_refunds_of_places(tx, event.id, list(named))],
    )
    return writer
