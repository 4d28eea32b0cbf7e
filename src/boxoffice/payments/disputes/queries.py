"""SQL of disputes: opened and closed once, with what they move."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import DisputeFact


class DisputedPayment(msgspec.Struct, frozen=True):
    """The payment that a dispute is about."""

    event_id: int
    id: UUID
    booking_id: UUID
    amount: int
    currency: str
    captured: int


class Disputed(msgspec.Struct, frozen=True):
    """What there is of a payment, and the dispute as far as we know it, in minor units.

    `refunded` is owed or has gone back, `due` is owed still; `given_back` went back by the provider, and
    `lost_before` are its other disputes that were lost: one that is open may be won. It `has_bought` its
    booking unless it came for nothing.
    """

    captured: int
    refunded: int
    due: int
    given_back: int
    lost_before: int
    dispute_id: UUID | None
    state: str | None
    amount: int | None
    has_bought: bool


class NewDispute(msgspec.Struct, frozen=True):
    """A dispute that was opened."""

    event_id: int
    id: UUID
    movement_id: UUID
    payment_id: UUID
    booking_id: UUID
    reference: str
    amount: int
    currency: str
    reason: str


class ClosedDispute(msgspec.Struct, frozen=True):
    """A dispute that is to be closed."""

    event_id: int
    id: UUID
    movement_id: UUID
    payment_id: UUID
    booking_id: UUID
    amount: int
    currency: str


class Loss(msgspec.Struct, frozen=True):
    """What a lost dispute takes: what was `left` of the payment, with its tax, and what was `owed` anyway."""

    left: int
    owed: int
    taxes: int = 0
    tax_shares: str | None = None


class DisputeRow(msgspec.Struct, frozen=True):
    """A dispute, with the booking whose payment it is about."""

    id: UUID
    booking_id: UUID
    payment_id: UUID
    reference: str
    amount: int
    currency: str
    state: str
    reason: str
    opened_at: datetime
    closed_at: datetime | None


async def find_disputed(source: Source, provider: str, reference: str) -> DisputedPayment | None:
    """The payment that the provider knows by this id."""
    return await source.find(
        DisputedPayment,
        """
        SELECT event_id, id, booking_id, amount, currency, captured
          FROM payments
         WHERE provider = $1 AND reference = $2
        """,
        provider,
        reference,
    )


async def lock_payment(tx: Transaction, event_id: int, payment_id: UUID) -> None:
    """Nobody else takes from the payment, or writes its disputes, until we commit."""
    await tx.execute(
        "SELECT FROM payments WHERE event_id = $1 AND id = $2 FOR UPDATE",
        event_id,
        payment_id,
    )


async def get_disputed(source: Source, event_id: int, payment_id: UUID, reference: str) -> Disputed:
    """What there is of the payment; read in a statement of its own, it sees what was waited for."""
    return await source.get(
        Disputed,
        """
        SELECT payment.captured, payment.refunded, refunds.due,
               refunds.given_back + (SELECT coalesce(sum(made.amount), 0)::bigint
                                       FROM provider_refunds AS made
                                      WHERE made.event_id = $1 AND made.payment_id = $2
                                        AND made.failure IS NULL) AS given_back,
               (SELECT coalesce(sum(other.amount), 0)::bigint
                  FROM disputes AS other
                 WHERE other.event_id = $1 AND other.payment_id = $2 AND other.reference <> $3
                   AND other.state = 'LOST') AS lost_before,
               dispute.id AS dispute_id, dispute.state, dispute.amount,
               NOT EXISTS (SELECT FROM refunds
                            WHERE event_id = $1 AND id = $2 AND worth = 0) AS has_bought
          FROM payments AS payment
          LEFT JOIN disputes AS dispute
            ON dispute.event_id = $1 AND dispute.payment_id = $2 AND dispute.reference = $3,
               LATERAL (SELECT coalesce(sum(amount) FILTER (WHERE state <> 'DONE'), 0)::bigint AS due,
                               coalesce(sum(amount - by_bank) FILTER (WHERE state = 'DONE'), 0)::bigint
                                   AS given_back
                          FROM refunds
                         WHERE event_id = $1 AND payment_id = $2) AS refunds
         WHERE payment.event_id = $1 AND payment.id = $2
        """,
        event_id,
        payment_id,
        reference,
    )


async def insert_dispute(tx: Transaction, dispute: NewDispute) -> None:
    """The bank has the money; whose it is nobody knows yet."""
    await tx.execute(
        """
        WITH opened AS (
            INSERT INTO disputes (event_id, id, payment_id, reference, amount, currency, reason)
            VALUES ($1, $2, $4, $6, $7, $8, $9)
            RETURNING event_id, id, amount, currency
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      disputed)
        SELECT event_id, $3, 'DISPUTED', id, $5, currency, -amount, amount FROM opened
        """,
        *_columns(dispute),
    )


async def update_won(tx: Transaction, dispute: ClosedDispute) -> None:
    """The bank has decided for us: the money is back at the provider."""
    await tx.execute(
        """
        WITH won AS (
            UPDATE disputes
               SET state = 'WON', closed_at = now()
             WHERE event_id = $1 AND id = $2 AND payment_id = $4 AND state = 'OPEN'
            RETURNING event_id, id
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      disputed)
        SELECT event_id, $3, 'DISPUTE_WON', id, $5, $7, $6::bigint, -$6::bigint FROM won
        """,
        *_columns(dispute),
    )


async def update_lost(tx: Transaction, dispute: ClosedDispute, loss: Loss, reason: str) -> None:
    """The bank has decided for the buyer.

    What was left of the payment is given back by it: a refund under the dispute's id, so that nothing gives
    it back again. What was owed to the buyer is not asked of the provider; the rest is the organizer's loss,
    but for the tax in what was left.
    """
    await tx.execute(
        """
        WITH lost AS (
            UPDATE disputes
               SET state = 'LOST', closed_at = now()
             WHERE event_id = $1 AND id = $2 AND state = 'OPEN'
            RETURNING event_id, id
        ), returned AS (
            INSERT INTO refunds (event_id, id, payment_id, amount, currency, taxes, tax_shares, reason, state,
                                 done_at, by_bank)
            SELECT event_id, id, $4, $8, $7, $10, $11::text::json, $12, 'DONE', now(), $8
              FROM lost
             WHERE $8::bigint > 0
        ), settled AS (
            UPDATE payments AS payment
               SET refunded = payment.refunded + $8::bigint, changed_at = now(), ask_at = NULL,
                   state = CASE WHEN payment.refunded + $8::bigint < payment.captured THEN payment.state
                                WHEN EXISTS (SELECT FROM refunds
                                              WHERE event_id = $1 AND payment_id = $4 AND state <> 'DONE')
                                THEN 'REFUND_DUE' ELSE 'REFUNDED' END
              FROM lost
             WHERE payment.event_id = lost.event_id AND payment.id = $4 AND $8::bigint > 0
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      organizer, taxes, disputed)
        SELECT event_id, $3, 'DISPUTE_LOST', id, $5, $7, $9::bigint, $6::bigint - $9::bigint - $10::bigint,
               $10::bigint, -$6::bigint
          FROM lost
        """,
        *_columns(dispute),
        *_columns(loss),
        reason,
    )


async def list_open(source: Source, provider: str) -> list[str]:
    """The disputes at this provider that are open in our books, by its ids, the oldest first."""
    return await source.list(
        str,
        """
        SELECT dispute.reference
          FROM disputes AS dispute
          JOIN payments AS payment
            ON payment.event_id = dispute.event_id AND payment.id = dispute.payment_id
         WHERE dispute.state = 'OPEN' AND payment.provider = $1
         ORDER BY dispute.opened_at
        """,
        provider,
    )


async def list_settled(source: Source, provider: str, facts: Sequence[DisputeFact]) -> list[str]:
    """Which of these are no news, by the provider's ids.

    What is closed here is, unless the booking of a payment that was lost is still to be taken back; and one
    of money that is not ours, once it is noted.
    """
    return await source.list(
        str,
        """
        SELECT fact.reference
          FROM unnest($2::text[], $3::text[], $4::text[]) AS fact (reference, payment_reference, state)
          LEFT JOIN payments AS payment
            ON payment.provider = $1 AND payment.reference = fact.payment_reference
          LEFT JOIN disputes AS dispute
            ON dispute.event_id = payment.event_id AND dispute.payment_id = payment.id
               AND dispute.reference = fact.reference
          LEFT JOIN bookings AS booking
            ON booking.event_id = payment.event_id AND booking.id = payment.booking_id
         WHERE CASE
                   WHEN payment.id IS NULL
                   THEN EXISTS (SELECT FROM foreign_money AS noted
                                 WHERE noted.provider = $1 AND noted.what = 'DISPUTE'
                                   AND noted.reference = fact.reference)
                   WHEN dispute.state = 'OPEN' THEN fact.state = 'OPEN'
                   WHEN dispute.state = 'LOST' AND dispute.amount >= payment.amount
                   THEN booking.state <> 'CONFIRMED'
                        OR EXISTS (SELECT FROM refunds AS refund
                                    WHERE refund.event_id = payment.event_id AND refund.id = payment.id
                                      AND refund.worth = 0)
                   ELSE dispute.id IS NOT NULL
               END
        """,
        provider,
        [fact.reference for fact in facts],
        [fact.payment_reference for fact in facts],
        [fact.state for fact in facts],
    )


async def list_refunds_that_wait(tx: Transaction, event_id: int, payment_id: UUID) -> list[UUID]:
    """The refunds of a payment that are owed still; those that were given up are due again.

    A bank may have given back what the provider could not.
    """
    await tx.execute(
        "UPDATE refunds SET state = 'DUE' WHERE event_id = $1 AND payment_id = $2 AND state = 'FAILED'",
        event_id,
        payment_id,
    )
    return await tx.list(
        UUID,
        "SELECT id FROM refunds WHERE event_id = $1 AND payment_id = $2 AND state = 'DUE'",
        event_id,
        payment_id,
    )


async def list_disputes(source: Source, event_id: int, before: UUID | None, limit: int) -> list[DisputeRow]:
    """The disputes of an event, newest first: ids begin with the time they were made."""
    return await source.list(
        DisputeRow,
        """
        SELECT dispute.id, payment.booking_id, dispute.payment_id, dispute.reference, dispute.amount,
               dispute.currency, dispute.state, dispute.reason, dispute.opened_at, dispute.closed_at
          FROM disputes AS dispute
          JOIN payments AS payment
            ON payment.event_id = dispute.event_id AND payment.id = dispute.payment_id
         WHERE dispute.event_id = $1
           AND dispute.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         ORDER BY dispute.id DESC
         LIMIT $3
        """,
        event_id,
        before,
        limit,
    )


def _columns(row: NewDispute | ClosedDispute | Loss) -> Sequence[object]:
    """The fields in their order, as the statements number them."""
    return msgspec.structs.astuple(row)
