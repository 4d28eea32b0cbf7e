"""HTTP of what is due to organizers."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.invoices.dues import listing
from boxoffice.invoices.dues.listing import DueView
from boxoffice.kit.errors import InvalidInput
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.kit.spreadsheet import TABLE, answer_of


@get(
    "/payouts/due",
    operation_id="ListDues",
    summary="List what is due to organizers",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, UnknownCursor, InvalidInput),
)
async def show_dues(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[DueView]]:
    """List what the house has to pay, by organizer and currency; what is below 0 an organizer owes."""
    page = await listing.list_page(db, cursor, limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/payouts/due.csv",
    operation_id="ExportDues",
    summary="What is to be paid to organizers, as a table",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses={200: TABLE, **documents(NotSignedIn, NotAllowed)},
)
async def export_dues(db: NamedDependency[Database]) -> Stream:
    """Write a row for each organizer and currency in which something is to be paid, for a bank's import.

    UTF-8 with a byte order mark; amounts have a decimal point. A cell that a spreadsheet would take for a
    formula begins with an apostrophe. Nothing is paid or marked by that: `POST /payouts` says what was.
    """
    return answer_of(listing.export_dues(db), "payouts-due")


routes: list[ControllerRouterHandler] = [show_dues, export_dues]
