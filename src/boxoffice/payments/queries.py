"""SQL of payments, their reports and refunds."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.schemas import PaymentState


class PaymentRow(msgspec.Struct, frozen=True):
    """A payment; the amount is in minor units."""

    event_id: int
    id: UUID
    booking_id: UUID
    provider: str
    amount: int
    currency: str
    state: PaymentState
    checkout_url: str
    created_at: datetime


class NewPaymentRow(msgspec.Struct, frozen=True):
    """A payment to be asked for."""

    event_id: int
    id: UUID
    booking_id: UUID
    provider: str
    amount: int
    currency: str
    checkout_url: str


class Payable(msgspec.Struct, frozen=True):
    """What paying needs to know of a booking; a hold whose time is over shows as EXPIRED."""

    buyer_id: int
    state: str
    total: int
    currency: str
    expires_at: datetime | None
    title: str


class DueRefund(msgspec.Struct, frozen=True):
    """A refund that has not been carried out."""

    provider: str
    amount: int


async def find_payable(source: Source, event_id: int, booking_id: UUID) -> Payable | None:
    """The booking as somebody who wants to pay for it sees it."""
    return await source.find(
        Payable,
        """
        SELECT booking.buyer_id,
               CASE WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                    ELSE booking.state END AS state,
               booking.total, booking.currency, booking.expires_at, event.title
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
         WHERE booking.event_id = $1 AND booking.id = $2
        """,
        event_id,
        booking_id,
    )


async def find_open_payment(
    source: Source, event_id: int, booking_id: UUID, provider: str, amount: int, currency: str
) -> PaymentRow | None:
    """The payment of this booking, over what it costs now, that waits for its buyer."""
    return await source.find(
        PaymentRow,
        """
        SELECT event_id, id, booking_id, provider, amount, currency, state, checkout_url, created_at
          FROM payments
         WHERE event_id = $1 AND booking_id = $2 AND provider = $3 AND state IN ('PENDING', 'DECLINED')
           AND amount = $4 AND currency = $5
         ORDER BY id
         LIMIT 1
        """,
        event_id,
        booking_id,
        provider,
        amount,
        currency,
    )


async def find_payment(source: Source, event_id: int, payment_id: UUID) -> PaymentRow | None:
    """The payment, whoever's it is."""
    return await source.find(
        PaymentRow,
        """
        SELECT event_id, id, booking_id, provider, amount, currency, state, checkout_url, created_at
          FROM payments
         WHERE event_id = $1 AND id = $2
        """,
        event_id,
        payment_id,
    )


async def find_payment_of(
    source: Source, event_id: int, payment_id: UUID, buyer_id: int
) -> PaymentRow | None:
    """The payment, if its booking is this buyer's."""
    return await source.find(
        PaymentRow,
        """
        SELECT payment.event_id, payment.id, payment.booking_id, payment.provider, payment.amount,
               payment.currency, payment.state, payment.checkout_url, payment.created_at
          FROM payments AS payment
          JOIN bookings AS booking ON booking.event_id = payment.event_id AND booking.id = payment.booking_id
         WHERE payment.event_id = $1 AND payment.id = $2 AND booking.buyer_id = $3
        """,
        event_id,
        payment_id,
        buyer_id,
    )


async def insert_payment(tx: Transaction, payment: NewPaymentRow) -> PaymentRow:
    """Ask for money; the address where it is paid is known by then."""
    return await tx.get(
        PaymentRow,
        """
        INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, checkout_url)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING event_id, id, booking_id, provider, amount, currency, state, checkout_url, created_at
        """,
        payment.event_id,
        payment.id,
        payment.booking_id,
        payment.provider,
        payment.amount,
        payment.currency,
        payment.checkout_url,
    )


async def update_declined(tx: Transaction, event_id: int, payment_id: UUID) -> None:
    """An attempt failed. A payment that has succeeded meanwhile stays as it is."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'DECLINED', changed_at = now()
         WHERE event_id = $1 AND id = $2 AND state = 'PENDING'
        """,
        event_id,
        payment_id,
    )


async def update_captured(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """The money is ours and has become tickets."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CAPTURED', changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        payment_ids,
    )


async def insert_payment_events(
    tx: Transaction,
    event_id: int,
    providers: Sequence[str],
    provider_event_ids: Sequence[str],
    payment_ids: Sequence[UUID],
    kinds: Sequence[str],
) -> None:
    """Keep what was reported; a report that was seen before is the same report."""
    await tx.execute(
        """
        INSERT INTO payment_events (event_id, provider, provider_event_id, payment_id, kind)
        SELECT $1, provider, provider_event_id, payment_id, kind
          FROM unnest($2::text[], $3::text[], $4::uuid[], $5::text[])
            AS report (provider, provider_event_id, payment_id, kind)
        ON CONFLICT (event_id, provider, provider_event_id) DO NOTHING
        """,
        event_id,
        providers,
        provider_event_ids,
        payment_ids,
        kinds,
    )


async def insert_refunds(
    tx: Transaction,
    event_id: int,
    payment_ids: list[UUID],
    amounts: list[int],
    currencies: list[str],
    reasons: list[str],
) -> None:
    """Owe money back: all that came, with the reason. A second refund of a payment is refused."""
    await tx.execute(
        """
        WITH due AS (
            INSERT INTO refunds (event_id, payment_id, amount, currency, reason)
            SELECT $1, payment_id, amount, currency, reason
              FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[])
                AS refund (payment_id, amount, currency, reason)
        )
        UPDATE payments
           SET state = 'REFUND_DUE', changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        payment_ids,
        amounts,
        currencies,
        reasons,
    )


async def find_due_refund(source: Source, event_id: int, payment_id: UUID) -> DueRefund | None:
    """The refund of this payment, if it still has to be carried out."""
    return await source.find(
        DueRefund,
        """
        SELECT payment.provider, refund.amount
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = $1 AND refund.payment_id = $2 AND refund.state = 'DUE'
        """,
        event_id,
        payment_id,
    )


async def update_refunded(tx: Transaction, event_id: int, payment_id: UUID) -> None:
    """The money is on its way back."""
    await tx.execute(
        """
        WITH done AS (
            UPDATE refunds
               SET state = 'DONE', done_at = now()
             WHERE event_id = $1 AND payment_id = $2 AND state = 'DUE'
            RETURNING event_id, payment_id
        )
        UPDATE payments AS payment
           SET state = 'REFUNDED', changed_at = now()
          FROM done
         WHERE payment.event_id = done.event_id AND payment.id = done.payment_id
        """,
        event_id,
        payment_id,
    )
