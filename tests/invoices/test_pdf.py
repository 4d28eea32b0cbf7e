"""Invoices as PDFs: every letter is there, and a long one has several pages."""

import logging
import re
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from fpdf import FPDF

from boxoffice.booking.schemas import DiscountView, FeeView, Place
from boxoffice.catalog.prices.tariff import FeeMode, TaxMode
from boxoffice.invoices.pdf import draw_document
from boxoffice.invoices.schemas import Document, InvoiceBuyer, InvoiceEvent, InvoiceSeller, Kind, TaxLine
from boxoffice.kit.ids import new_id
from boxoffice.kit.money import Money


def invoice(**changes: object) -> Document:
    """An invoice of somebody with letters of their own."""
    at = datetime(2027, 1, 11, 9, tzinfo=UTC)
    document = Document(
        kind=Kind.INVOICE,
        number=17,
        label="INV-000017",
        issued_at=at,
        sold_at=at,
        corrects=None,
        seller=InvoiceSeller("Žižkovské divadlo Łódź", ["Αθηνών 1", "Київ"], "CZ", "CZ12345678"),
        buyer=InvoiceBuyer("Ærøskøbing Şükrü Đỗ"),
        event=InvoiceEvent(1, "Вечер „ohne Titel“ — 50 €", at, "Europe/Berlin", "Halle"),
        booking_id=new_id(1),
        places=[place(1)],
        subtotal=eur(2500),
        discount=DiscountView("EARLY", eur(500)),
        fees=[FeeView("Service", FeeMode.ADDED, eur(100))],
        taxes=[
            TaxLine("VAT", TaxMode.ADDED, 1900, eur(2100), eur(399)),
            TaxLine("City tax", TaxMode.INCLUDED, 550, eur(2000), eur(110)),
        ],
        total=eur(2499),
    )
    return msgspec.structs.replace(document, **changes)


def eur(amount: int) -> Money:
    """So many cents."""
    return Money(amount, "EUR")


def place(number: int) -> Place:
    """A seat."""
    return Place(
        category="Stalls", price=eur(2500), zone="Block A", seat_id=number, row="1", number=str(number)
    )


def pages(pdf: bytes) -> int:
    """How many pages it has."""
    return len(re.findall(rb"/Type /Page\b(?!s)", pdf))


def test_every_letter_is_in_the_font_and_the_same_invoice_is_the_same_bytes(caplog: pytest.LogCaptureFixture):
    document = invoice()
    with caplog.at_level(logging.WARNING):
        pdf = draw_document(document)

    assert pdf.startswith(b"%PDF-")
    assert caplog.messages == [], "no letter is missing"
    assert pages(pdf) == 1
    assert draw_document(document) == pdf


@pytest.mark.parametrize(
    "changes",
    [
        {"places": [place(number) for number in range(100)]},
        {
            "kind": Kind.CREDIT_NOTE,
            "corrects": "INV-000016",
            "places": [Place("Any", eur(1), "Floor", area_id=0)],
        },
        {"buyer": InvoiceBuyer("x" * 200), "places": [msgspec.structs.replace(place(1), zone="W" * 200)]},
        {"seller": InvoiceSeller("Somebody", [], None, None), "fees": [], "taxes": [], "discount": None},
        {"buyer": InvoiceBuyer("名前 🎫")},
    ],
)
def test_whatever_can_be_sold_can_be_drawn(changes: dict[str, object]):
    pdf = draw_document(invoice(**changes))

    assert pages(pdf) == (3 if len(invoice(**changes).places) == 100 else 1)


def test_an_amount_is_beside_what_it_is_for_however_long_that_is(monkeypatch: pytest.MonkeyPatch):
    """Of several lines at the end of a page the last were on the next one, and their amount below them."""
    texts: list[tuple[int, float, str]] = []
    amounts: list[tuple[int, float]] = []
    multi_cell, cell = FPDF.multi_cell, FPDF.cell

    def say(pdf: FPDF, *args: Any, **more: Any) -> Any:
        if args and args[0] and not more.get("dry_run"):
            texts.append((pdf.page_no(), pdf.get_y(), args[2]))
        return multi_cell(pdf, *args, **more)

    def end(pdf: FPDF, *args: Any, **more: Any) -> Any:
        amounts.append((pdf.page_no(), pdf.get_y()))
        return cell(pdf, *args, **more)

    monkeypatch.setattr(FPDF, "multi_cell", say)
    monkeypatch.setattr(FPDF, "cell", end)
    long = msgspec.structs.replace(place(1), zone="Block " * 33, ticket_type="Child")

    draw_document(invoice(places=[place(1), *[long] * 20]))

    assert [each[:2] for each in texts] == amounts
    assert {page for page, _ in amounts} == {1, 2, 3}
    assert texts[1][2].endswith("(Stalls, Child)")
