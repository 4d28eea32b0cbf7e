"""What is due to organizers with what a transfer needs: in pages, and as a table for a bank's import."""

from collections.abc import AsyncGenerator, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.invoices.schemas import Seller
from boxoffice.invoices.seller_queries import list_sellers
from boxoffice.kit.money import Money, decimal_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source
from boxoffice.kit.spreadsheet import BYTE_ORDER_MARK, csv_of
from boxoffice.payments.payouts.dues import Due, list_dues

# Dues that are read at once: some ten milliseconds of work, between which others are served.
EXPORTED_AT_ONCE = 500

_COLUMNS = (
    "organizer_id", "name", "email", "address", "country", "tax_id", "amount", "currency", "since",
)  # fmt: skip

_Position = tuple[Annotated[int, Meta(ge=1, le=2**63 - 1)], Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]]


class DueView(msgspec.Struct, frozen=True):
    """What is due to an organizer in one currency; an `amount` below 0 is what they owe.

    `since` is when the oldest of it became due. `seller` is what they say of themselves on invoices.
    """

    organizer_id: int
    name: str
    email: str
    seller: Seller | None
    amount: Money
    since: datetime


async def list_page(source: Source, cursor: str | None, limit: int) -> Page[DueView]:
    """A page of what is due, by organizer and currency. Raises `UnknownCursor`."""
    after = None if cursor is None else decode_cursor(cursor, _Position)
    page = page_of(await list_dues(source, after, limit + 1), limit, lambda due: due.position)
    return Page(await _views_of(source, page.items), page.next_cursor)


async def export_dues(db: Database) -> AsyncGenerator[bytes]:
    """The lines of the table, piece by piece: what can be paid, so nothing of those who owe."""
    yield BYTE_ORDER_MARK.encode() + csv_of([_COLUMNS])
    after = None
    while True:
        dues = await list_dues(db, after, EXPORTED_AT_ONCE)
        payable = await _views_of(db, [due for due in dues if due.amount.amount > 0])
        if payable:
            yield csv_of(map(_cells, payable))
        if len(dues) < EXPORTED_AT_ONCE:
            return
        after = dues[-1].position


async def _views_of(source: Source, dues: Sequence[Due]) -> list[DueView]:
    rows = await list_sellers(source, [due.organizer_id for due in dues])
    sellers = {row.organizer_id: Seller(row.name, row.address_lines, row.country, row.tax_id) for row in rows}
    return [
        DueView(due.organizer_id, due.name, due.email, sellers.get(due.organizer_id), due.amount, due.since)
        for due in dues
    ]


def _cells(due: DueView) -> Sequence[str]:
    seller, money = due.seller, due.amount
    return (
        str(due.organizer_id), seller.name if seller else due.name, due.email,
        ", ".join(seller.address_lines) if seller else "", seller.country if seller else "",
        (seller.tax_id if seller else None) or "", decimal_of(money.amount, money.currency), money.currency,
        due.since.isoformat(),
    )  # fmt: skip
