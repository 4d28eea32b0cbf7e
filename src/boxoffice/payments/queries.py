"""SQL of payments and their reports; what moves money is in `ledger.queries`, refunds in `refunds`."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Database, Source, Transaction
from boxoffice.payments.provider import Asked
from boxoffice.payments.schemas import PaymentState


class PaymentRow(msgspec.Struct, frozen=True, gc=False):
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


class PaymentAsked(msgspec.Struct, frozen=True, gc=False):
    """What a report is compared with: which payment was asked for, and it never changes."""

    id: UUID
    booking_id: UUID
    provider: str
    amount: int
    currency: str


class Payable(msgspec.Struct, frozen=True, gc=False):
    """What paying needs to know of a booking; a hold whose time is over shows as EXPIRED, one of a cancelled
    event as CANCELLED.

    From `payment_id` on it is the payment with this provider, over what the booking costs now, that waits
    for its buyer: then `is_open`. Where there is none it is the last one that there was; None without any.
    """

    event_id: int
    booking_id: UUID
    provider: str
    buyer_id: int
    state: str
    total: int
    currency: str
    expires_at: datetime | None
    title: str
    has_open_questions: bool
    payment_id: UUID | None
    payment_state: PaymentState | None
    checkout_url: str | None
    reference: str | None
    created_at: datetime | None
    is_open: bool | None

    def open_payment(self) -> PaymentRow | None:
        """The payment that is open already."""
        if (
            not self.is_open
            or self.payment_id is None
            or self.payment_state is None
            or self.created_at is None
        ):
            return None
        return PaymentRow(
            event_id=self.event_id,
            id=self.payment_id,
            booking_id=self.booking_id,
            provider=self.provider,
            amount=self.total,
            currency=self.currency,
            state=self.payment_state,
            checkout_url=self.checkout_url,
            reference=self.reference,
            created_at=self.created_at,
        )


class DueToAsk(Asked, frozen=True):
    """A payment that is open; abandoned when its booking ended, or was paid for otherwise, an hour ago."""

    is_abandoned: bool


class DueCapture(Asked, frozen=True):
    """A payment whose money is to be taken, and the booking that it has bought."""

    booking_id: UUID


async def list_payables(
    source: Source, event_ids: Sequence[int], booking_ids: Sequence[UUID], providers: Sequence[str]
) -> list[Payable]:
    """The bookings as those who want to pay for them with these providers see them, as far as they exist.

    OFFSET has each looked up by its id, whatever the plan knows of the tables.
    """
    return await source.list(
        Payable,
        """
        SELECT booking.event_id, booking.id AS booking_id, asked.provider, booking.buyer_id,
               CASE WHEN booking.state = 'PENDING' AND event.state = 'CANCELLED' THEN 'CANCELLED'
                    WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                    ELSE booking.state END AS state,
               booking.total, booking.currency, booking.expires_at, event.title,
               EXISTS (SELECT FROM question_sets AS asks
                        WHERE asks.event_id = booking.event_id AND asks.has_required
                          AND NOT EXISTS (
                                 SELECT FROM answers
                                  WHERE answers.event_id = booking.event_id
                                    AND answers.booking_id = booking.id
                                    AND answers.revision = asks.revision
                                    AND (answers.seat_ids IS NULL
                                         OR (answers.seat_ids = booking.seat_ids
                                             AND answers.area_ids = booking.area_ids)))
                      ) AS has_open_questions,
               payment.id AS payment_id, payment.state AS payment_state, payment.checkout_url,
               payment.reference, payment.created_at, payment.is_open
          FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS asked (event_id, booking_id, provider),
               LATERAL (SELECT *
                          FROM bookings
                         WHERE event_id = asked.event_id AND id = asked.booking_id
                        OFFSET 0) AS booking
          JOIN events AS event ON event.id = booking.event_id
          LEFT JOIN LATERAL (
                   SELECT id, state, checkout_url, reference, created_at,
                          state IN ('PENDING', 'DECLINED') AND amount = booking.total
                              AND currency = booking.currency AS is_open
                     FROM payments
                    WHERE event_id = booking.event_id AND booking_id = booking.id
                      AND provider = asked.provider
                    ORDER BY is_open DESC, created_at DESC, id
                    LIMIT 1) AS payment ON true
        """,
        event_ids,
        booking_ids,
        providers,
    )


async def list_payments(
    source: Source, event_ids: Sequence[int], payment_ids: Sequence[UUID]
) -> list[PaymentAsked]:
    """These payments, whoever's they are, as far as they exist."""
    return await source.list(
        PaymentAsked,
        """
        SELECT id, booking_id, provider, amount, currency
          FROM payments
         WHERE event_id = ANY ($1::bigint[]) AND id = ANY ($2::uuid[])
        """,
        event_ids,
        payment_ids,
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


async def insert_payments(db: Database, payments: Sequence[NewPaymentRow]) -> list[PaymentRow]:
    """Ask for money; where it is paid is known by then. Durable when it returns.

    Where somebody else has just written a payment under the same id, it is theirs that is given back: the
    primary key decides who was first. One statement is a transaction without being told so: BEGIN and COMMIT
    would be two more round trips.
    """
    return await db.list(
        PaymentRow,
        """
        INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, checkout_url, reference,
                              ask_at)
        SELECT event_id, id, booking_id, provider, amount, currency, checkout_url, reference, ask_at
          FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[], $6::text[], $7::text[],
                      $8::text[], $9::timestamptz[])
            AS new (event_id, id, booking_id, provider, amount, currency, checkout_url, reference, ask_at)
        ON CONFLICT (event_id, id) DO UPDATE SET booking_id = excluded.booking_id
         WHERE payments.booking_id = excluded.booking_id
        RETURNING event_id, id, booking_id, provider, amount, currency, state, checkout_url, reference,
                  created_at
        """,
        [payment.event_id for payment in payments],
        [payment.id for payment in payments],
        [payment.booking_id for payment in payments],
        [payment.provider for payment in payments],
        [payment.amount for payment in payments],
        [payment.currency for payment in payments],
        [payment.checkout_url for payment in payments],
        [payment.reference for payment in payments],
        [payment.ask_at for payment in payments],
    )


async def insert_forgotten_payment(
    tx: Transaction,
    *,
    event_id: int,
    payment_id: UUID,
    booking_id: UUID,
    provider: str,
    amount: int,
    currency: str,
    reference: str,
) -> None:
    """Write a payment down that the provider knows and we do not, if there is such a booking."""
    await tx.execute(
        """
        INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, reference)
        SELECT event_id, $2, id, $4, $5, $6, $7
          FROM bookings
         WHERE event_id = $1 AND id = $3
        ON CONFLICT (event_id, id) DO NOTHING
        """,
        event_id,
        payment_id,
        booking_id,
        provider,
        amount,
        currency,
        reference,
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


async def update_cancelled(tx: Transaction, event_id: int, payment_ids: list[UUID]) -> None:
    """Nothing was paid and nothing can be any more.

    One whose money has become tickets stays CAPTURE_DUE: its job finds the money gone, and takes them back.
    """
    await tx.execute(
        """
        UPDATE payments
           SET state = 'CANCELLED', ask_at = NULL, changed_at = now()
         WHERE event_id = $1 AND id = ANY ($2::uuid[]) AND state IN ('PENDING', 'DECLINED')
        """,
        event_id,
        payment_ids,
    )


async def claim_payments_to_ask_about(
    tx: Transaction,
    providers: Sequence[str],
    payments_max: int,
    again_seconds_min: int,
    before_expiry: timedelta,
) -> list[DueToAsk]:
    """Open payments that one of these is to be asked about now; they come again, ever more seldom, and once
    more before the end of a hold that was renewed.

    Nobody waits here for a payment that is being written: a batch settles many in one transaction, in an
    order of its own, and would wait for those we have. What another process asks about is left to it as well.
    """
    return await tx.list(
        DueToAsk,
        """
        UPDATE payments AS payment
           SET ask_at = least(now() + greatest($3 * interval '1 second', (now() - payment.created_at) / 2),
                              CASE WHEN booking.state = 'PENDING'
                                    AND booking.expires_at - $4::interval > now()
                                   THEN booking.expires_at - $4::interval END)
          FROM (SELECT event_id, id
                  FROM payments
                 WHERE ask_at <= now() AND provider = ANY ($1::text[])
                 ORDER BY ask_at
                 LIMIT $2
                   FOR UPDATE SKIP LOCKED) AS due, bookings AS booking
         WHERE payment.event_id = due.event_id AND payment.id = due.id
           AND booking.event_id = payment.event_id AND booking.id = payment.booking_id
        RETURNING payment.id AS payment_id, payment.provider, payment.reference, payment.amount,
                  payment.currency, booking.state <> 'PENDING'
                      AND booking.changed_at < now() - interval '1 hour' AS is_abandoned
        """,
        providers,
        payments_max,
        again_seconds_min,
        before_expiry,
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


async def find_due_capture(source: Source, event_id: int, payment_id: UUID) -> DueCapture | None:
    """The payment, if what was authorised still has to be captured."""
    return await source.find(
        DueCapture,
        """
        SELECT id AS payment_id, provider, reference, amount, currency, booking_id
          FROM payments
         WHERE event_id = $1 AND id = $2 AND state = 'CAPTURE_DUE'
        """,
        event_id,
        payment_id,
    )
