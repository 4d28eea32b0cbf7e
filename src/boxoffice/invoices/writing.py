"""Writing invoices: the journal is read on from where it was left, and what it says is numbered.

No sale waits for a number, and none is lost: the numbers, the documents and the place in the journal are
one transaction, and whoever numbers for an organizer has the organizer's turn.
"""

from typing import Any
from uuid import UUID

import msgspec
import structlog

from boxoffice.booking.views import parts_of
from boxoffice.catalog.pricing import Levies, TaxLevy, encode_levies
from boxoffice.catalog.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.tariff import FeeMode, TaxMode
from boxoffice.catalog.ticket_types import encode_types_of_places
from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, decode_changes
from boxoffice.inventory.parting import Part, whole_of
from boxoffice.invoices import queries
from boxoffice.invoices.queries import EventRow, JournalRow, NewInvoice, SeriesRow, SoldBooking
from boxoffice.invoices.schemas import Document, InvoiceBuyer, InvoiceEvent, InvoiceSeller, Kind, TaxLine
from boxoffice.kit.errors import NotFound, Unavailable
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database, Transaction

# So many journal rows, of up to 2,000 changes each, share a transaction: seconds of work at most, for which
# only other invoices of the same organizer wait.
ROWS_AT_ONCE_MAX = 10

# Events looked at in one round; the rest have their turn in the next.
EVENTS_PER_ROUND_MAX = 100

_log = structlog.get_logger()

_LABELS = {Kind.INVOICE: "INV", Kind.CREDIT_NOTE: "CN"}


async def write_due_invoices(db: Database) -> None:
    """Write what is due of all events; any number of processes may. A fault of one keeps no other."""
    for event_id in await queries.list_events_behind(db, EVENTS_PER_ROUND_MAX):
        try:
            await write_invoices(db, event_id)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001  logged with its traceback, and the next event has its turn
            _log.exception("invoices of an event could not be written", event_id=event_id)


async def write_invoices(db: Database, event_id: int) -> None:
    """Write everything that is due of an event. Raises `NotFound`."""
    event = await queries.find_event(db, event_id)
    if event is None:
        raise NotFound
    seat_map = await get_seat_map(db, event.seat_map_id)
    is_behind = True
    while is_behind:
        async with db.transaction() as tx:
            is_behind = await _write_some(tx, event, seat_map)


async def _write_some(tx: Transaction, event: EventRow, seat_map: SeatMap) -> bool:
    """Go on for some rows of the journal; whether there may be more."""
    await queries.insert_series(tx, event.organizer_id)
    series = await queries.lock_series(tx, event.organizer_id)
    until = await queries.get_version(tx, event.id)
    after = await queries.get_cursor(tx, event.id)
    if after >= until:
        return False
    rows = await queries.list_sales(tx, event.id, after, until, ROWS_AT_ONCE_MAX)
    writer = await _writer_for(tx, event, seat_map, series, rows)
    for row in rows:
        writer.take(row)
    if writer.written:
        await queries.insert_invoices(tx, event.id, event.organizer_id, writer.written)
        await queries.update_series(tx, event.organizer_id, *writer.made.values())
    is_full = len(rows) == ROWS_AT_ONCE_MAX
    await queries.update_cursor(tx, event.id, rows[-1].version if is_full else until)
    return is_full


async def _writer_for(
    tx: Transaction, event: EventRow, seat_map: SeatMap, series: SeriesRow, rows: list[JournalRow]
) -> "_Writer":
    """What these rows need to be read: the bookings they name, and the invoices those have already."""
    named = {
        change.booking_id
        for row in rows
        for change in decode_changes(row.changes)
        if isinstance(change, BookingConfirmed | BookingCancelled)
    }
    sold = {booking.id: booking for booking in await queries.list_sold(tx, event.id, list(named))}
    documents = await queries.list_documents(tx, event.id, Kind.INVOICE, list(named))
    invoices = [msgspec.json.decode(document, type=Document) for document in documents]
    found = await queries.find_seller(tx, event.organizer_id)
    seller = (
        InvoiceSeller(event.organizer_name, [], None, None)
        if found is None
        else InvoiceSeller(**msgspec.structs.asdict(found))
    )
    return _Writer(event, seat_map, series, seller, sold, {each.booking_id: each for each in invoices})


class _Writer:
    """Numbers what is sold and taken back, in the order of the journal."""

    def __init__(
        self,
        event: EventRow,
        seat_map: SeatMap,
        series: SeriesRow,
        seller: InvoiceSeller,
        sold: dict[UUID, SoldBooking],
        invoices: dict[UUID, Document],
    ) -> None:
        self._event, self._seat_map, self._seller = event, seat_map, seller
        self._now = series.now
        self._sold, self._invoices = sold, invoices
        self.made = {Kind.INVOICE: series.invoices_made, Kind.CREDIT_NOTE: series.credit_notes_made}
        self.written: list[NewInvoice] = []

    def take(self, row: JournalRow) -> None:
        """Write what a row of the journal calls for. What is free has no invoice."""
        for change in decode_changes(row.changes):
            match change:
                case BookingConfirmed() if change.payment_id is not None:
                    booking = _as_sold(self._sold[change.booking_id])
                    self._invoices[booking.id] = self._invoice(booking, row)
                    self._write(self._invoices[booking.id], booking.buyer_id)
                # What goes back in part has no credit note yet.
                case BookingCancelled() if change.booking_id in self._invoices and change.refunded is None:
                    invoice = self._invoices[change.booking_id]
                    number, label = self._next(Kind.CREDIT_NOTE)
                    note = msgspec.structs.replace(
                        invoice,
                        kind=Kind.CREDIT_NOTE,
                        number=number,
                        label=label,
                        issued_at=self._now,
                        corrects=invoice.label,
                        **self._made_of(self._sold[change.booking_id]),
                    )
                    self._write(note, change.buyer_id)
                case _:
                    pass

    def _next(self, kind: Kind) -> tuple[int, str]:
        self.made[kind] += 1
        return self.made[kind], f"{_LABELS[kind]}-{self.made[kind]:06}"

    def _write(self, document: Document, buyer_id: int) -> None:
        text = msgspec.json.encode(document).decode()
        self.written.append(NewInvoice(document.booking_id, document.kind, buyer_id, document.number, text))

    def _invoice(self, booking: SoldBooking, row: JournalRow) -> Document:
        number, label = self._next(Kind.INVOICE)
        event = self._event
        return Document(
            kind=Kind.INVOICE,
            number=number,
            label=label,
            issued_at=self._now,
            sold_at=row.at,
            corrects=None,
            seller=self._seller,
            buyer=InvoiceBuyer(booking.buyer_name),
            event=InvoiceEvent(event.id, event.title, event.starts_at, event.time_zone, event.venue),
            booking_id=booking.id,
            **self._made_of(booking),
        )

    def _made_of(self, booking: SoldBooking) -> dict[str, Any]:
        """The amounts of a document of these places."""
        parts = parts_of(booking, self._seat_map)
        return {
            "places": parts.places,
            "subtotal": parts.subtotal,
            "discount": parts.discount,
            "fees": parts.fees,
            "taxes": _taxes(booking, parts.levies),
            "total": Money(booking.total, booking.currency),
        }


def _as_sold(booking: SoldBooking) -> SoldBooking:
    """The booking with the places that it has lost since."""
    if booking.gone is None:
        return booking
    whole = whole_of(booking, msgspec.json.decode(booking.gone, type=list[Part]))
    return msgspec.structs.replace(
        booking,
        seat_ids=whole.seat_ids,
        area_ids=whole.area_ids,
        amounts=whole.amounts,
        total=whole.worth,
        levies=encode_levies(whole.levies),
        ticket_types=encode_types_of_places(whole.ticket_types),
    )


def _taxes(booking: SoldBooking, levies: Levies | None) -> list[TaxLine]:
    return [
        TaxLine(
            name=each.tax.name,
            mode=each.tax.mode,
            basis_points=each.tax.basis_points,
            net=Money(_net(booking.amounts, levies, each), booking.currency),
            amount=Money(each.sum, booking.currency),
        )
        for each in (levies.taxes if levies else ())
    ]


def _net(amounts: tuple[int, ...], levies: Levies | None, tax: TaxLevy) -> int:
    """What the places with this tax cost without it: prices and those added fees that are taxed."""
    bearing = [index for index, amount in enumerate(tax.amounts) if amount is not None]
    gross = sum(
        amounts[index]
        + sum(
            each.amounts[index] or 0
            for each in (levies.fees if levies else ())
            if each.fee.mode is FeeMode.ADDED and each.fee.is_taxed
        )
        for index in bearing
    )
    return gross - tax.sum if tax.tax.mode is TaxMode.INCLUDED else gross
