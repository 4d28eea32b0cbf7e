"""Which letters are to be sent, as each event's journal says: no sale waits for a letter, and none is lost.

The letters and the place in the journal are one transaction, and whoever reads on has the event's turn: each
change is read once, whatever dies in between.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from uuid import UUID

from boxoffice.booking.letters import queries
from boxoffice.booking.letters.queries import BookingLetter
from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, Change, decode_changes
from boxoffice.inventory.journal.reading_on import read_on, read_some
from boxoffice.kit.postgres import Database, Transaction

# What happened before is no news: when letters are turned on, sales of before are passed over.
NEWS_AGE_MAX = timedelta(days=1)


async def want_due_letters(db: Database) -> None:
    """Read on for all events; any number of processes may."""
    await read_on(db, queries.list_events_behind, want_letters, "letters")


async def want_letters(db: Database, event_id: int) -> None:
    """Read an event's journal to its end."""
    is_behind = True
    while is_behind:
        async with db.transaction() as tx:
            is_behind = await _want_some(tx, event_id)


async def _want_some(tx: Transaction, event_id: int) -> bool:
    """Go on for some rows of the journal; whether there may be more."""
    await queries.insert_cursor(tx, event_id)
    cursor = await queries.lock_cursor(tx, event_id)
    rows, until, is_full = await read_some(tx, event_id, cursor.version)
    oldest = cursor.now - NEWS_AGE_MAX
    wanted = [each for row in rows if row.at >= oldest for each in _wanted(decode_changes(row.changes))]
    if wanted:
        booking_ids, kinds = zip(*wanted, strict=True)
        await queries.insert_letters(tx, event_id, booking_ids, kinds)
    if until > cursor.version:
        await queries.update_cursor(tx, event_id, until)
    return is_full


def _wanted(changes: Sequence[Change]) -> Iterator[tuple[UUID, BookingLetter]]:
    for change in changes:
        if isinstance(change, BookingConfirmed):
            yield change.booking_id, BookingLetter.TICKETS
        elif isinstance(change, BookingCancelled) and change.was_confirmed:
            yield change.booking_id, BookingLetter.CANCELLED
