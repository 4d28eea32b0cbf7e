"""HTTP of gates without a connection."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.gates import following, taking
from boxoffice.tickets.gates.schemas import Conflict, OfflineCheckIns, TakenCheckIns, TicketChanges


@get(
    "/events/{event_id:int}/ticket-changes",
    operation_id="ListTicketChanges",
    summary="Which tickets not to admit any more",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, InvalidInput, UnknownCursor),
)
async def list_ticket_changes(
    event_id: EventIdInPath,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    cursor: Cursor = None,
) -> Response[TicketChanges]:
    """List tickets that became void or were let in since a gate last asked: without a cursor, all of them.

    With the public keys (`GET /ticket-keys`) a gate then judges without a connection: it admits a genuine
    code of its event whose ticket is in no list and was not let in here.
    """
    changes = await following.list_changes(db, user, event_id, cursor)
    return Response(changes, headers={"Cache-Control": "private, no-store"})


@post(
    "/events/{event_id:int}/offline-check-ins",
    status_code=200,
    operation_id="TakeOfflineCheckIns",
    summary="Say whom a gate let in without a connection",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, *BODY_REFUSALS),
)
async def take_offline_check_ins(
    event_id: EventIdInPath,
    data: JSONBody[OfflineCheckIns],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    ticket_keys: NamedDependency[TicketKeys],
) -> TakenCheckIns:
    """Take what happened already, all of it: whoever is in is in. Send it again until it is answered.

    A ticket is admitted by the first gate that says so. Every other result is a conflict: it is kept, and the
    organizer sees it.
    """
    return TakenCheckIns(items=await taking.take_check_ins(db, ticket_keys, user, event_id, data.check_ins))


@get(
    "/events/{event_id:int}/check-in-conflicts",
    operation_id="ListCheckInConflicts",
    summary="Whom gates should not have let in",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, InvalidInput, UnknownCursor),
)
async def list_check_in_conflicts(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[Conflict]]:
    """List what gates did without a connection and should not have, newest first."""
    page = await taking.list_conflicts(db, user, event_id, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [
    list_ticket_changes,
    take_offline_check_ins,
    list_check_in_conflicts,
]
