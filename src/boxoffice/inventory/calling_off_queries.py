"""SQL of calling off: what is left to be cancelled, and how much was."""

from uuid import UUID

from boxoffice.inventory.commands import CalledOff
from boxoffice.kit.postgres import Source, Transaction


async def list_live_bookings(
    source: Source, event_id: int, after: UUID | None, bookings_max: int
) -> list[UUID]:
    """Bookings after this one that hold or have places, the oldest first."""
    return await source.list(
        UUID,
        """
        SELECT id
          FROM bookings
         WHERE event_id = $1 AND id > coalesce($2::uuid, '00000000-0000-0000-0000-000000000000')
           AND state IN ('PENDING', 'CONFIRMED')
         ORDER BY id
         LIMIT $3
        """,
        event_id,
        after,
        bookings_max,
    )


async def insert_progress(tx: Transaction, event_id: int, outcome: CalledOff) -> None:
    """Count what a batch has cancelled, in its own transaction; the event's lock must be held."""
    await tx.execute(
        """
        INSERT INTO cancellations AS known (event_id, bookings_done, finished_at)
        VALUES ($1, $2, CASE WHEN $3 = 0 THEN now() END)
        ON CONFLICT (event_id)
        DO UPDATE SET bookings_done = known.bookings_done + excluded.bookings_done,
                      finished_at = coalesce(known.finished_at, excluded.finished_at)
        """,
        event_id,
        outcome.count,
        outcome.places_left,
    )
