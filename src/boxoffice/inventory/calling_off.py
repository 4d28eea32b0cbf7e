"""Calling off: every booking of a cancelled event is cancelled, in batches, by a job that never gives up."""

import msgspec

from boxoffice.catalog.cancelling import CancelledEvent
from boxoffice.inventory import calling_off_queries as queries
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.commands import CalledOff, CallOff
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.postgres import Database, Transaction

# So many bookings share one transaction under the event's lock, with their tickets and refunds: a tenth of a
# second of work, so that money that is reported meanwhile does not wait.
CALLED_OFF_AT_ONCE_MAX = 250


async def count_called_off(tx: Transaction, decided: Decided) -> None:
    """Write down how far it has come, in the transaction that goes on with it."""
    for outcome in decided.outcomes:
        if isinstance(outcome, CalledOff):
            await queries.insert_progress(tx, decided.event_id, outcome)


async def call_off(db: Database, sales: GroupCommit, payload: bytes) -> None:
    """Cancel batch after batch until a batch says that nobody has a place any more.

    Nothing is kept between batches, so it may die at any point and be done again: what was cancelled
    is not found any more. That nothing is left is said under the event's lock: a hold that was being decided
    when the event was cancelled is committed by then.
    """
    event_id = msgspec.json.decode(payload, type=CancelledEvent).event_id
    places_left, after = 1, None
    while places_left:
        booking_ids = await queries.list_live_bookings(db, event_id, after, CALLED_OFF_AT_ONCE_MAX)
        # Not from the first one each time: of a large event that would be all that were called off already.
        after = booking_ids[-1] if booking_ids else None
        outcome = await sales.submit(event_id, CallOff(tuple(booking_ids)))
        if not isinstance(outcome, CalledOff):
            raise TypeError(f"a batch of bookings was to be called off, not {outcome!r}")
        places_left = outcome.places_left
