"""HTTP of what follows from an event's cancellation."""

from litestar import get
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.payments.cancellation.progress import NotCancelled, get_cancellation
from boxoffice.payments.schemas import Cancellation


@get(
    "/events/{event_id:int}/cancellation",
    operation_id="GetCancellation",
    summary="See how far a cancellation has come",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, NotCancelled),
)
async def show(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Cancellation:
    """Count the bookings that are cancelled and the refunds that are done, of a cancelled event of yours."""
    return await get_cancellation(db, user, event_id)


routes: list[ControllerRouterHandler] = [show]
