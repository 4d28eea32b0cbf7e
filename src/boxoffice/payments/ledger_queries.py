"""SQL of the ledger: what moves money writes its entries in the same statement, so there are both or neither.

An entry above 0 raises an account, one below lowers it. PROVIDER is money that a provider has for us;
ORGANIZER, FEES, TAXES, BUYER and PAYOUT are what we owe for it, and are therefore below 0. What is only
authorised is nobody's yet: RESERVED at a bank, PROMISED by a buyer, and beside all other accounts.
"""

from collections.abc import Sequence
from uuid import UUID

from boxoffice.inventory.commands import Payment
from boxoffice.kit.postgres import Source, Transaction


async def update_captured(
    tx: Transaction,
    event_id: int,
    payment_ids: Sequence[UUID],
    movement_ids: Sequence[UUID],
    states: Sequence[str],
    over_ids: Sequence[UUID],
    reports: Sequence[Payment],
) -> None:
    """The money of these payments has come and has become tickets, unless they are in another state.

    The parts of it are those that the booking's places bear. With `over_ids`, movements too, it had been
    authorised. What was reported is kept, see `insert_payment_events`. The ids are named twice, see
    `inventory.queries.insert_batch`.
    """
    arguments = (event_id, payment_ids, movement_ids, states, over_ids)
    await tx.execute(
        """
        WITH noted AS (
            INSERT INTO payment_events (event_id, provider, provider_event_id, payment_id, kind)
            SELECT $1, report.*, 'CAPTURED' FROM unnest($6::text[], $7::text[], $8::uuid[]) AS report
            ON CONFLICT (event_id, provider, provider_event_id) DO NOTHING
        ), captured AS (
            UPDATE payments
               SET state = 'CAPTURED', ask_at = NULL, changed_at = now(), captured = amount
             WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND captured = 0 AND state = ANY ($4::text[])
            RETURNING id, booking_id, amount, currency
        ), parted AS (
            SELECT captured.id, captured.booking_id, captured.amount, captured.currency,
                   CASE WHEN booking.levies IS NULL THEN 0 ELSE
                       (SELECT coalesce(sum(part::bigint), 0)::bigint
                          FROM json_array_elements(booking.levies -> 'fees') AS fee,
                               json_array_elements_text(fee -> 'amounts') AS part) END AS fees,
                   CASE WHEN booking.levies IS NULL THEN 0 ELSE
                       (SELECT coalesce(sum(part::bigint), 0)::bigint
                          FROM json_array_elements(booking.levies -> 'taxes') AS tax,
                               json_array_elements_text(tax -> 'amounts') AS part) END AS taxes
              FROM captured
              JOIN bookings AS booking ON booking.event_id = $1 AND booking.id = captured.booking_id
        )
        INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                    amount, currency)
        SELECT $1, entry.movement_id, entry.line, entry.kind, parted.id, parted.booking_id, entry.account,
               entry.amount, parted.currency
          FROM parted
          JOIN unnest($2::uuid[], $3::uuid[], $5::uuid[]) AS movement (payment_id, id, over_id)
            ON movement.payment_id = parted.id,
               LATERAL (VALUES (movement.id, 'CAPTURED', 0, 'PROVIDER', parted.amount),
                               (movement.id, 'CAPTURED', 1, 'ORGANIZER', fees + taxes - parted.amount),
                               (movement.id, 'CAPTURED', 2, 'FEES', -fees),
                               (movement.id, 'CAPTURED', 3, 'TAXES', -taxes),
                               (movement.over_id, 'AUTHORISATION_OVER', 0, 'RESERVED', -parted.amount),
                               (movement.over_id, 'AUTHORISATION_OVER', 1, 'PROMISED', parted.amount))
                 AS entry (movement_id, kind, line, account, amount)
         WHERE entry.movement_id IS NOT NULL AND entry.amount <> 0
        """,
        *arguments,
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
            INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                        amount, currency)
            SELECT $1, ($3::uuid[])[entry.movement], entry.line, entry.kind, entry.cause_id,
                   refund.booking_id, entry.account, entry.amount, refund.currency
              FROM refund,
                   LATERAL (VALUES
                       (true, 1, 'CAPTURED', refund.id, 0, 'PROVIDER', refund.amount),
                       (NOT is_sold, 1, 'CAPTURED', refund.id, 1, 'BUYER', -refund.amount),
                       (is_sold, 1, 'CAPTURED', refund.id, 1, 'ORGANIZER', -rest),
                       (is_sold, 1, 'CAPTURED', refund.id, 2, 'FEES', -fees),
                       (is_sold, 1, 'CAPTURED', refund.id, 3, 'TAXES', -taxes),
                       (is_sold, 2, 'REFUND_DUE', refund.id, 0, 'BUYER', -refund.amount),
                       (is_sold, 2, 'REFUND_DUE', refund.id, 1, 'ORGANIZER', rest),
                       (is_sold, 2, 'REFUND_DUE', refund.id, 2, 'FEES', fees),
                       (is_sold, 2, 'REFUND_DUE', refund.id, 3, 'TAXES', taxes),
                       (is_made, 3, 'REFUNDED', attempt_id, 0, 'BUYER', refund.amount),
                       (is_made, 3, 'REFUNDED', attempt_id, 1, 'PROVIDER', -refund.amount),
                       (NOT is_made, 4, 'AUTHORISATION_OVER', refund.id, 0, 'RESERVED', -refund.amount),
                       (NOT is_made, 4, 'AUTHORISATION_OVER', refund.id, 1, 'PROMISED', refund.amount)
                   ) AS entry (is_due, movement, kind, cause_id, line, account, amount)
             WHERE entry.is_due AND entry.amount <> 0
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
        INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                    amount, currency)
        SELECT $1, movement.id, entry.line, 'AUTHORISED', authorised.id, authorised.booking_id, entry.account,
               entry.amount, authorised.currency
          FROM authorised
          JOIN unnest($2::uuid[], $3::uuid[]) AS movement (payment_id, id)
            ON movement.payment_id = authorised.id,
               LATERAL (VALUES (0, 'RESERVED', authorised.amount),
                               (1, 'PROMISED', -authorised.amount)) AS entry (line, account, amount)
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
        INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                    amount, currency)
        SELECT $1, $3, entry.line, 'AUTHORISATION_OVER', gone.id, gone.booking_id, entry.account,
               entry.amount, gone.currency
          FROM gone,
               LATERAL (VALUES (0, 'RESERVED', -gone.amount),
                               (1, 'PROMISED', gone.amount)) AS entry (line, account, amount)
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
        INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                    amount, currency)
        SELECT $1, movement_id, entry.line, CASE WHEN is_captured THEN 'CAPTURED' ELSE 'AUTHORISED' END,
               payment_id, moved.booking_id, entry.account, entry.amount, currency
          FROM returned
          JOIN moved ON moved.id = returned.payment_id,
               LATERAL (VALUES
                   (0, CASE WHEN is_captured THEN 'PROVIDER' ELSE 'RESERVED' END, returned.amount),
                   (1, CASE WHEN is_captured THEN 'BUYER' ELSE 'PROMISED' END, -returned.amount)
               ) AS entry (line, account, amount)
        """,
        event_id,
        payment_ids,
        movement_ids,
        amounts,
        currencies,
        reasons,
        captured,
    )


async def insert_payouts(
    tx: Transaction, event_ids: Sequence[int], movement_ids: Sequence[UUID], cause_ids: Sequence[UUID]
) -> int:
    """What these events have earned and nobody has been promised is due to their organizers; the entries.

    The caller has the turn (`claim_payout_turn`), so no two do this at once.
    """
    return await tx.execute(
        """
        INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, account, amount, currency)
        SELECT earned.event_id, movement.id, entry.line, 'PAYOUT_DUE', movement.cause_id, entry.account,
               entry.amount, earned.currency
          FROM (SELECT event_id, currency, sum(amount)::bigint AS amount
                  FROM ledger_entries
                 WHERE event_id = ANY ($1::bigint[]) AND account = 'ORGANIZER'
                 GROUP BY event_id, currency) AS earned
          JOIN unnest($1::bigint[], $2::uuid[], $3::uuid[]) AS movement (event_id, id, cause_id)
            ON movement.event_id = earned.event_id,
               LATERAL (VALUES (0, 'PAYOUT', earned.amount),
                               (1, 'ORGANIZER', -earned.amount)) AS entry (line, account, amount)
         WHERE earned.amount <> 0
        """,
        event_ids,
        movement_ids,
        cause_ids,
    )


async def claim_payout_turn(tx: Transaction) -> bool:
    """Whether we are the one who pays out until we commit; nobody waits for somebody else who is."""
    return await tx.get(bool, "SELECT pg_try_advisory_xact_lock(hashtextextended('boxoffice payouts', 0))")


async def list_events_to_pay_out(source: Source, days: int, events_max: int) -> list[int]:
    """Events that began so many days ago and whose organizers have something that is not due yet.

    The newest entry is looked at first: a day after a payout nothing is added up until something else
    happens. Until then it is: ids are made before they are committed, and one may turn up behind a payout's.
    """
    return await source.list(
        int,
        """
        SELECT event.id
          FROM events AS event,
               LATERAL (SELECT kind, at
                          FROM ledger_entries
                         WHERE event_id = event.id
                         ORDER BY event_id DESC, movement_id DESC, line DESC
                         LIMIT 1) AS newest
         WHERE event.starts_at < now() - $1 * interval '1 day'
           AND CASE WHEN newest.kind = 'PAYOUT_DUE' AND newest.at < now() - interval '1 day' THEN false
                    ELSE (SELECT coalesce(sum(entry.amount), 0)
                            FROM ledger_entries AS entry
                           WHERE entry.event_id = event.id AND entry.account = 'ORGANIZER') <> 0 END
         ORDER BY event.starts_at
         LIMIT $2
        """,
        days,
        events_max,
    )
