"""SQL of how far a cancellation has come. Nothing is written here."""

from datetime import datetime

import msgspec

from boxoffice.kit.postgres import Source


class CancellationRow(msgspec.Struct, frozen=True):
    """Whose event it is, and how far its bookings are called off."""

    organizer_id: int
    cancelled_at: datetime | None
    finished_at: datetime | None
    bookings_done: int
    bookings_left: int


class RefundCounts(msgspec.Struct, frozen=True):
    """The refunds of an event. `failed` are due and were tried in vain so far."""

    total: int
    done: int
    failed: int


async def find_cancellation(source: Source, event_id: int) -> CancellationRow | None:
    """What of the event's bookings is cancelled and what is left, cancelled or not."""
    return await source.find(
        CancellationRow,
        """
        SELECT event.organizer_id, event.cancelled_at, known.finished_at,
               coalesce(known.bookings_done, 0) AS bookings_done,
               (SELECT count(*) FROM bookings
                 WHERE event_id = event.id AND state IN ('PENDING', 'CONFIRMED')) AS bookings_left
          FROM events AS event
          LEFT JOIN cancellations AS known ON known.event_id = event.id
         WHERE event.id = $1
        """,
        event_id,
    )


async def get_refund_counts(source: Source, event_id: int) -> RefundCounts:
    """How far the refunds of an event have come."""
    return await source.get(
        RefundCounts,
        """
        SELECT count(*) AS total,
               count(*) FILTER (WHERE state = 'DONE') AS done,
               count(*) FILTER (WHERE state = 'FAILED' OR (state = 'DUE' AND failures > 0)) AS failed
          FROM refunds
         WHERE event_id = $1
        """,
        event_id,
    )
