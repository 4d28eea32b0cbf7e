"""SQL of an event's life after it was published."""

from datetime import datetime

from boxoffice.kit.postgres import Source, Transaction


async def update_to_cancelled(tx: Transaction, event_id: int) -> None:
    """The event does not take place; its lock must be held."""
    await tx.execute(
        """
        UPDATE events
           SET state = 'CANCELLED', cancelled_at = now(), revision = revision + 1
         WHERE id = $1
        """,
        event_id,
    )


async def get_end(source: Source, event_id: int) -> datetime:
    """When the event is over and nobody sells it any more, its channels included."""
    return await source.get(
        datetime,
        """
        SELECT greatest(starts_at, ends_at, sale_ends_at,
                        (SELECT max(sale_ends_at) FROM channels WHERE event_id = events.id))
          FROM events
         WHERE id = $1
        """,
        event_id,
    )


async def update_to_archived(tx: Transaction, event_id: int) -> None:
    """Put the event away; its lock must be held. One that is away stays as it is."""
    await tx.execute(
        """
        UPDATE events
           SET archived_at = now(), revision = revision + 1
         WHERE id = $1 AND archived_at IS NULL
        """,
        event_id,
    )


async def update_to_listed(tx: Transaction, event_id: int) -> None:
    """Take the event out again; its lock must be held."""
    await tx.execute(
        """
        UPDATE events
           SET archived_at = NULL, revision = revision + 1
         WHERE id = $1 AND archived_at IS NOT NULL
        """,
        event_id,
    )
