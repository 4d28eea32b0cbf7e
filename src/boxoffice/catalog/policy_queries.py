"""SQL of cancellation policies, whose rows never change."""

from datetime import datetime

from boxoffice.kit.postgres import Transaction


async def insert_policy(tx: Transaction, event_id: int, since: datetime, policy: str) -> None:
    """Have this policy, as JSON, for bookings made from this moment on; the event's lock must be held."""
    await tx.execute(
        """
        INSERT INTO cancellation_policies (event_id, version, since, policy)
        SELECT $1, coalesce(max(version), 0) + 1, $2, $3::json
          FROM cancellation_policies
         WHERE event_id = $1
        """,
        event_id,
        since,
        policy,
    )
