"""The sweeper: expires holds nobody asks for, so that what is shown is tidy. No sale depends on it."""

import structlog

from boxoffice.inventory.commands import Expire
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.queries import list_events_with_holds_over
from boxoffice.kit.postgres import Database

# Events tidied up in one round; the rest have their turn a few seconds later.
EVENTS_PER_ROUND_MAX = 100

_log = structlog.get_logger()


async def sweep(db: Database, sales: GroupCommit) -> None:
    """Let every event that has a hold whose time is over decide so; one that cannot keeps nobody waiting."""
    for event_id in await list_events_with_holds_over(db, EVENTS_PER_ROUND_MAX):
        try:
            await sales.submit(event_id, Expire())
        except Exception as error:  # noqa: BLE001  whatever it is, it would be the same event's turn again
            _log.warning("event not tidied up", event_id=event_id, error=repr(error))
