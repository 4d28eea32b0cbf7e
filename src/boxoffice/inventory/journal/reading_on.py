"""Reading every event's journal on from where it was left: for what no sale has to wait for."""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog

from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.queries import SaleRow
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database, Source, Transaction

# So many journal rows share a transaction, or as many as have so many characters (a change has about 150, a
# row up to 2,000 changes): seconds of work at most, for which only others who do the same wait.
ROWS_AT_ONCE_MAX = 200
LENGTH_AT_ONCE_MAX = 1_000_000

# So many events are asked for at once: those after them have their turn in the same round, for the first of
# a busy day have something new each time.
EVENTS_AT_ONCE_MAX = 100

_log = structlog.get_logger()


class Read(NamedTuple):
    """Rows that sell or take back, the version up to which they were read, and whether there may be more."""

    rows: list[SaleRow]
    until: int
    is_full: bool


async def read_on(
    db: Database,
    list_behind: Callable[[Source, int, int], Awaitable[list[int]]],
    read: Callable[[Database, int], Awaitable[None]],
    purpose: str,
) -> None:
    """Have every event read that is behind. A fault of one is logged and keeps no other.

    `list_behind` is told after which event, and how many; any number of processes may be at it.
    """
    after = 0
    while event_ids := await list_behind(db, after, EVENTS_AT_ONCE_MAX):
        for event_id in event_ids:
            try:
                await read(db, event_id)
            except Unavailable:
                raise
            except Exception:  # noqa: BLE001  logged with its traceback, and the next event has its turn
                _log.exception("journal not read on", event_id=event_id, purpose=purpose)
        after = event_ids[-1]


async def read_some(tx: Transaction, event_id: int, after: int) -> Read:
    """What was sold or taken back after a version, as much as fits into a transaction."""
    until = await queries.get_version(tx, event_id)
    if after >= until:
        return Read([], until, is_full=False)
    rows = await queries.list_sales(tx, event_id, after, until, ROWS_AT_ONCE_MAX, LENGTH_AT_ONCE_MAX)
    is_full = len(rows) == ROWS_AT_ONCE_MAX or sum(len(row.changes) for row in rows) >= LENGTH_AT_ONCE_MAX
    return Read(rows, rows[-1].version if is_full else until, is_full)
