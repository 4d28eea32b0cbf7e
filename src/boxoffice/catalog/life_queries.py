"""SQL of an event's life after it was published."""

from boxoffice.kit.postgres import Transaction


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
