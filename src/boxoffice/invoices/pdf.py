"""An invoice as a PDF: one column of text, in a font that has the letters of most of Europe and more."""

from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from boxoffice.booking.schemas import Place
from boxoffice.catalog.prices.tariff import TaxMode
from boxoffice.invoices.schemas import Document, Kind
from boxoffice.kit.money import Money, in_words
from boxoffice.kit.pdf import FONT, MARGIN_MM, known, open_pdf

if TYPE_CHECKING:
    from fpdf import FPDF

_LINE_MM, _AMOUNT_MM = 6, 45

_TITLES = {Kind.INVOICE: "Invoice", Kind.CREDIT_NOTE: "Credit note"}


def draw_document(document: Document) -> bytes:
    """Draw an invoice or a credit note; slow (the font is cut down to its letters), so do it in a thread."""
    pdf = open_pdf(f"{_TITLES[document.kind]} {document.label}", document.issued_at)
    pdf.add_page()
    pdf.set_font(FONT, size=10)
    seller, event = document.seller, document.event
    for line in (
        seller.name,
        *seller.address_lines,
        seller.country,
        seller.tax_id and f"Tax id {seller.tax_id}",
    ):
        if line:
            _say(pdf, line)
    _gap(pdf)
    _say(pdf, document.buyer.name)
    _gap(pdf)
    pdf.set_font(FONT, size=16)
    _say(pdf, f"{_TITLES[document.kind]} {document.label}", height=10)
    pdf.set_font(FONT, size=10)
    _say(pdf, f"Issued {document.issued_at:%Y-%m-%d}, sold {document.sold_at:%Y-%m-%d}")
    if document.corrects is not None:
        _say(pdf, f"Takes back invoice {document.corrects}{'' if document.reason is None else ', in part'}")
    starts_at = event.starts_at.astimezone(ZoneInfo(event.time_zone))
    _say(pdf, f"{event.title}, {event.venue}, {starts_at:%Y-%m-%d %H:%M} ({event.time_zone})")
    _say(pdf, f"Booking {document.booking_id}")
    _gap(pdf)
    _lines(pdf, document)
    return bytes(pdf.output())


def _lines(pdf: "FPDF", document: Document) -> None:
    for place in document.places:
        _amount(pdf, _place(place), place.price)
    if not document.places:
        _amount(pdf, document.reason or "What was left", document.subtotal)
    if document.discount is not None:
        off = document.discount.amount
        _amount(pdf, f"Promo code {document.discount.code}", Money(-off.amount, off.currency))
    for fee in document.fees:
        _amount(pdf, fee.name, fee.amount)
    for tax in document.taxes:
        if tax.mode is TaxMode.ADDED:
            _amount(pdf, f"{tax.name} {tax.basis_points / 100:g} % of {_words(tax.net)}", tax.amount)
    _amount(pdf, "Total", document.total)
    for tax in document.taxes:
        if tax.mode is TaxMode.INCLUDED:
            _amount(pdf, f"of which {tax.name} {tax.basis_points / 100:g} % of {_words(tax.net)}", tax.amount)


def _place(place: Place) -> str:
    kind = ", ".join(filter(None, (place.category, place.ticket_type)))
    if place.seat_id is None:
        return f"{place.zone} ({kind})"
    return f"{place.zone}, row {place.row}, seat {place.number} ({kind})"


def _words(money: Money) -> str:
    return in_words(money.amount, money.currency)


def _say(pdf: "FPDF", text: str, height: float = _LINE_MM) -> None:
    pdf.multi_cell(0, height, known(pdf, text), new_x="LMARGIN", new_y="NEXT")


def _amount(pdf: "FPDF", text: str, money: Money) -> None:
    """A line with an amount at its end; a long text takes several lines, on one page with its amount."""
    width, text = pdf.epw - _AMOUNT_MM, known(pdf, text)
    lines = pdf.multi_cell(width, _LINE_MM, text, dry_run=True, output="LINES")
    assert isinstance(lines, list)
    if pdf.will_page_break(len(lines) * _LINE_MM):
        pdf.add_page()
    top = pdf.get_y()
    pdf.multi_cell(width, _LINE_MM, text, new_x="RIGHT", new_y="NEXT")
    bottom = pdf.get_y()
    pdf.set_xy(pdf.w - MARGIN_MM - _AMOUNT_MM, top)
    pdf.cell(_AMOUNT_MM, _LINE_MM, _words(money), align="R")
    pdf.set_xy(MARGIN_MM, bottom)


def _gap(pdf: "FPDF") -> None:
    pdf.ln(_LINE_MM)
