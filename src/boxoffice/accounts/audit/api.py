"""HTTP of the audit log."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.audit import reading
from boxoffice.accounts.audit.schemas import AuditEntry
from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.schemas import ID_MAX
from boxoffice.kit.errors import InvalidInput
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents


@get(
    "/audit-log",
    operation_id="ListAuditLog",
    summary="Who changed what?",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, InvalidInput, UnknownCursor),
)
async def list_audit_log(
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    event_id: Annotated[
        int | None, QueryParameter(ge=1, le=ID_MAX, description="Only what was done to this event.")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[AuditEntry]]:
    """List what was done to your venues, events, team and keys, newest first; to everything, for admins.

    Entries are written in the transaction of the change and never change themselves. What happens to
    places, bookings and money is in the journal.
    """
    page = await reading.list_entries(db, user, event_id=event_id, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [list_audit_log]
