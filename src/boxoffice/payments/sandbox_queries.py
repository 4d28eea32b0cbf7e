"""SQL of the sandbox provider's own books."""

from datetime import datetime, timedelta
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


class Checkout(msgspec.Struct, frozen=True):
    """A checkout. `late_in` is how long it takes until the buyer's hold is certainly over."""

    token: str
    payment_id: UUID
    amount: int
    currency: str
    description: str
    late_in: timedelta
    state: CheckoutState
    charge: UUID | None
    delivered_at: datetime | None


async def insert_checkout(
    tx: Transaction,
    *,
    token: str,
    payment_id: UUID,
    amount: int,
    currency: str,
    description: str,
    late_at: datetime,
) -> Checkout:
    """Open a checkout, or find the one this payment has."""
    return await tx.get(
        Checkout,
        """
        INSERT INTO sandbox_checkouts (token, payment_id, amount, currency, description, late_at)
        VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (payment_id) DO UPDATE SET late_at = excluded.late_at
        RETURNING token, payment_id, amount, currency, description,
                  greatest(late_at - now(), interval '0') AS late_in, state, charge, delivered_at
        """,
        token,
        payment_id,
        amount,
        currency,
        description,
        late_at,
    )


async def find_checkout(source: Source, token: str) -> Checkout | None:
    """The checkout behind an address."""
    return await source.find(
        Checkout,
        """
        SELECT token, payment_id, amount, currency, description,
               greatest(late_at - now(), interval '0') AS late_in, state, charge, delivered_at
          FROM sandbox_checkouts
         WHERE token = $1
        """,
        token,
    )


async def lock_checkout(tx: Transaction, token: str) -> Checkout | None:
    """The checkout, ours until we commit: two clicks pay once."""
    return await tx.find(
        Checkout,
        """
        SELECT token, payment_id, amount, currency, description,
               greatest(late_at - now(), interval '0') AS late_in, state, charge, delivered_at
          FROM sandbox_checkouts
         WHERE token = $1
           FOR UPDATE
        """,
        token,
    )


async def lock_checkout_of(tx: Transaction, payment_id: UUID) -> Checkout | None:
    """The paid checkout of a payment, ours until we commit."""
    return await tx.find(
        Checkout,
        """
        SELECT token, payment_id, amount, currency, description,
               greatest(late_at - now(), interval '0') AS late_in, state, charge, delivered_at
          FROM sandbox_checkouts
         WHERE payment_id = $1 AND state IN ('PAID', 'REFUNDED')
           FOR UPDATE
        """,
        payment_id,
    )


async def update_state(tx: Transaction, token: str, state: CheckoutState, charge: UUID | None) -> None:
    """Move the checkout. What there is to report has not been delivered yet."""
    await tx.execute(
        "UPDATE sandbox_checkouts SET state = $2, charge = $3, delivered_at = NULL WHERE token = $1",
        token,
        state,
        charge,
    )


async def update_delivered(tx: Transaction, token: str) -> None:
    """The webhook was answered 2xx."""
    await tx.execute("UPDATE sandbox_checkouts SET delivered_at = now() WHERE token = $1", token)
