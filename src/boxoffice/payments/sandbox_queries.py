"""SQL of the sandbox provider's own books: what became of a checkout that somebody has acted on."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class CheckoutState(StrEnum):
    """A declined checkout may be tried again."""

    OPEN = "OPEN"
    DECLINED = "DECLINED"
    PAID = "PAID"
    REFUNDED = "REFUNDED"


class CheckoutRow(msgspec.Struct, frozen=True):
    """How far a checkout has come. `charge` is the sandbox's own id of the money it took."""

    amount: int
    state: CheckoutState
    charge: UUID | None
    delivered_at: datetime | None


async def find_checkout(source: Source, payment_id: UUID) -> CheckoutRow | None:
    """The checkout of a payment, once somebody has pressed a button."""
    return await source.find(
        CheckoutRow,
        "SELECT amount, state, charge, delivered_at FROM sandbox_checkouts WHERE payment_id = $1",
        payment_id,
    )


async def insert_checkout(tx: Transaction, payment_id: UUID, amount: int) -> None:
    """Begin the books of a checkout; nothing happens when they have begun."""
    await tx.execute(
        """
        INSERT INTO sandbox_checkouts (payment_id, amount) VALUES ($1, $2)
        ON CONFLICT (payment_id) DO NOTHING
        """,
        payment_id,
        amount,
    )


async def lock_checkout(tx: Transaction, payment_id: UUID) -> CheckoutRow | None:
    """The checkout, ours until we commit: two clicks pay once."""
    return await tx.find(
        CheckoutRow,
        """
        SELECT amount, state, charge, delivered_at
          FROM sandbox_checkouts
         WHERE payment_id = $1
           FOR UPDATE
        """,
        payment_id,
    )


async def update_state(tx: Transaction, payment_id: UUID, state: CheckoutState, charge: UUID | None) -> None:
    """Move the checkout. What there is to report has not been delivered yet."""
    await tx.execute(
        "UPDATE sandbox_checkouts SET state = $2, charge = $3, delivered_at = NULL WHERE payment_id = $1",
        payment_id,
        state,
        charge,
    )


async def update_delivered(tx: Transaction, payment_id: UUID) -> None:
    """The webhook was answered 2xx."""
    await tx.execute("UPDATE sandbox_checkouts SET delivered_at = now() WHERE payment_id = $1", payment_id)


async def insert_refund(tx: Transaction, refund_id: UUID, payment_id: UUID, amount: int) -> None:
    """Give so much back; nothing happens when it was given back before. The checkout must be locked."""
    await tx.execute(
        """
        INSERT INTO sandbox_refunds (refund_id, payment_id, amount) VALUES ($1, $2, $3)
        ON CONFLICT (refund_id) DO NOTHING
        """,
        refund_id,
        payment_id,
        amount,
    )


async def get_given_back(tx: Transaction, payment_id: UUID) -> int:
    """How much of a payment was given back altogether."""
    return await tx.get(
        int,
        "SELECT coalesce(sum(amount), 0)::bigint FROM sandbox_refunds WHERE payment_id = $1",
        payment_id,
    )
