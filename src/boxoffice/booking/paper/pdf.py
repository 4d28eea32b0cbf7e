"""Tickets as PDF: one A4 page each, what it says above, its code below. Pure."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec

from boxoffice.kit.pdf import FONT, MARGIN_MM, in_sight, known, open_pdf
from boxoffice.tickets.qr import QUIET_MODULES, make_qr

if TYPE_CHECKING:
    from fpdf import FPDF

# Large enough for a camera at arm's length, and for a printer that is short of ink: 82 mm without the quiet
# zone.
_MODULE_MM = 2

# What is above the code ends before its quiet zone, however long names and addresses are (see _LINES_MAX).
_QR_TOP_MM = 170

_LABEL_MM = 38

# Sizes in points with the height of a line in millimetres.
_LARGE, _MIDDLE, _SMALL = (20, 9), (13, 7), (11, 6)

# So many lines of anything that somebody typed in: what is longer ends in an ellipsis.
_LINES_MAX = 3

_ELLIPSIS = "…"


class TicketPage(msgspec.Struct, frozen=True):
    """What the page of a ticket says, in words; `details` are labels with what they are for."""

    title: str
    when: str
    venue: str
    address: str
    place: str
    details: list[tuple[str, str]]
    number: str
    code: str


def draw_tickets(title: str, made_at: datetime, pages: Sequence[TicketPage]) -> bytes:
    """Draw a page for each ticket; 15 ms of CPU each and 60 for the font, so do it apart."""
    pdf = open_pdf(title, made_at)
    pdf.set_auto_page_break(auto=False)
    for page in pages:
        _draw(pdf, page)
    return bytes(pdf.output())


def _draw(pdf: "FPDF", page: TicketPage) -> None:
    pdf.add_page()
    _say(pdf, page.title, _LARGE)
    _say(pdf, page.when, _MIDDLE)
    pdf.ln(3)
    _say(pdf, page.venue, _MIDDLE, lines_max=2)
    _say(pdf, page.address, _SMALL, lines_max=2)
    pdf.ln(3)
    pdf.line(MARGIN_MM, pdf.get_y(), pdf.w - MARGIN_MM, pdf.get_y())
    pdf.ln(4)
    _say(pdf, page.place, _LARGE)
    pdf.ln(2)
    for label, text in page.details:
        top = pdf.get_y()
        _say(pdf, label, _SMALL, lines_max=1)
        pdf.set_xy(MARGIN_MM + _LABEL_MM, top)
        _say(pdf, text, _SMALL, lines_max=2)
    _draw_code(pdf, page.code)
    pdf.set_xy(MARGIN_MM, pdf.h - 28)
    _say(pdf, f"Ticket {page.number}", _SMALL)
    _say(pdf, "The code lets one person in, once: whoever shows it first. Keep it to yourself.", _SMALL)


def _say(pdf: "FPDF", text: str, size: tuple[int, int], *, lines_max: int = _LINES_MAX) -> None:
    """From here to the right margin, in a few lines at most; then the next line begins at the left one."""
    points, height = size
    pdf.set_font(FONT, size=points)
    left = pdf.get_x()
    for line in _lines(pdf, known(pdf, text), pdf.w - MARGIN_MM - left - 2 * pdf.c_margin, lines_max):
        pdf.set_x(left)
        pdf.cell(0, height, in_sight(line), new_x="LMARGIN", new_y="NEXT")


def _lines(pdf: "FPDF", text: str, width: float, lines_max: int) -> list[str]:
    # As most are; to break a text into lines takes a hundred times as long as to measure it.
    if pdf.get_string_width(text) <= width:
        return [text]
    lines = pdf.multi_cell(0, text=text, dry_run=True, output="LINES")
    assert isinstance(lines, list)
    if len(lines) <= lines_max:
        return lines
    last = lines[lines_max - 1]
    while pdf.get_string_width(last + _ELLIPSIS) > width:
        last = last[:-1]
    return [*lines[: lines_max - 1], last + _ELLIPSIS]


def _draw_code(pdf: "FPDF", code: str) -> None:
    """Each row's runs of dark modules as rectangles: a picture that is sharp at any size."""
    rows = make_qr(code).matrix
    left = (pdf.w - len(rows) * _MODULE_MM) / 2
    top = _QR_TOP_MM + QUIET_MODULES * _MODULE_MM
    for y, row in enumerate(rows):
        x = 0
        while x < len(row):
            end = x
            while end < len(row) and row[end]:
                end += 1
            if end > x:
                pdf.rect(
                    left + x * _MODULE_MM,
                    top + y * _MODULE_MM,
                    (end - x) * _MODULE_MM,
                    _MODULE_MM,
                    style="F",
                )
            x = end + 1
