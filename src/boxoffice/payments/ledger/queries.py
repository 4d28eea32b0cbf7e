"""SQL of the ledger: what moves money writes its movement in the same statement: there are both or neither.

A movement is a row, with a column for each account: its entry there. One above 0 raises the account, one
below lowers it. PROVIDER is money that a provider has for us; ORGANIZER, FEES, TAXES, BUYER and PAYOUT are
what we owe for it, and are therefore below 0. What is only authorised is nobody's yet: RESERVED at a bank,
PROMISED by a buyer, and beside all other accounts. Of what is due `payments/payouts/queries.py` has the rest.
"""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import Payment
from boxoffice.kit.postgres import Transaction


async def update_captured(
    tx: Transaction,
    event_id: int,
    movements: Mapping[UUID, Sequence[UUID]],
    states: Sequence[str],
    reports: Sequence[Payment],
) -> None:
    """The money of these payments has come and has become tickets, unless they are in another state.

    The parts of it are those that the booking's places bear. A payment's second movement, if it has one, says
    that it had been authorised. What was reported is kept, see `insert_payment_events`; each payment finds
    its movements by its id, see `inventory.queries.insert_batch`. OFFSET has each booking looked up by its
    id, and its parts added up once, also by a plan from when the tables were empty: a join would read all
    bookings of the event.
    """
    await tx.execute(
        """
        WITH noted AS (
            INSERT INTO payment_events (event_id, provider, provider_event_id, payment_id, kind)
            SELECT $1, report.*, 'CAPTURED' FROM unnest($5::text[], $6::text[], $7::uuid[]) AS report
            ON CONFLICT (event_id, provider, provider_event_id) DO NOTHING
        ), captured AS (
            UPDATE payments
               SET state = 'CAPTURED', ask_at = NULL, changed_at = now(), captured = amount
             WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND captured = 0 AND state = ANY ($4::text[])
            RETURNING id, booking_id, amount, currency, ($3::jsonb -> id::text ->> 0)::uuid AS movement_id,
                      ($3::jsonb -> id::text ->> 1)::uuid AS over_id
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      organizer, fees, taxes, reserved, promised)
        SELECT $1, movement_id, 'CAPTURED', captured.id, booking_id, captured.currency, amount,
               fees + taxes - amount, -fees, -taxes, 0, 0
          FROM captured,
               LATERAL (
                   SELECT CASE WHEN levies IS NULL THEN 0 ELSE
                              (SELECT coalesce(sum(part::bigint), 0)::bigint
                                 FROM json_array_elements(levies -> 'fees') AS fee,
                                      json_array_elements_text(fee -> 'amounts') AS part) END AS fees,
                          CASE WHEN levies IS NULL THEN 0 ELSE
                              (SELECT coalesce(sum(part::bigint), 0)::bigint
                                 FROM json_array_elements(levies -> 'taxes') AS tax,
                                      json_array_elements_text(tax -> 'amounts') AS part) END AS taxes
                     FROM bookings
                    WHERE bookings.event_id = $1 AND bookings.id = captured.booking_id
                   OFFSET 0) AS borne
         UNION ALL
        SELECT $1, over_id, 'AUTHORISATION_OVER', id, booking_id, currency, 0, 0, 0, 0, -amount, amount
          FROM captured
         WHERE over_id IS NOT NULL
        """,
        event_id,
        list(movements),
        msgspec.json.encode(movements).decode(),
        states,
        *_columns_of(reports),
    )


def _columns_of(reports: Sequence[Payment]) -> tuple[list[str], list[str], list[UUID]]:
    return (
        [report.provider for report in reports],
        [report.provider_event_id for report in reports],
        [report.payment_id for report in reports],
    )


async def update_captured_after_all(
    tx: Transaction, event_id: int, payment_id: UUID, amount: int, movement_ids: Sequence[UUID]
) -> bool:
    """What was to be let go as only authorised had been captured; the payment must be locked. Whether it was.

    A part that somebody captured by hand its refund has given back. All of it is booked as it would have
    been: captured, for tickets or for nothing, owed, and given back if it is.
    """
    return (
        await tx.execute(
            """
            WITH captured AS (
                UPDATE payments
                   SET captured = amount, refunded = amount, changed_at = now()
                 WHERE event_id = $1 AND id = $2 AND captured = 0 AND amount = $4
                   AND state IN ('REFUND_DUE', 'REFUNDED')
                   AND NOT EXISTS (SELECT FROM refunds
                                    WHERE event_id = $1 AND id = $2 AND settled_by IS NOT NULL)
                RETURNING id, booking_id, amount, currency
            ), refund AS (
                SELECT captured.id, captured.booking_id, captured.amount, captured.currency, fees, taxes,
                       captured.amount - fees - taxes AS rest, worth > 0 AS is_sold,
                       state = 'DONE' AS is_made,
                       coalesce(attempt_id, refund.id) AS attempt_id
                  FROM captured
                  JOIN refunds AS refund ON refund.event_id = $1 AND refund.id = captured.id
            )
            INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency,
                                          provider, organizer, fees, taxes, buyer, reserved, promised)
            SELECT $1, ($3::uuid[])[number], movement.kind, movement.cause_id, refund.booking_id,
                   refund.currency, movement.provider, movement.organizer, movement.fees, movement.taxes,
                   movement.buyer, movement.reserved, -movement.reserved
              FROM refund,
                   LATERAL (VALUES
                       (is_sold, 1, 'CAPTURED', refund.id, amount, -rest, -refund.fees, -refund.taxes, 0, 0),
                       (NOT is_sold, 1, 'CAPTURED', refund.id, amount, 0, 0, 0, -amount, 0),
                       (is_sold, 2, 'REFUND_DUE', refund.id, 0, rest, refund.fees, refund.taxes, -amount, 0),
                       (is_made, 3, 'REFUNDED', attempt_id, -amount, 0, 0, 0, amount, 0),
                       (NOT is_made, 4, 'AUTHORISATION_OVER', refund.id, 0, 0, 0, 0, 0, -amount)
                   ) AS movement (is_due, number, kind, cause_id, provider, organizer, fees, taxes, buyer,
                                  reserved)
             WHERE movement.is_due
            """,
            event_id,
            payment_id,
            movement_ids,
            amount,
        )
        > 0
    )


async def update_capture_due(
    tx: Transaction, event_id: int, payment_ids: Sequence[UUID], movement_ids: Sequence[UUID]
) -> None:
    """The money was authorised and has become tickets; it is still to be taken."""
    await tx.execute(
        """
        WITH authorised AS (
            UPDATE payments
               SET state = 'CAPTURE_DUE', ask_at = NULL, changed_at = now()
             WHERE event_id = $1 AND id = ANY ($2::uuid[])
            RETURNING id, booking_id, amount, currency
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, reserved,
                                      promised)
        SELECT $1, movement.id, 'AUTHORISED', authorised.id, booking_id, currency, amount, -amount
          FROM authorised
          JOIN unnest($2::uuid[], $3::uuid[]) AS movement (payment_id, id)
            ON movement.payment_id = authorised.id
        """,
        event_id,
        payment_ids,
        movement_ids,
    )


async def update_gone(tx: Transaction, event_id: int, payment_id: UUID, movement_id: UUID) -> None:
    """What was authorised is gone, and so are the tickets."""
    await tx.execute(
        """
        WITH gone AS (
            UPDATE payments
               SET state = 'CANCELLED', ask_at = NULL, changed_at = now()
             WHERE event_id = $1 AND id = $2 AND state = 'CAPTURE_DUE'
            RETURNING id, booking_id, amount, currency
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, reserved,
                                      promised)
        SELECT $1, $3, 'AUTHORISATION_OVER', id, booking_id, currency, -amount, amount
          FROM gone
        """,
        event_id,
        payment_id,
        movement_id,
    )


async def insert_money_to_return(
    tx: Transaction,
    event_id: int,
    payment_ids: list[UUID],
    movement_ids: list[UUID],
    amounts: list[int],
    currencies: list[str],
    reasons: list[str],
    captured: list[bool],
) -> None:
    """Owe money back that came for nothing: all of it, with the reason. A second refund of it is refused.

    What was only authorised will be void, and is reserved until then.
    """
    await tx.execute(
        """
        WITH returned AS (
            SELECT payment_id, movement_id, amount, currency, reason, is_captured
              FROM unnest($2::uuid[], $3::uuid[], $4::bigint[], $5::text[], $6::text[], $7::boolean[])
                AS refund (payment_id, movement_id, amount, currency, reason, is_captured)
        ), owed AS (
            INSERT INTO refunds (event_id, id, payment_id, amount, currency, reason)
            SELECT $1, payment_id, payment_id, amount, currency, reason
              FROM returned
        ), moved AS (
            UPDATE payments AS payment
               SET state = 'REFUND_DUE', ask_at = NULL, changed_at = now(),
                   captured = CASE WHEN is_captured THEN returned.amount ELSE 0 END,
                   refunded = CASE WHEN is_captured THEN returned.amount ELSE 0 END
              FROM returned
             WHERE payment.event_id = $1 AND payment.id = returned.payment_id
               AND payment.id = ANY ($2::uuid[])
            RETURNING payment.id, payment.booking_id
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      buyer, reserved, promised)
        SELECT $1, movement_id, CASE WHEN is_captured THEN 'CAPTURED' ELSE 'AUTHORISED' END, payment_id,
               booking_id, currency, came, -came, amount - came, came - amount
          FROM returned
          JOIN moved ON moved.id = returned.payment_id,
               LATERAL (SELECT CASE WHEN is_captured THEN amount ELSE 0 END AS came) AS part
        """,
        event_id,
        payment_ids,
        movement_ids,
        amounts,
        currencies,
        reasons,
        captured,
    )
