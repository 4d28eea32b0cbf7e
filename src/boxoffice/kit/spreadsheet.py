"""Tables for people who open them in a spreadsheet: CSV in UTF-8, in which no cell is a formula."""

import csv
import io
from collections.abc import Iterable, Sequence

CSV = "text/csv"

# Without it Excel takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"

# What a spreadsheet takes for the beginning of a formula, which could send the other cells to somebody.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_of(rows: Iterable[Sequence[str]]) -> bytes:
    """The lines of a table. A cell that would be a formula begins with an apostrophe, and so is text."""
    lines = io.StringIO()
    csv.writer(lines).writerows([[_as_text(cell) for cell in row] for row in rows])
    return lines.getvalue().encode()


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell
