"""HTTP of duplicates of events."""

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.catalog.duplicates import Duplicate
from boxoffice.catalog.schemas import Event
from boxoffice.inventory.duplicates.duplicating import duplicate_event
from boxoffice.kit import idempotency
from boxoffice.kit.errors import NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents


@post(
    "/events/{event_id:int}/duplicate",
    operation_id="DuplicateEvent",
    summary="Make a draft like another event",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NotAllowed, NotFound, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def duplicate(
    event_id: EventIdInPath,
    data: JSONBody[Duplicate],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    once: NamedDependency[Once | None],
) -> Response[Event]:
    """Make a draft with everything of an event of yours but its sales and blocks; promo codes if you say so.

    Its other times move along, by the clock on the wall of its time zone. Its channels get keys that nobody
    knows: rotate them to get some. Seat map and image are those of the event, until one of the two gets
    another.
    """
    return idempotency.respond(await duplicate_event(db, user, event_id, data, once), once)


routes: list[ControllerRouterHandler] = [duplicate]
