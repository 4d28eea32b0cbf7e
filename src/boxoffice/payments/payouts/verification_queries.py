"""SQL that holds payouts against their movements. Nothing here writes."""

from boxoffice.kit.postgres import Source
from boxoffice.payments.ledger.verification_queries import Finding


async def list_organizers_with_payouts(source: Source, event_id: int | None) -> list[int]:
    """Who was paid, or has movements that say so: all, or the organizer of this event."""
    return await source.list(
        int,
        """
        SELECT organizer_id
          FROM (SELECT organizer_id FROM payouts
                 UNION
                SELECT event.organizer_id
                  FROM events AS event
                 WHERE EXISTS (SELECT FROM ledger_movements
                                WHERE event_id = event.id
                                  AND kind IN ('PAID_OUT', 'PAYOUT_RETURNED'))) AS paid
         WHERE $1::bigint IS NULL OR organizer_id = (SELECT organizer_id FROM events WHERE id = $1)
         ORDER BY organizer_id
        """,
        event_id,
    )


async def list_false_payouts(source: Source, organizer_id: int) -> list[Finding]:
    """Payouts to this organizer that have moved another amount than they say, and movements without a payout.

    What came back has moved all of it back, at each event. A movement says what is due less.
    """
    return await source.list(
        Finding,
        """
        WITH expected AS (
            SELECT 'payout' AS what, 'PAID_OUT' AS kind, id AS cause_id, currency, amount
              FROM payouts
             WHERE organizer_id = $1
             UNION ALL
            SELECT 'payout that came back', 'PAYOUT_RETURNED', payout.id, payout.currency, -payout.amount
              FROM payouts AS payout
              JOIN payout_returns AS returned ON returned.id = payout.id
             WHERE payout.organizer_id = $1
        ), moved AS (
            SELECT movement.event_id, movement.kind, movement.cause_id, movement.currency, movement.payout
              FROM events AS event
              JOIN ledger_movements AS movement ON movement.event_id = event.id
             WHERE event.organizer_id = $1 AND movement.kind IN ('PAID_OUT', 'PAYOUT_RETURNED')
        ), booked AS (
            SELECT kind, cause_id, currency, sum(payout)::bigint AS amount
              FROM moved
             GROUP BY kind, cause_id, currency
        )
        SELECT coalesce(expected.what, 'entry ' || kind || ' without a cause:') AS what, cause_id AS id,
               currency, coalesce(expected.amount, 0) AS expected, coalesce(booked.amount, 0) AS found
          FROM expected
          FULL JOIN booked USING (kind, cause_id, currency)
         WHERE expected.amount IS DISTINCT FROM booked.amount
         UNION ALL
        SELECT 'payout that came back to another event, or in part:', cause_id, currency, 0,
               sum(payout)::bigint
          FROM moved
         WHERE cause_id IN (SELECT cause_id FROM moved WHERE kind = 'PAYOUT_RETURNED')
         GROUP BY event_id, cause_id, currency
        HAVING sum(payout) <> 0
         ORDER BY what, id
        """,
        organizer_id,
    )
