"""Sums of the ledger: what moved long ago is added up once, so that a balance reads what has moved since."""

from datetime import timedelta
from uuid import UUID

from boxoffice.kit.ids import earliest_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.ledger import sum_queries as queries

# What is younger is read movement by movement: ids are made before they are committed, and by the clocks of
# several machines, so one may turn up behind others.
SUMMED_AFTER = timedelta(days=1)

# A day of sales is read in some milliseconds; an hour more of them makes no difference.
SUM_SECONDS = 3600.0

# Of so many events at once: some seconds of work when a large house begins to add up.
EVENTS_AT_ONCE_MAX = 20


async def sum_up(db: Database) -> None:
    """Add up what has moved since the last time, event by event; processes leave it to one of them."""
    until = earliest_id(await queries.get_now(db) - SUMMED_AFTER)
    after: int | None = 0
    while after is not None:
        async with db.transaction() as tx:
            after = await sum_next(tx, after, until)


async def sum_next(tx: Transaction, after: int, until: UUID) -> int | None:
    """Add up some events after this one: the last of them, or None if there is none or it is not our turn."""
    if not await queries.claim_sum_turn(tx):
        return None
    event_ids = await queries.list_events_to_sum(tx, after, until, EVENTS_AT_ONCE_MAX)
    await queries.insert_sums(tx, event_ids, until)
    return event_ids[-1] if event_ids else None
