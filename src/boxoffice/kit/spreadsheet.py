"""Tables for people who open them in a spreadsheet: CSV in UTF-8, in which no cell is a formula."""

import csv
import io
from collections.abc import AsyncGenerator, Iterable, Sequence

from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

_CSV = "text/csv"

# What a route that answers with a table says of it in the API document.
TABLE = ResponseSpec(str, description="The table, as CSV.", media_type=_CSV, generate_examples=False)  # pyright: ignore[reportArgumentType]  any string is allowed

# Without it Excel takes UTF-8 for something else.
BYTE_ORDER_MARK = "\ufeff"

# What a spreadsheet takes for the beginning of a formula, which could send the other cells to somebody.
_BEGINS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_of(rows: Iterable[Sequence[str]]) -> bytes:
    """The lines of a table. A cell that would be a formula begins with an apostrophe, and so is text."""
    lines = io.StringIO()
    csv.writer(lines).writerows([[_as_text(cell) for cell in row] for row in rows])
    return lines.getvalue().encode()


def answer_of(lines: AsyncGenerator[bytes], name: str) -> Stream:
    """Send a table as a file of this name, which no cache keeps."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.csv"',
        "Cache-Control": "private, no-store",
    }
    return Stream(lines, media_type=_CSV, headers=headers)


def _as_text(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_BEGINS_A_FORMULA) else cell
