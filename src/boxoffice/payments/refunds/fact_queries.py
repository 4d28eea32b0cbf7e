"""SQL of what a provider says of refunds: failed, made by hand, or settled without it."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import RefundFact


class LockedPayment(msgspec.Struct, frozen=True):
    """A payment of which something went back, in minor units; nobody else takes from it."""

    booking_id: UUID
    currency: str
    captured: int
    refunded: int


class KnownRefund(msgspec.Struct, frozen=True):
    """A refund of ours; `tries` is how many of its attempts the provider took and then failed.

    The provider has given all of it but `by_bank`, once it is DONE.
    """

    id: UUID
    state: str
    amount: int
    by_bank: int
    attempt_id: UUID | None
    tries: int


class RefundByHand(msgspec.Struct, frozen=True):
    """A refund that somebody has made at the provider, of what was left of the payment."""

    event_id: int
    id: UUID
    owed_movement_id: UUID
    made_movement_id: UUID
    payment_id: UUID
    booking_id: UUID
    amount: int
    currency: str
    taxes: int
    tax_shares: str
    reason: str


async def lock_refunded_payment(tx: Transaction, event_id: int, payment_id: UUID) -> LockedPayment:
    """Nobody else takes from the payment until we commit; what is read next sees what was waited for."""
    return await tx.get(
        LockedPayment,
        """
        SELECT booking_id, currency, captured, refunded
          FROM payments
         WHERE event_id = $1 AND id = $2
           FOR UPDATE
        """,
        event_id,
        payment_id,
    )


async def find_refund(source: Source, event_id: int, payment_id: UUID, refund_id: UUID) -> KnownRefund | None:
    """The refund of this payment, if it is one of ours."""
    return await source.find(
        KnownRefund,
        """
        SELECT refund.id, refund.state, refund.amount, refund.by_bank, refund.attempt_id,
               (SELECT count(*) FROM provider_refunds AS made
                 WHERE made.event_id = $1 AND made.refund_id = refund.id
                   AND made.failure IS NOT NULL) AS tries
          FROM refunds AS refund
         WHERE refund.event_id = $1 AND refund.id = $3 AND refund.payment_id = $2
        """,
        event_id,
        payment_id,
        refund_id,
    )


async def find_refund_by_hand(source: Source, event_id: int, reference: str) -> UUID | None:
    """The refund that a refund by hand has become, if it has become one."""
    return await source.find(
        UUID,
        """
        SELECT refund_id FROM provider_refunds
         WHERE event_id = $1 AND reference = $2 AND refund_id IS NOT NULL
        """,
        event_id,
        reference,
    )


async def get_has_failed(source: Source, event_id: int, reference: str) -> bool:
    """Whether the provider has said that this refund of its own failed; what it says later is old."""
    return await source.get(
        bool,
        """
        SELECT EXISTS (SELECT FROM provider_refunds
                        WHERE event_id = $1 AND reference = $2 AND failure IS NOT NULL)
        """,
        event_id,
        reference,
    )


async def list_failed(source: Source, event_id: int, payment_id: UUID) -> list[KnownRefund]:
    """The refunds of a payment that were given up, the oldest first."""
    return await source.list(
        KnownRefund,
        """
        SELECT id, state, amount, by_bank, attempt_id, 0 AS tries
          FROM refunds
         WHERE event_id = $1 AND payment_id = $2 AND state = 'FAILED'
         ORDER BY created_at, id
        """,
        event_id,
        payment_id,
    )


async def list_news(source: Source, provider: str, facts: Sequence[RefundFact]) -> list[str]:
    """Those of these refunds of a provider that say something which is not in our books yet.

    Refunds of ours that are DONE, or that failed and are noted, are no news, and neither are those of money
    that is not ours, or that was not captured.
    """
    return await source.list(
        str,
        """
        SELECT made.reference
          FROM unnest($2::text[], $3::text[], $4::uuid[], $5::boolean[])
            AS made (reference, payment_reference, refund_id, has_failed)
          JOIN payments AS payment
            ON payment.provider = $1 AND payment.reference = made.payment_reference AND payment.captured > 0
          LEFT JOIN provider_refunds AS known
            ON known.event_id = payment.event_id AND known.reference = made.reference
          LEFT JOIN refunds AS ours ON ours.event_id = payment.event_id AND ours.id = made.refund_id
         WHERE CASE WHEN made.has_failed THEN known.failure IS NULL
                    WHEN ours.id IS NOT NULL THEN ours.state <> 'DONE' AND known.failure IS NULL
                    ELSE known.reference IS NULL END
        """,
        provider,
        [fact.reference for fact in facts],
        [fact.payment_reference for fact in facts],
        [fact.refund_id for fact in facts],
        [fact.failure is not None for fact in facts],
    )


async def insert_by_hand(
    tx: Transaction, event_id: int, reference: str, payment_id: UUID, refund_id: UUID | None, amount: int
) -> bool:
    """Count a refund that was made by hand; whether it is counted for the first time."""
    return (
        await tx.find(
            int,
            """
            INSERT INTO provider_refunds (event_id, reference, payment_id, refund_id, amount)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (event_id, reference) DO NOTHING
            RETURNING 1
            """,
            event_id,
            reference,
            payment_id,
            refund_id,
            amount,
        )
        is not None
    )


async def insert_failure(
    tx: Transaction,
    *,
    event_id: int,
    reference: str,
    payment_id: UUID,
    refund_id: UUID | None,
    attempt_id: UUID | None,
    amount: int,
    failure: str,
) -> bool:
    """Count that a refund has failed; whether it is counted for the first time."""
    return (
        await tx.find(
            int,
            """
            INSERT INTO provider_refunds (event_id, reference, payment_id, refund_id, attempt_id, amount,
                                          failure)
            VALUES ($1, $2, $3, $4, $5, $6, $7)
            ON CONFLICT (event_id, reference) DO UPDATE
               SET failure = excluded.failure, attempt_id = excluded.attempt_id
             WHERE provider_refunds.failure IS NULL
            RETURNING 1
            """,
            event_id,
            reference,
            payment_id,
            refund_id,
            attempt_id,
            amount,
            failure,
        )
        is not None
    )


async def insert_refund_by_hand(tx: Transaction, refund: RefundByHand) -> None:
    """It was owed and has gone back, at once; the payment must be locked.

    That the provider has given it `provider_refunds` say, as of everything that went by hand.
    """
    await tx.execute(
        """
        WITH returned AS (
            INSERT INTO refunds (event_id, id, payment_id, amount, currency, taxes, tax_shares, reason, state,
                                 done_at, by_bank)
            VALUES ($1, $2, $5, $7, $8, $9, $10::text::json, $11, 'DONE', now(), $7)
        ), settled AS (
            UPDATE payments
               SET refunded = refunded + $7, changed_at = now(), ask_at = NULL,
                   state = CASE WHEN refunded + $7 < captured THEN state
                                WHEN EXISTS (SELECT FROM refunds
                                              WHERE event_id = $1 AND payment_id = $5 AND state <> 'DONE')
                                THEN 'REFUND_DUE' ELSE 'REFUNDED' END
             WHERE event_id = $1 AND id = $5
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      organizer, taxes, buyer)
        VALUES ($1, $3, 'REFUND_DUE', $2, $6, $8, 0, $7 - $9, $9, -$7),
               ($1, $4, 'REFUNDED', $2, $6, $8, -$7, 0, 0, $7)
        """,
        *msgspec.structs.astuple(refund),
    )


async def update_not_given(
    tx: Transaction,
    event_id: int,
    refund_id: UUID,
    *,
    attempt_id: UUID,
    movement_id: UUID,
    failure: str,
    is_given_up: bool,
    lost_once: int = 0,
) -> None:
    """What was to go back is with the provider again, and owed; the payment must be locked.

    What was booked as made is undone; the next attempt has another id, and so another key and movement. Of
    what a bank has taken so much was the organizer's loss because it had gone back before: `lost_once` of it
    has not, and is no loss any more.
    """
    await tx.execute(
        """
        WITH before AS (
            SELECT refund.id, coalesce(refund.attempt_id, refund.id) AS attempt_id, refund.state
              FROM refunds AS refund
             WHERE refund.event_id = $1 AND refund.id = $2
        ), failed AS (
            UPDATE refunds
               SET state = CASE WHEN $6::boolean THEN 'FAILED' ELSE 'DUE' END, done_at = NULL, by_bank = 0,
                   attempt_id = $3, failure = $5, failed_at = now()
             WHERE event_id = $1 AND id = $2
            RETURNING id, payment_id, amount, currency
        ), owed AS (
            UPDATE payments AS payment
               SET state = CASE payment.state WHEN 'REFUNDED' THEN 'REFUND_DUE' ELSE payment.state END,
                   changed_at = now()
              FROM failed
             WHERE payment.event_id = $1 AND payment.id = failed.payment_id
            RETURNING payment.id, payment.booking_id
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      organizer, buyer)
        SELECT $1, $4, 'REFUND_FAILED', before.attempt_id, owed.booking_id, failed.currency,
               failed.amount + $7::bigint, -$7::bigint, -failed.amount
          FROM before
          JOIN failed ON failed.id = before.id
          JOIN owed ON owed.id = failed.payment_id
         WHERE before.state = 'DONE'
        """,
        event_id,
        refund_id,
        attempt_id,
        movement_id,
        failure,
        is_given_up,
        lost_once,
    )


async def get_given_otherwise(tx: Transaction, event_id: int, refund_id: UUID) -> int:
    """What of a refund that failed a lost dispute or somebody by hand has given: the provider has the rest.

    While a dispute is open its money is still ours. The payment must be locked.
    """
    return await tx.get(
        int,
        """
        SELECT greatest(0, refund.amount - greatest(0, payment.captured
                - (SELECT coalesce(sum(done.amount - done.by_bank), 0)
                     FROM refunds AS done
                    WHERE done.event_id = $1 AND done.payment_id = payment.id AND done.state = 'DONE')
                - (SELECT coalesce(sum(made.amount), 0)
                     FROM provider_refunds AS made
                    WHERE made.event_id = $1 AND made.payment_id = payment.id AND made.failure IS NULL)
                - (SELECT coalesce(sum(dispute.amount), 0)
                     FROM disputes AS dispute
                    WHERE dispute.event_id = $1 AND dispute.payment_id = payment.id
                      AND dispute.state = 'LOST')))::bigint
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = $1 AND refund.id = $2
        """,
        event_id,
        refund_id,
    )


async def update_due_again(tx: Transaction, event_id: int, refund_id: UUID) -> None:
    """A refund that was given up is tried again."""
    await tx.execute(
        "UPDATE refunds SET state = 'DUE' WHERE event_id = $1 AND id = $2 AND state = 'FAILED'",
        event_id,
        refund_id,
    )
