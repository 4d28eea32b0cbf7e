"""SQL of the sandbox provider's own books: what became of a checkout that somebody has acted on."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import LiteralString
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import DisputeState


class CheckoutState(StrEnum):
    """A declined checkout may be tried again; at a closed one nobody can pay any more."""

    OPEN = "OPEN"
    DECLINED = "DECLINED"
    AUTHORISED = "AUTHORISED"
    PAID = "PAID"
    REFUNDED = "REFUNDED"
    CLOSED = "CLOSED"


class CheckoutRow(msgspec.Struct, frozen=True):
    """How far a checkout has come. `charge` is the sandbox's own id of the money it took or has authorised.

    `is_there` once the money is: somebody who pays late has not paid yet.
    """

    payment_id: UUID
    booking_id: UUID | None
    amount: int
    currency: str
    state: CheckoutState
    charge: UUID | None
    is_there: bool
    delivered_at: datetime | None


class ShownRow(CheckoutRow, frozen=True):
    """A checkout, and how the newest dispute of it stands."""

    dispute: DisputeState | None


class DisputeRow(msgspec.Struct, frozen=True):
    """A dispute of what was paid."""

    id: UUID
    payment_id: UUID
    amount: int
    currency: str
    state: DisputeState
    delivered_at: datetime | None


class RefundRow(msgspec.Struct, frozen=True):
    """An attempt to give back; `ours` is the refund that it was asked for, `failure` why it came back."""

    attempt_id: UUID
    ours: UUID | None
    payment_id: UUID
    amount: int
    currency: str
    failure: str | None
    delivered_at: datetime | None


class Gone(msgspec.Struct, frozen=True):
    """How much was given back and has not come back, and how much the buyer's bank has, or has given away.

    `open_dispute_id` is the dispute that the bank has not decided.
    """

    given_back: int
    disputed: int
    open_dispute_id: UUID | None


# What a `DisputeRow` is read from.
_DISPUTES: LiteralString = """
    SELECT dispute.id, dispute.payment_id, dispute.amount, checkout.currency, dispute.state,
           dispute.delivered_at
      FROM sandbox_disputes AS dispute
      JOIN sandbox_checkouts AS checkout ON checkout.payment_id = dispute.payment_id
"""


async def find_checkout(source: Source, payment_id: UUID) -> ShownRow | None:
    """The checkout of a payment, once somebody has acted on it."""
    return await source.find(
        ShownRow,
        """
        SELECT payment_id, booking_id, amount, currency, state, charge,
               coalesce(paid_at <= now(), false) AS is_there, delivered_at,
               (SELECT dispute.state FROM sandbox_disputes AS dispute
                 WHERE dispute.payment_id = checkout.payment_id
                 ORDER BY dispute.id DESC LIMIT 1) AS dispute
          FROM sandbox_checkouts AS checkout
         WHERE payment_id = $1
        """,
        payment_id,
    )


async def insert_checkout(
    tx: Transaction, payment_id: UUID, booking_id: UUID | None, amount: int, currency: str
) -> None:
    """Begin the books of a checkout; nothing happens when they have begun."""
    await tx.execute(
        """
        INSERT INTO sandbox_checkouts (payment_id, booking_id, amount, currency) VALUES ($1, $2, $3, $4)
        ON CONFLICT (payment_id) DO NOTHING
        """,
        payment_id,
        booking_id,
        amount,
        currency,
    )


async def lock_checkout(tx: Transaction, payment_id: UUID) -> CheckoutRow | None:
    """The checkout, ours until we commit: two clicks pay once."""
    return await tx.find(
        CheckoutRow,
        """
        SELECT payment_id, booking_id, amount, currency, state, charge,
               coalesce(paid_at <= now(), false) AS is_there, delivered_at
          FROM sandbox_checkouts
         WHERE payment_id = $1
           FOR UPDATE
        """,
        payment_id,
    )


async def update_paid(
    tx: Transaction, payment_id: UUID, state: CheckoutState, charge: UUID, amount: int, currency: str,
    late: timedelta,
) -> None:  # fmt: skip
    """So much is there, or will be after a while. It has not been reported yet."""
    await tx.execute(
        """
        UPDATE sandbox_checkouts
           SET state = $2, charge = $3, amount = $4, currency = $5, paid_at = now() + $6, delivered_at = NULL
         WHERE payment_id = $1
        """,
        payment_id,
        state,
        charge,
        amount,
        currency,
        late,
    )


async def update_state(tx: Transaction, payment_id: UUID, state: CheckoutState) -> None:
    """Move the checkout on."""
    await tx.execute("UPDATE sandbox_checkouts SET state = $2 WHERE payment_id = $1", payment_id, state)


async def update_delivered(tx: Transaction, payment_id: UUID) -> None:
    """The webhook was answered 2xx."""
    await tx.execute("UPDATE sandbox_checkouts SET delivered_at = now() WHERE payment_id = $1", payment_id)


async def insert_refund(
    tx: Transaction, attempt_id: UUID, refund_id: UUID, payment_id: UUID, amount: int
) -> UUID | None:
    """Give so much back; None when this attempt was made before. The checkout must be locked."""
    return await tx.find(
        UUID,
        """
        INSERT INTO sandbox_refunds (refund_id, ours, payment_id, amount) VALUES ($1, $2, $3, $4)
        ON CONFLICT (refund_id) DO NOTHING
        RETURNING refund_id
        """,
        attempt_id,
        refund_id,
        payment_id,
        amount,
    )


async def update_refund_failed(tx: Transaction, payment_id: UUID, failure: str) -> UUID | None:
    """The newest refund of a payment has come back; which attempt, if there is one that has not."""
    return await tx.find(
        UUID,
        """
        UPDATE sandbox_refunds AS refund
           SET failure = $2, delivered_at = NULL
          FROM (SELECT refund_id FROM sandbox_refunds
                 WHERE payment_id = $1 AND failure IS NULL
                 ORDER BY made_at DESC LIMIT 1) AS newest
         WHERE refund.refund_id = newest.refund_id
        RETURNING refund.refund_id
        """,
        payment_id,
        failure,
    )


async def update_refund_delivered(tx: Transaction, attempt_id: UUID) -> None:
    """The webhook was answered 2xx."""
    await tx.execute("UPDATE sandbox_refunds SET delivered_at = now() WHERE refund_id = $1", attempt_id)


async def get_refund(source: Source, attempt_id: UUID) -> RefundRow:
    """The attempt, in the currency of what was paid."""
    return await source.get(
        RefundRow,
        """
        SELECT refund.refund_id AS attempt_id, refund.ours, refund.payment_id, refund.amount,
               checkout.currency, refund.failure, refund.delivered_at
          FROM sandbox_refunds AS refund
          JOIN sandbox_checkouts AS checkout ON checkout.payment_id = refund.payment_id
         WHERE refund.refund_id = $1
        """,
        attempt_id,
    )


async def list_refunds(source: Source, payment_id: UUID) -> list[RefundRow]:
    """All attempts to give something of a payment back."""
    return await source.list(
        RefundRow,
        """
        SELECT refund.refund_id AS attempt_id, refund.ours, refund.payment_id, refund.amount,
               checkout.currency, refund.failure, refund.delivered_at
          FROM sandbox_refunds AS refund
          JOIN sandbox_checkouts AS checkout ON checkout.payment_id = refund.payment_id
         WHERE refund.payment_id = $1
         ORDER BY refund.made_at
        """,
        payment_id,
    )


async def list_refunds_made(
    source: Source, since: datetime, until: datetime, after: UUID | None, rows_max: int
) -> list[RefundRow]:
    """Attempts that were made in this time, in the order of their ids."""
    return await source.list(
        RefundRow,
        """
        SELECT refund.refund_id AS attempt_id, refund.ours, refund.payment_id, refund.amount,
               checkout.currency, refund.failure, refund.delivered_at
          FROM sandbox_refunds AS refund
          JOIN sandbox_checkouts AS checkout ON checkout.payment_id = refund.payment_id
         WHERE refund.made_at >= $1 AND refund.made_at < $2 AND ($3::uuid IS NULL OR refund.refund_id > $3)
         ORDER BY refund.refund_id
         LIMIT $4
        """,
        since,
        until,
        after,
        rows_max,
    )


async def get_gone(tx: Transaction, payment_id: UUID) -> Gone:
    """What of a payment is not there any more. The checkout must be locked."""
    return await tx.get(
        Gone,
        """
        SELECT (SELECT coalesce(sum(amount), 0)::bigint
                  FROM sandbox_refunds
                 WHERE payment_id = $1 AND failure IS NULL) AS given_back,
               coalesce(sum(amount) FILTER (WHERE state <> 'WON'), 0)::bigint AS disputed,
               (array_agg(id) FILTER (WHERE state = 'OPEN'))[1] AS open_dispute_id
          FROM sandbox_disputes
         WHERE payment_id = $1
        """,
        payment_id,
    )


async def list_taken(
    source: Source, since: datetime, until: datetime, after: UUID | None, rows_max: int
) -> list[CheckoutRow]:
    """Checkouts with money that were first acted on in this time, in the order of their payments."""
    return await source.list(
        CheckoutRow,
        """
        SELECT payment_id, booking_id, amount, currency, state, charge, true AS is_there, delivered_at
          FROM sandbox_checkouts
         WHERE opened_at >= $1 AND opened_at < $2 AND ($3::uuid IS NULL OR payment_id > $3)
           AND state IN ('AUTHORISED', 'PAID', 'REFUNDED') AND paid_at <= now()
         ORDER BY payment_id
         LIMIT $4
        """,
        since,
        until,
        after,
        rows_max,
    )


async def insert_dispute(tx: Transaction, dispute_id: UUID, payment_id: UUID, amount: int) -> None:
    """The buyer's bank takes so much back. The checkout must be locked."""
    await tx.execute(
        "INSERT INTO sandbox_disputes (id, payment_id, amount) VALUES ($1, $2, $3)",
        dispute_id,
        payment_id,
        amount,
    )


async def update_dispute_closed(tx: Transaction, payment_id: UUID, state: DisputeState) -> UUID | None:
    """The bank has decided; which dispute, if one was open. It has not been reported yet."""
    return await tx.find(
        UUID,
        """
        UPDATE sandbox_disputes
           SET state = $2, delivered_at = NULL
         WHERE payment_id = $1 AND state = 'OPEN'
        RETURNING id
        """,
        payment_id,
        state,
    )


async def list_disputes(source: Source, after: UUID, before: UUID, rows_max: int) -> list[DisputeRow]:
    """Disputes with ids between these, in the order in which they were opened."""
    return await source.list(
        DisputeRow,
        _DISPUTES
        + """
         WHERE dispute.id > $1 AND dispute.id < $2
         ORDER BY dispute.id
         LIMIT $3
        """,
        after,
        before,
        rows_max,
    )


async def find_dispute(source: Source, dispute_id: UUID) -> DisputeRow | None:
    """The dispute, in the currency of what was paid."""
    return await source.find(
        DisputeRow,
        _DISPUTES
        + """
         WHERE dispute.id = $1
        """,
        dispute_id,
    )


async def update_dispute_delivered(tx: Transaction, dispute_id: UUID, state: DisputeState) -> None:
    """The webhook that said so was answered 2xx; there may be news by now."""
    await tx.execute(
        "UPDATE sandbox_disputes SET delivered_at = now() WHERE id = $1 AND state = $2", dispute_id, state
    )
