"""How far the cancellation of an event has come: bookings cancelled, payments refunded."""

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import may_change
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.postgres import Source
from boxoffice.payments.cancellation import queries
from boxoffice.payments.schemas import Cancellation, Progress, RefundProgress


class NotCancelled(Refusal, status=409):
    """The event is not cancelled; there is nothing to see here."""


async def get_cancellation(source: Source, user: Identity, event_id: int) -> Cancellation:
    """What is done and what is left. Raises `NotFound` for other people's events, `NotCancelled`."""
    row = await queries.find_cancellation(source, event_id)
    if row is None or not may_change(user, row.organizer_id):
        raise NotFound
    if row.cancelled_at is None:
        raise NotCancelled
    refunds = await queries.get_refund_counts(source, event_id)
    return Cancellation(
        cancelled_at=row.cancelled_at,
        finished_at=row.finished_at,
        bookings=Progress(total=row.bookings_done + row.bookings_left, done=row.bookings_done),
        refunds=RefundProgress(total=refunds.total, done=refunds.done, failed=refunds.failed),
    )
