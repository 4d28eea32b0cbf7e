"""HTTP of an event's life beyond its sale."""

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog import event_tags
from boxoffice.catalog.archive import EventIsNotOver, archive_event, unarchive_event
from boxoffice.catalog.cancelling import EventWasNeverOnSale, cancel_event
from boxoffice.catalog.schemas import Event
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)


@post(
    "/events/{event_id:int}/cancel",
    status_code=200,
    operation_id="CancelEvent",
    summary="Cancel an event",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, EventWasNeverOnSale),
)
async def cancel(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[Event]:
    """Sell nothing more, at once; then cancel every booking and refund every payment in full.

    That happens in the background; `GET /events/{event_id}/cancellation` says how far it has come.
    There is no way back. Cancelling twice is the same as once.
    """
    event = await cancel_event(db, user, event_id)
    return Response(event, status_code=200, headers=event_tags.headers_of(event))


@post(
    "/events/{event_id:int}/archive",
    status_code=200,
    operation_id="ArchiveEvent",
    summary="Put an event away",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, EventIsNotOver),
)
async def archive(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[Event]:
    """List an event that is over or cancelled no more, but in `mine` with `archived`. Nothing is deleted.

    Archiving twice is the same as once.
    """
    event = await archive_event(db, user, event_id)
    return Response(event, status_code=200, headers=event_tags.headers_of(event))


@post(
    "/events/{event_id:int}/unarchive",
    status_code=200,
    operation_id="UnarchiveEvent",
    summary="Take an event out of the archive",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def unarchive(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[Event]:
    """List the event again. Doing so twice is the same as once."""
    event = await unarchive_event(db, user, event_id)
    return Response(event, status_code=200, headers=event_tags.headers_of(event))


routes: list[ControllerRouterHandler] = [cancel, archive, unarchive]
