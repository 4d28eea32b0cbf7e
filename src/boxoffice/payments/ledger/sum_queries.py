"""SQL of sums: an event's movements before an id, added up by currency and kind."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.ledger.verification_queries import Finding


async def get_now(source: Source) -> datetime:
    """The clock of the business."""
    return await source.get(datetime, "SELECT now()")


async def claim_sum_turn(tx: Transaction) -> bool:
    """Whether we are the one who adds up until we commit; nobody waits for somebody else who is."""
    return await tx.get(bool, "SELECT pg_try_advisory_xact_lock(hashtextextended('boxoffice sums', 0))")


async def list_events_to_sum(source: Source, after: int, until: UUID, events_max: int) -> list[int]:
    """Events that have movements before this id which are in no sum yet, by their ids, beyond `after`."""
    return await source.list(
        int,
        """
        SELECT event.id
          FROM events AS event
          LEFT JOIN ledger_cursors AS cursor ON cursor.event_id = event.id
         WHERE event.id > $1
           AND EXISTS (SELECT FROM ledger_movements
                        WHERE event_id = event.id
                          AND movement_id >= coalesce(cursor.until_id, '00000000-0000-0000-0000-000000000000')
                          AND movement_id < $2)
         ORDER BY event.id
         LIMIT $3
        """,
        after,
        until,
        events_max,
    )


async def insert_sums(tx: Transaction, event_ids: Sequence[int], until: UUID) -> None:
    """Add what has moved before this id to the sums of these events; the caller has the turn.

    One statement, so that a balance sees the sums of an event and how far they go as they were at one moment.
    """
    await tx.execute(
        """
        WITH summed AS (
            INSERT INTO ledger_sums AS known (event_id, currency, kind, organizer, fees, taxes, disputed,
                                              payout)
            SELECT event.id, currency, kind, sum(organizer), sum(fees), sum(taxes), sum(disputed), sum(payout)
              FROM unnest($1::bigint[]) AS event (id)
              LEFT JOIN ledger_cursors AS cursor ON cursor.event_id = event.id,
                   LATERAL (
                       SELECT *
                         FROM ledger_movements
                        WHERE event_id = event.id
                          AND movement_id >= coalesce(cursor.until_id, '00000000-0000-0000-0000-000000000000')
                          AND movement_id < $2
                       OFFSET 0) AS movement
             GROUP BY event.id, currency, kind
            ON CONFLICT (event_id, currency, kind) DO UPDATE
               SET organizer = known.organizer + excluded.organizer, fees = known.fees + excluded.fees,
                   taxes = known.taxes + excluded.taxes, disputed = known.disputed + excluded.disputed,
                   payout = known.payout + excluded.payout
        )
        INSERT INTO ledger_cursors AS known (event_id, until_id)
        SELECT id, $2 FROM unnest($1::bigint[]) AS event (id)
            ON CONFLICT (event_id) DO UPDATE SET until_id = greatest(known.until_id, excluded.until_id)
        """,
        event_ids,
        until,
    )


async def list_false_sums(source: Source, event_id: int) -> list[Finding]:
    """Sums that are not those of the movements before the id until which they go."""
    return await source.list(
        Finding,
        """
        WITH counted AS (
            SELECT currency, kind, sum(organizer)::bigint AS organizer, sum(fees)::bigint AS fees,
                   sum(taxes)::bigint AS taxes, sum(disputed)::bigint AS disputed,
                   sum(payout)::bigint AS payout
              FROM ledger_movements
             WHERE event_id = $1
               AND movement_id < (SELECT until_id FROM ledger_cursors WHERE event_id = $1)
             GROUP BY currency, kind
        )
        SELECT 'sum of ' || kind || ' at ' || part.account || ' until' AS what, cursor.until_id AS id,
               currency, part.expected, part.found
          FROM counted
          FULL JOIN (SELECT * FROM ledger_sums WHERE event_id = $1) AS known USING (currency, kind)
          JOIN ledger_cursors AS cursor ON cursor.event_id = $1,
               LATERAL (VALUES
                   ('ORGANIZER', coalesce(counted.organizer, 0), coalesce(known.organizer, 0)),
                   ('FEES', coalesce(counted.fees, 0), coalesce(known.fees, 0)),
                   ('TAXES', coalesce(counted.taxes, 0), coalesce(known.taxes, 0)),
                   ('DISPUTED', coalesce(counted.disputed, 0), coalesce(known.disputed, 0)),
                   ('PAYOUT', coalesce(counted.payout, 0), coalesce(known.payout, 0))
               ) AS part (account, expected, found)
         WHERE part.expected <> part.found
         ORDER BY what
        """,
        event_id,
    )
