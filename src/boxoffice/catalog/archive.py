"""The archive: events that are over and are not listed any more. Nothing is deleted."""

from datetime import datetime

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import life_queries
from boxoffice.catalog.event_changes import lock_own_event
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.schemas import Event, EventState
from boxoffice.kit.errors import Refusal
from boxoffice.kit.postgres import Database


class EventIsNotOver(Refusal, status=409):
    """The event is still to come, or still on sale, until `over_at`. Archive it then, or cancel it."""

    over_at: datetime


async def archive_event(db: Database, user: Identity, event_id: int) -> Event:
    """Put an event away that is over or cancelled. Raises `NotFound`, `EventIsNotOver`."""
    async with db.transaction() as tx:
        locked = await lock_own_event(tx, user, event_id)
        over_at = await life_queries.get_end(tx, event_id)
        if locked.state != EventState.CANCELLED and over_at > locked.now:
            raise EventIsNotOver(over_at=over_at)
        await life_queries.update_to_archived(tx, event_id)
        return await get_any_event(tx, event_id)


async def unarchive_event(db: Database, user: Identity, event_id: int) -> Event:
    """List an event again. Raises `NotFound`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        await life_queries.update_to_listed(tx, event_id)
        return await get_any_event(tx, event_id)
