"""Cancelling an event: at once for buyers; what follows for its bookings is a job."""

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import life_queries
from boxoffice.catalog.event_changes import lock_own_event
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.schemas import Event, EventState
from boxoffice.kit.errors import Refusal
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.postgres import Database

CANCEL_EVENT_JOB = "cancel-event"


class CancelledEvent(msgspec.Struct, frozen=True):
    """The job's payload."""

    event_id: int


class EventWasNeverOnSale(Refusal, status=409):
    """The event is a draft that nobody could buy; delete it."""


async def cancel_event(db: Database, user: Identity, event_id: int) -> Event:
    """Sell nothing more from the next batch on, and have every booking cancelled and refunded.

    A cancelled event stays as it is. Raises `NotFound`, `EventWasNeverOnSale`.
    """
    async with db.transaction() as tx:
        locked = await lock_own_event(tx, user, event_id)
        if locked.state == EventState.DRAFT:
            raise EventWasNeverOnSale
        if locked.state == EventState.PUBLISHED:
            await life_queries.update_to_cancelled(tx, event_id)
            await enqueue(tx, CANCEL_EVENT_JOB, CancelledEvent(event_id))
        return await get_any_event(tx, event_id)
