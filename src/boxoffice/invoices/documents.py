"""What invoices and credit notes say: made from what was sold, and from what is left of the invoice."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from boxoffice.booking.views import parts_of
from boxoffice.catalog.prices.pricing import Levies, encode_levies
from boxoffice.catalog.prices.tariff import TaxMode
from boxoffice.catalog.prices.ticket_types import encode_types_of_places
from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, BookingReduced, Change
from boxoffice.inventory.parting import Part, whole_of
from boxoffice.invoices.crediting import left_of, lines_of, shares_of
from boxoffice.invoices.queries import CreditRow, EventRow, NewInvoice, SeriesRow, SoldBooking
from boxoffice.invoices.schemas import Document, InvoiceBuyer, InvoiceEvent, InvoiceSeller, Kind, TaxLine
from boxoffice.kit.money import Money
from boxoffice.payments.refunds.tax_shares import Shares, decode_shares, fits, share_of, taxed_of

_LABELS = {Kind.INVOICE: "INV", Kind.CREDIT_NOTE: "CN"}


class Writer:
    """Numbers what is sold and given back: by the journal, and amounts before what ends their booking."""

    def __init__(
        self,
        event: EventRow,
        seat_map: SeatMap,
        series: SeriesRow,
        seller: InvoiceSeller,
        sold: Mapping[UUID, SoldBooking],
    ) -> None:
        self._event = InvoiceEvent(event.id, event.title, event.starts_at, event.time_zone, event.venue)
        self._seat_map, self._seller = seat_map, seller
        self._now = series.now
        self._sold = sold
        self._invoices: dict[UUID, Document] = {}
        self._notes: dict[UUID, list[Document]] = {}
        self._refunds: dict[UUID, CreditRow] = {}
        self._last: dict[UUID, CreditRow] = {}
        self.made = {Kind.INVOICE: series.invoices_made, Kind.CREDIT_NOTE: series.credit_notes_made}
        self.written: list[NewInvoice] = []

    def know(self, documents: Sequence[Document], refunds: Sequence[CreditRow]) -> None:
        """What was written before, and the refunds that are still to be credited."""
        for document in documents:
            if document.kind is Kind.INVOICE:
                self._invoices[document.booking_id] = document
            else:
                self._notes.setdefault(document.booking_id, []).append(document)
        self._refunds = {refund.id: refund for refund in refunds if not refund.ends}
        self._last = {refund.booking_id: refund for refund in refunds if refund.ends}

    def take(self, at: datetime, changes: Sequence[Change]) -> None:
        """Write what a row of the journal calls for. What is free has no invoice."""
        for change in changes:
            match change:
                case BookingConfirmed() if change.payment_id is not None:
                    self._invoice(_as_sold(self._sold[change.booking_id]), at)
                case BookingReduced() if change.booking_id in self._invoices:
                    refund = None if change.refund_id is None else self._refunds.pop(change.refund_id, None)
                    if refund is not None and refund.part is not None:
                        self._credit_places(refund, msgspec.json.decode(refund.part, type=Part))
                case BookingCancelled() if change.booking_id in self._invoices:
                    self.take_amounts(change.booking_id)
                    self._credit_booking(change)
                case _:
                    pass

    def take_amounts(self, booking_id: UUID | None = None) -> None:
        """Write what amounts call for that were given back: of one booking, or of all with an invoice."""
        for refund in sorted(self._refunds.values(), key=lambda each: (each.created_at, each.id)):
            wanted = booking_id in (None, refund.booking_id) and refund.part is None
            if wanted and refund.booking_id in self._invoices:
                del self._refunds[refund.id]
                shares = self._shares(refund, self._left(refund.booking_id))
                self._credit(refund.booking_id, shares, refund.reason, refund.id)

    def _credit_places(self, refund: CreditRow, part: Part) -> None:
        """Single places: all that they cost, or, after amounts were given back, what was left of it."""
        booking = _with(self._sold[refund.booking_id], part)
        made = self._made_of(booking)
        wanted = shares_of(made["taxes"], booking.total)
        shares = self._shares(refund, wanted)
        if shares == wanted:
            self._write_note(refund.booking_id, made | {"reason": refund.reason})
        else:
            self._credit(refund.booking_id, shares, refund.reason)

    def _credit_booking(self, change: BookingCancelled) -> None:
        """All that is left of a booking, or, by its cancellation policy, a share."""
        booking = self._sold[change.booking_id]
        left = self._left(booking.id)
        if change.refunded is not None:
            if (refund := self._last.get(booking.id)) is not None:
                self._credit(booking.id, self._shares(refund, left), "The buyer cancelled.")
            return
        made = self._made_of(booking)
        wanted = shares_of(made["taxes"], booking.total)
        if fits(wanted, left) and fits(left, wanted):
            self._write_note(booking.id, made)
        else:
            self._credit(booking.id, left, None)

    def _shares(self, refund: CreditRow, wanted: Shares) -> Shares:
        """What the ledger has moved at each rate; of a refund from before this was kept, what is wanted."""
        left = self._left(refund.booking_id)
        if refund.tax_shares is not None:
            kept = decode_shares(refund.tax_shares)
            if fits(kept, left):
                return kept
        return share_of(refund.amount, wanted, left)

    def _left(self, booking_id: UUID) -> Shares:
        return left_of(self._invoices[booking_id], self._notes.get(booking_id, ()))

    def _credit(
        self, booking_id: UUID, shares: Shares, reason: str | None, refund_id: UUID | None = None
    ) -> None:
        """An amount by its rates of tax; nothing is not written."""
        amount = sum(share.gross for share in shares.values())
        if amount == 0:
            return
        currency = self._invoices[booking_id].total.currency
        taxes = lines_of(shares, currency)
        added = sum(line.amount.amount for line in taxes if line.mode is TaxMode.ADDED)
        made: dict[str, Any] = {
            "places": [],
            "subtotal": Money(amount - added, currency),
            "discount": None,
            "fees": [],
            "taxes": taxes,
            "total": Money(amount, currency),
            "reason": reason,
        }
        self._write_note(booking_id, made, refund_id)

    def _write_note(self, booking_id: UUID, made: dict[str, Any], refund_id: UUID | None = None) -> None:
        invoice = self._invoices[booking_id]
        number, label = self._next(Kind.CREDIT_NOTE)
        note = msgspec.structs.replace(
            invoice,
            kind=Kind.CREDIT_NOTE,
            number=number,
            label=label,
            issued_at=self._now,
            corrects=invoice.label,
            **made,
        )
        notes = self._notes.setdefault(booking_id, [])
        notes.append(note)
        self._write(note, nth=len(notes), refund_id=refund_id)

    def _invoice(self, booking: SoldBooking, at: datetime) -> None:
        number, label = self._next(Kind.INVOICE)
        invoice = Document(
            kind=Kind.INVOICE,
            number=number,
            label=label,
            issued_at=self._now,
            sold_at=at,
            corrects=None,
            seller=self._seller,
            buyer=InvoiceBuyer(booking.buyer_name),
            event=self._event,
            booking_id=booking.id,
            **self._made_of(booking),
        )
        self._invoices[booking.id] = invoice
        self._write(invoice)

    def _write(self, document: Document, *, nth: int = 1, refund_id: UUID | None = None) -> None:
        self.written.append(
            NewInvoice(
                booking_id=document.booking_id,
                kind=document.kind,
                nth=nth,
                refund_id=refund_id,
                buyer_id=self._sold[document.booking_id].buyer_id,
                number=document.number,
                document=msgspec.json.encode(document).decode(),
            )
        )

    def _next(self, kind: Kind) -> tuple[int, str]:
        self.made[kind] += 1
        return self.made[kind], f"{_LABELS[kind]}-{self.made[kind]:06}"

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
    return _with(booking, whole_of(booking, msgspec.json.decode(booking.gone, type=list[Part])))


def _with(booking: SoldBooking, part: Part) -> SoldBooking:
    """The booking as if these were its places."""
    return msgspec.structs.replace(
        booking,
        seat_ids=part.seat_ids,
        area_ids=part.area_ids,
        amounts=part.amounts,
        total=part.worth,
        levies=encode_levies(part.levies),
        ticket_types=encode_types_of_places(part.ticket_types),
    )


def _taxes(booking: SoldBooking, levies: Levies | None) -> list[TaxLine]:
    lines: list[TaxLine] = []
    for each in levies.taxes if levies else ():
        taxed = taxed_of(booking.amounts, levies, each)
        lines.append(
            TaxLine(
                name=each.tax.name,
                mode=each.tax.mode,
                basis_points=each.tax.basis_points,
                net=Money(taxed.gross - taxed.tax, booking.currency),
                amount=Money(taxed.tax, booking.currency),
            )
        )
    return lines
