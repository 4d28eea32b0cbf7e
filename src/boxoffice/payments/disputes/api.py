"""HTTP of disputes: what buyers' banks took back of an event's money."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.payments.disputes import facts as disputes
from boxoffice.payments.disputes.facts import DisputeView


@get(
    "/events/{event_id:int}/disputes",
    operation_id="ListDisputes",
    summary="List what buyers' banks took back",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, UnknownCursor, InvalidInput),
)
async def list_disputes(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    event_id: EventIdInPath,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[DisputeView]]:
    """List the disputes of an event, newest first. Tickets stay good while a bank has not decided."""
    page = await disputes.list_disputes(db, event_id, cursor, limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [list_disputes]
