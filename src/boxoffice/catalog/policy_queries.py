"""SQL of cancellation policies, whose rows never change."""

from collections.abc import Sequence
from datetime import datetime

from boxoffice.kit.postgres import Transaction


async def insert_policies(
    tx: Transaction, event_ids: Sequence[int], since: Sequence[datetime], policy: str
) -> None:
    """Have this policy, as JSON, for bookings of each event from its moment on; their locks must be held."""
    await tx.execute(
        """
        INSERT INTO cancellation_policies (event_id, version, since, policy)
        SELECT event.id, coalesce(max(before.version), 0) + 1, event.since, $3::json
          FROM unnest($1::bigint[], $2::timestamptz[]) AS event (id, since)
          LEFT JOIN cancellation_policies AS before ON before.event_id = event.id
         GROUP BY event.id, event.since
        """,
        event_ids,
        since,
        policy,
    )
