"""SQL that holds the ledger against payments, refunds, disputes and bookings. Nothing here writes."""

from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source


class Finding(msgspec.Struct, frozen=True):
    """Something that is not as it must be, in minor units: `found` is what the ledger, or the table, has."""

    what: str
    id: UUID
    currency: str
    expected: int
    found: int


async def find_event_id(source: Source, event_id: int) -> int | None:
    """The event's id, if there is such an event."""
    return await source.find(int, "SELECT id FROM events WHERE id = $1", event_id)


async def list_events_with_payments(source: Source, event_id: int | None) -> list[int]:
    """The events that somebody has paid for or that the ledger has, one of them or all."""
    return await source.list(
        int,
        """
        SELECT event.id
          FROM events AS event
         WHERE ($1::bigint IS NULL OR event.id = $1)
           AND (EXISTS (SELECT FROM payments WHERE event_id = event.id)
                OR EXISTS (SELECT FROM ledger_movements WHERE event_id = event.id)
                OR EXISTS (SELECT FROM bookings
                            WHERE event_id = event.id AND state = 'CONFIRMED' AND total > 0))
         ORDER BY event.id
        """,
        event_id,
    )


async def get_movement_count(source: Source, event_id: int) -> int:
    """How many movements the event has."""
    return await source.get(int, "SELECT count(*) FROM ledger_movements WHERE event_id = $1", event_id)


async def list_out_of_balance(source: Source, event_id: int) -> list[Finding]:
    """Movements that do not add up to zero, and payments that do not know their refunds."""
    return await source.list(
        Finding,
        """
        SELECT 'movement' AS what, movement_id AS id, currency, 0::bigint AS expected, side.amount AS found
          FROM ledger_movements,
               LATERAL (VALUES (provider + organizer + fees + taxes + buyer + disputed + payout
                                + house_bank),
                               (reserved + promised)) AS side (amount)
         WHERE event_id = $1 AND side.amount <> 0
        UNION ALL
        SELECT 'refunds of payment', payment.id, payment.currency, payment.refunded,
               coalesce(sum(refund.amount), 0)::bigint
          FROM payments AS payment
          LEFT JOIN refunds AS refund
            ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
         WHERE payment.event_id = $1 AND payment.captured > 0
         GROUP BY payment.id, payment.currency, payment.refunded
        HAVING payment.refunded <> coalesce(sum(refund.amount), 0)
         ORDER BY what, id
        """,
        event_id,
    )


async def list_causes_without_movement(source: Source, event_id: int) -> list[Finding]:
    """What should have moved money and has not, or has moved another amount, and the other way round.

    Of refunds `list_refunds_without_movement` says it.
    """
    return await source.list(
        Finding,
        """
        WITH expected AS (
            SELECT 'captured payment' AS what, 'CAPTURED' AS kind, payment.id AS cause_id,
                   coalesce(returned.currency, payment.currency) AS currency, payment.captured AS amount
              FROM payments AS payment
              LEFT JOIN refunds AS returned ON returned.event_id = $1 AND returned.id = payment.id
             WHERE payment.event_id = $1 AND payment.captured > 0
            UNION ALL
            SELECT 'dispute', 'DISPUTED', id, currency, -amount
              FROM disputes
             WHERE event_id = $1
            UNION ALL
            SELECT 'dispute that was won', 'DISPUTE_WON', id, currency, amount
              FROM disputes
             WHERE event_id = $1 AND state = 'WON'
            UNION ALL
            SELECT 'dispute that was lost', 'DISPUTE_LOST', id, currency, -amount
              FROM disputes
             WHERE event_id = $1 AND state = 'LOST'
        ), booked AS (
            SELECT kind, cause_id, currency,
                   CASE kind WHEN 'DISPUTE_LOST' THEN disputed ELSE provider END AS amount
              FROM ledger_movements
             WHERE event_id = $1 AND kind IN ('CAPTURED', 'DISPUTED', 'DISPUTE_WON', 'DISPUTE_LOST')
        )
        SELECT coalesce(expected.what, 'entry ' || kind || ' without a cause:') AS what, cause_id AS id,
               currency, coalesce(expected.amount, 0) AS expected, coalesce(booked.amount, 0) AS found
          FROM expected
          FULL JOIN booked USING (kind, cause_id, currency)
         WHERE expected.amount IS DISTINCT FROM booked.amount
         ORDER BY what, id
        """,
        event_id,
    )


async def list_refunds_without_movement(source: Source, event_id: int) -> list[Finding]:
    """Refunds that should have moved money and have not, or another amount, and the other way round.

    A refund under its payment's own id that gave no places up is of money that bought nothing, and may be of
    another currency than was asked for; one under a dispute's id is what the bank took, and moved with it.
    One that failed has moved for each attempt.
    """
    return await source.list(
        Finding,
        """
        WITH expected AS (
            SELECT 'refund that is owed' AS what, 'REFUND_DUE' AS kind, id AS cause_id, currency,
                   -amount AS amount
              FROM refunds AS refund
             WHERE event_id = $1 AND (id <> payment_id OR worth > 0)
               AND NOT EXISTS (SELECT FROM disputes WHERE event_id = $1 AND id = refund.id)
               AND EXISTS (SELECT FROM payments
                            WHERE event_id = $1 AND id = refund.payment_id AND captured > 0)
            UNION ALL
            SELECT 'refund that was made', CASE WHEN refund.settled_by IS NULL THEN 'REFUNDED'
                                                ELSE 'REFUND_SETTLED' END,
                   CASE WHEN refund.settled_by IS NULL THEN coalesce(refund.attempt_id, refund.id)
                                 ELSE refund.id END, refund.currency, refund.amount
              FROM refunds AS refund
              JOIN payments AS payment
                ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
             WHERE refund.event_id = $1 AND refund.state = 'DONE' AND payment.captured > 0
               AND NOT EXISTS (SELECT FROM disputes WHERE event_id = $1 AND id = refund.id)
            UNION ALL
            SELECT failed.what, failed.kind, made.attempt_id, refund.currency,
                   failed.sign * refund.amount
              FROM provider_refunds AS made
              JOIN refunds AS refund ON refund.event_id = made.event_id AND refund.id = made.refund_id,
                   LATERAL (VALUES ('refund that was made and failed', 'REFUNDED', 1),
                                   ('refund that failed', 'REFUND_FAILED', -1)) AS failed (what, kind, sign)
             WHERE made.event_id = $1 AND made.attempt_id IS NOT NULL
        ), booked AS (
            SELECT kind, cause_id, currency, buyer AS amount
              FROM ledger_movements
             WHERE event_id = $1 AND kind IN ('REFUND_DUE', 'REFUNDED', 'REFUND_FAILED', 'REFUND_SETTLED')
        )
        SELECT coalesce(expected.what, 'entry ' || kind || ' without a cause:') AS what, cause_id AS id,
               currency, coalesce(expected.amount, 0) AS expected, coalesce(booked.amount, 0) AS found
          FROM expected
          FULL JOIN booked USING (kind, cause_id, currency)
         WHERE expected.amount IS DISTINCT FROM booked.amount
         ORDER BY what, id
        """,
        event_id,
    )


async def list_false_bookings(source: Source, event_id: int) -> list[Finding]:
    """Confirmed bookings that were not paid for, or whose fees and taxes, less what went back, are others."""
    return await source.list(
        Finding,
        """
        WITH confirmed AS (
            SELECT booking.id, booking.currency, booking.total, booking.levies, money.paid,
                   money.captured AS is_captured, money.given_up, money.taxes AS taxes_back
              FROM bookings AS booking,
                   LATERAL (
                       SELECT coalesce(sum(payment.amount), 0)::bigint AS paid,
                              bool_or(payment.captured > 0) AS captured,
                              coalesce(sum(back.given_up), 0)::bigint AS given_up,
                              coalesce(sum(back.taxes), 0)::bigint AS taxes
                         FROM payments AS payment,
                              LATERAL (
                                  SELECT sum(refund.worth)::bigint AS given_up,
                                         sum(refund.taxes - (
                                             SELECT coalesce(sum(share.value::bigint), 0)::bigint
                                               FROM json_array_elements(part -> 'levies' -> 'taxes') AS tax,
                                                    json_array_elements_text(tax -> 'amounts') AS share
                                             ))::bigint AS taxes
                                    FROM refunds AS refund
                                   WHERE refund.event_id = $1 AND refund.payment_id = payment.id) AS back
                        WHERE payment.event_id = $1 AND payment.booking_id = booking.id
                          AND payment.state IN ('CAPTURE_DUE', 'CAPTURED', 'REFUND_DUE', 'REFUNDED')
                          AND NOT EXISTS (SELECT FROM refunds
                                           WHERE event_id = $1 AND id = payment.id AND worth = 0)) AS money
             WHERE booking.event_id = $1 AND booking.state = 'CONFIRMED' AND booking.total > 0
        ), borne AS (
            SELECT booking_id, currency, -sum(fees)::bigint AS fees, -sum(taxes)::bigint AS taxes
              FROM ledger_movements
             WHERE event_id = $1 AND kind IN ('CAPTURED', 'REFUND_DUE', 'DISPUTE_LOST')
             GROUP BY booking_id, currency
        )
        SELECT 'payment of booking' AS what, id, currency, total + given_up AS expected, paid AS found
          FROM confirmed
         WHERE paid <> total + given_up
        UNION ALL
        SELECT levied.what, confirmed.id, confirmed.currency, levied.amount, levied.booked
          FROM confirmed
          LEFT JOIN borne ON borne.booking_id = confirmed.id AND borne.currency = confirmed.currency,
               LATERAL (VALUES
                   ('fees of booking',
                    (SELECT coalesce(sum(part::bigint), 0)::bigint
                       FROM json_array_elements(confirmed.levies -> 'fees') AS fee,
                            json_array_elements_text(fee -> 'amounts') AS part),
                    coalesce(borne.fees, 0)),
                   ('taxes of booking',
                    (SELECT coalesce(sum(part::bigint), 0)::bigint
                       FROM json_array_elements(confirmed.levies -> 'taxes') AS tax,
                            json_array_elements_text(tax -> 'amounts') AS part) - taxes_back,
                    coalesce(borne.taxes, 0))) AS levied (what, amount, booked)
         WHERE confirmed.is_captured AND levied.amount <> levied.booked
         ORDER BY what, id
        """,
        event_id,
    )


async def list_false_taxes(source: Source, event_id: int) -> list[Finding]:
    """Refunds that have moved another tax than they say; their credit notes say the same."""
    return await source.list(
        Finding,
        """
        SELECT 'tax of refund' AS what, refund.id, refund.currency, refund.taxes AS expected,
               coalesce(sum(movement.taxes), 0)::bigint AS found
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = $1 AND payment.id = refund.payment_id
          LEFT JOIN ledger_movements AS movement
            ON movement.event_id = $1 AND movement.cause_id = refund.id
               AND movement.kind IN ('REFUND_DUE', 'DISPUTE_LOST')
         WHERE refund.event_id = $1 AND payment.captured > 0
         GROUP BY refund.id, refund.currency, refund.taxes
        HAVING refund.taxes <> coalesce(sum(movement.taxes), 0)
         ORDER BY refund.id
        """,
        event_id,
    )


async def list_false_authorisations(source: Source, event_id: int) -> list[Finding]:
    """Payments of which something else is reserved than their state says: all of it, or nothing any more."""
    return await source.list(
        Finding,
        """
        WITH expected AS (
            SELECT payment.id, coalesce(returned.currency, payment.currency) AS currency,
                   coalesce(returned.amount, payment.amount) AS amount
              FROM payments AS payment
              LEFT JOIN refunds AS returned ON returned.event_id = $1 AND returned.id = payment.id
             WHERE payment.event_id = $1 AND payment.captured = 0
               AND payment.state IN ('CAPTURE_DUE', 'REFUND_DUE')
        ), booked AS (
            SELECT cause_id AS id, currency, sum(reserved)::bigint AS amount
              FROM ledger_movements
             WHERE event_id = $1 AND kind IN ('AUTHORISED', 'AUTHORISATION_OVER')
             GROUP BY cause_id, currency
        )
        SELECT CASE WHEN expected.id IS NULL THEN 'authorisation neither held nor let go, of payment'
                    ELSE 'authorisation of payment' END AS what,
               id, currency, coalesce(expected.amount, 0) AS expected, coalesce(booked.amount, 0) AS found
          FROM expected
          FULL JOIN booked USING (id, currency)
         WHERE coalesce(expected.amount, 0) <> coalesce(booked.amount, 0)
         ORDER BY what, id
        """,
        event_id,
    )
