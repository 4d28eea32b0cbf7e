"""Documents as PDF, in a font that has the letters of most of Europe and more. Imports little.

A letter that it does not have is a box: nothing that somebody may be called keeps a page from being drawn.
"""

import unicodedata
from datetime import datetime
from importlib.resources import as_file, files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fpdf import FPDF

FONT = "DejaVuSans"

MARGIN_MM = 20

# What stands for a letter that the font does not have.
BOX = "▯"


def open_pdf(title: str, made_at: datetime) -> "FPDF":
    """An empty document on A4. The same pages make the same bytes, whenever they are drawn."""
    # A third of a second to import: only for processes that draw.
    from fpdf import FPDF  # noqa: PLC0415

    pdf = FPDF(format="A4")
    pdf.set_creation_date(made_at)
    pdf.set_title(title)
    pdf.set_margin(MARGIN_MM)
    with as_file(files("boxoffice.kit") / "fonts" / f"{FONT}.ttf") as font:
        pdf.add_font(FONT, fname=font)
    return pdf


def known(pdf: "FPDF", text: str) -> str:
    """The text in letters that the font has."""
    from fpdf.fonts import TTFFont  # noqa: PLC0415  as above

    font = pdf.fonts[FONT.lower()]
    assert isinstance(font, TTFFont)
    return "".join(each if ord(each) in font.cmap else BOX for each in text)


def in_sight(line: str) -> str:
    """The letters of one line from left to right as they are seen, where some are read from right to left."""
    if not any(unicodedata.bidirectional(each) in ("R", "AL") for each in line):
        return line
    from fpdf.bidi import BidiParagraph  # noqa: PLC0415  as above

    return BidiParagraph(text=line).get_reordered_string()
