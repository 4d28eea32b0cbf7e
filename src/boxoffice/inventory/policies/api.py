"""HTTP of cancellation policies; the event shows the one that it has."""

from litestar import put
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog.cancellation_policy import CancellationPolicy
from boxoffice.catalog.event_changes import EventIsCancelled
from boxoffice.inventory.policies.setting import put_policy
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents


@put(
    "/events/{event_id:int}/cancellation-policy",
    operation_id="PutCancellationPolicy",
    summary="Let buyers cancel what is paid",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, EventIsCancelled, *BODY_REFUSALS),
)
async def put_cancellation_policy(
    data: JSONBody[CancellationPolicy],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
) -> CancellationPolicy:
    """Say until when a paid booking may be cancelled, and what comes back; no tiers: not at all.

    It holds for bookings made from now on. Each booking keeps the policy it was made under.
    """
    return await put_policy(db, user, event_id, data)


routes: list[ControllerRouterHandler] = [put_cancellation_policy]
