"""Setting an event's cancellation policy, between two batches: what is booked before has the one before."""

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.cancellation_policy import CancellationPolicy, faults_of_policy
from boxoffice.catalog.event_changes import EventIsCancelled, lock_own_event, renew_terms
from boxoffice.catalog.events import keep_policy
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory import batch
from boxoffice.kit.errors import InvalidInput
from boxoffice.kit.postgres import Database


async def put_policy(
    db: Database, user: Identity, event_id: int, policy: CancellationPolicy
) -> CancellationPolicy:
    """Have this policy for bookings from now on. Raises `NotFound`, `InvalidInput`, `EventIsCancelled`."""
    async with db.transaction() as tx:
        event = await lock_own_event(tx, user, event_id)
        if event.state == EventState.CANCELLED:
            raise EventIsCancelled
        if faults := list(faults_of_policy(policy)):
            raise InvalidInput(errors=faults)
        since = event.now
        if event.state == EventState.PUBLISHED:
            # Batches tell the time under this lock: a booking is clearly before the policy or after it.
            since = (await batch.lock_event(tx, event_id)).now
        await keep_policy(tx, event_id, since, policy)
        await renew_terms(tx, event_id)
    return policy
