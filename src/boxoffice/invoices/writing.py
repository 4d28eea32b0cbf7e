"""Writing invoices: the journal is read on from where it was left, and what it says is numbered.

No sale waits for a number, and none is lost: the numbers, the documents and the place in the journal are
one transaction, and whoever numbers for an organizer has the organizer's turn. Amounts that are given back
are in no journal: those without a credit note are looked for.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingReduced,
    Change,
    decode_changes,
)
from boxoffice.inventory.journal.reading_on import read_on, read_some
from boxoffice.invoices import queries, seller_queries
from boxoffice.invoices.documents import Writer
from boxoffice.invoices.queries import CreditRow, EventRow, SeriesRow
from boxoffice.invoices.schemas import Document, InvoiceSeller
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database, Transaction


async def write_due_invoices(db: Database) -> None:
    """Write what is due of all events; any number of processes may. A fault of one keeps no other."""
    await read_on(db, queries.list_events_behind, write_invoices, "invoices")


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
    after = await queries.get_cursor(tx, event.id)
    rows, read_until, is_full = await read_some(tx, event.id, after)
    amounts = await queries.list_uncredited_amounts(tx, event.id)
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
    if after < read_until:
        await queries.update_cursor(tx, event.id, read_until)
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
