"""HTTP of check-ins, counted."""

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.tickets.counting import counting
from boxoffice.tickets.counting.schemas import CheckInCounts

# Whoever looks at figures looks again at once; ten people a minute come through a gate.
_CACHE_CONTROL = "private, max-age=5"


@get(
    "/events/{event_id:int}/check-ins",
    operation_id="CountCheckIns",
    summary="How many are in",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def count_check_ins(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[CheckInCounts]:
    """Count tickets and who was let in: by category and ticket type, and by quarter of an hour.

    And how many scans were refused, by reason. For who may see the event's figures.
    """
    counts = await counting.count_check_ins(db, user, event_id)
    return Response(counts, headers={"Cache-Control": _CACHE_CONTROL})


routes: list[ControllerRouterHandler] = [count_check_ins]
