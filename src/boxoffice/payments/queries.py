"""SQL of payments, their reports and refunds."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import Asked
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
    checkout_url: str | None
    reference: str | None
    created_at: datetime


class NewPaymentRow(msgspec.Struct, frozen=True):
    """A payment to be asked for."""

    event_id: int
    id: UUID
    booking_id: UUID
    provider: str
    amount: int
    currency: str
    checkout_url: str | None
    reference: str | None
    ask_at: datetime | None


class Payable(msgspec.Struct, frozen=True):
    """What paying needs to know of a booking; a hold whose time is over shows as EXPIRED."""

    buyer_id: int
    state: str
    total: int
    currency: str
    expires_at: datetime | None
    title: str


class DueToAsk(Asked, frozen=True):
    """A payment that is open; abandoned when its booking ended unpaid an hour ago."""

    is_abandoned: bool


class DueCapture(Asked, frozen=True):
    """A payment whose money is to be taken, and the booking that it has bought."""

    booking_id: UUID


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
        SELECT event_id, id, booking_id, provider, amount, currency, state, checkout_url, reference,
               created_at
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
        SELECT event_id, id, booking_id, provider, amount, currency, state, checkout_url, reference,
               created_at
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
               payment.currency, payment.state, payment.checkout_url, payment.reference,
               payment.created_at
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
        INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, checkout_url, reference,
                              ask_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        RETURNING event_id, id, booking_id, provider, amount, currency, state, checkout_url, reference,
                  created_at
        """,
        payment.event_id,
        payment.id,
        payment.booking_id,
        payment.provider,
        payment.amount,
        payment.currency,
        payment.checkout_url,
        payment.reference,
        payment.ask_at,
    )


async def update_declined(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """An attempt failed. A payment that has succeeded meanwhile stays as it is."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'DECLINED', changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND state = 'PENDING'
        """,
        event_id,
        payment_ids,
    )


async def update_captured(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """The money is ours and has become tickets."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CAPTURED', ask_at = NULL, changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        payment_ids,
    )


async def update_capture_due(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """The money was authorised and has become tickets; it is still to be taken."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CAPTURE_DUE', ask_at = NULL, changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        payment_ids,
    )


async def update_captured_at_last(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """What was due to be captured is; anything else stays as it is."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CAPTURED', changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND state = 'CAPTURE_DUE'
        """,
        event_id,
        payment_ids,
    )


async def update_cancelled(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """Nothing was paid and nothing can be any more, or what was authorised is gone."""
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CANCELLED', ask_at = NULL, changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND state IN ('PENDING', 'DECLINED', 'CAPTURE_DUE')
        """,
        event_id,
        payment_ids,
    )


async def claim_payments_to_ask_about(
    tx: Transaction, payments_max: int, again_seconds_min: int
) -> list[DueToAsk]:
    """Open payments whose provider is to be asked now; they come again, ever more seldom, until settled.

    Of two processes that look at the same moment the second finds that the time has moved on: PostgreSQL
    looks at the row again once the first has committed.
    """
    return await tx.list(
        DueToAsk,
        """
        UPDATE payments AS payment
           SET ask_at = now() + greatest($2 * interval '1 second', (now() - payment.created_at) / 2)
          FROM (SELECT event_id, id
                  FROM payments
                 WHERE ask_at <= now()
                 ORDER BY ask_at
                 LIMIT $1) AS due, bookings AS booking
         WHERE payment.event_id = due.event_id AND payment.id = due.id AND payment.ask_at <= now()
           AND booking.event_id = payment.event_id AND booking.id = payment.booking_id
        RETURNING payment.id AS payment_id, payment.provider, payment.reference, payment.amount,
                  booking.state IN ('EXPIRED', 'CANCELLED')
                      AND booking.changed_at < now() - interval '1 hour' AS is_abandoned
        """,
        payments_max,
        again_seconds_min,
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
           SET state = 'REFUND_DUE', ask_at = NULL, changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        payment_ids,
        amounts,
        currencies,
        reasons,
    )


async def find_due_refund(source: Source, event_id: int, payment_id: UUID) -> Asked | None:
    """The payment, if it still has to be given back."""
    return await source.find(
        Asked,
        """
        SELECT payment.id AS payment_id, payment.provider, payment.reference, refund.amount
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = $1 AND refund.payment_id = $2 AND refund.state = 'DUE'
        """,
        event_id,
        payment_id,
    )


async def find_due_capture(source: Source, event_id: int, payment_id: UUID) -> DueCapture | None:
    """The payment, if what was authorised still has to be captured."""
    return await source.find(
        DueCapture,
        """
        SELECT id AS payment_id, provider, reference, amount, booking_id
          FROM payments
         WHERE event_id = $1 AND id = $2 AND state = 'CAPTURE_DUE'
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
