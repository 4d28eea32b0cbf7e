"""HTTP of disputes: what buyers' banks took back of an event's money."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.payments import disputes
from boxoffice.payments.disputes import DisputeView

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
_EventId = Annotated[int, PathParameter(ge=1, le=EVENT_ID_MAX)]


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
    event_id: _EventId,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[DisputeView]]:
    """List the disputes of an event, newest first. Tickets stay good while a bank has not decided."""
    page = await disputes.list_disputes(db, event_id, cursor, limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [list_disputes]
