"""HTTP of the ledger: an organizer's balance and statement."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import InvalidInput
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.payments.ledger.movements import Balance, Movement, get_balance, get_statement


@get(
    "/organizers/me/balance",
    operation_id="GetBalance",
    summary="See what your events have brought",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed),
)
async def show_balance(db: NamedDependency[Database], user: NamedDependency[Identity]) -> Balance:
    """Show what all events of yours have brought, by currency, as far as it is captured."""
    return await get_balance(db, user.user_id)


@get(
    "/organizers/me/statement",
    operation_id="ListMovements",
    summary="List what moved your money",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, UnknownCursor, InvalidInput),
)
async def list_movements(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[Movement]]:
    """List every movement of your money, newest first. A movement never changes: a mistake gets another."""
    page = await get_statement(db, user.user_id, cursor, limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [show_balance, list_movements]
