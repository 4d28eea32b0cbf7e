"""HTTP of what follows from an event's cancellation."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.params import PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.payments.cancellation import NotCancelled, get_cancellation
from boxoffice.payments.schemas import Cancellation

_EventId = Annotated[int, PathParameter(ge=1, le=EVENT_ID_MAX)]


@get(
    "/events/{event_id:int}/cancellation",
    operation_id="GetCancellation",
    summary="See how far a cancellation has come",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, NotCancelled),
)
async def show(
    event_id: _EventId, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Cancellation:
    """Count the bookings that are cancelled and the refunds that are done, of a cancelled event of yours."""
    return await get_cancellation(db, user, event_id)


routes: list[ControllerRouterHandler] = [show]
