"""SQL of refunds: owed with their reason, told to the provider, counted."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import Asked


class CancellationRow(msgspec.Struct, frozen=True):
    """Whose event it is, and how far its bookings are called off."""

    organizer_id: int
    cancelled_at: datetime | None
    finished_at: datetime | None
    bookings_done: int
    bookings_left: int


class RefundCounts(msgspec.Struct, frozen=True):
    """The refunds of an event. `failed` are due and were tried in vain so far."""

    total: int
    done: int
    failed: int


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


async def insert_refunds_of_bookings(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID], reason: str
) -> list[UUID]:
    """Owe back whatever was taken for these bookings, or is about to be; the ids of the payments.

    Of two of these only one finds a payment that is neither due nor given back: PostgreSQL looks at the row
    again once the first has committed. And a second refund of a payment is refused.
    """
    return await tx.list(
        UUID,
        """
        WITH due AS (
            UPDATE payments
               SET state = 'REFUND_DUE', ask_at = NULL, changed_at = now()
             WHERE event_id = $1 AND booking_id = ANY ($2::uuid[]) AND state IN ('CAPTURED', 'CAPTURE_DUE')
            RETURNING event_id, id, amount, currency
        )
        INSERT INTO refunds (event_id, payment_id, amount, currency, reason)
        SELECT event_id, id, amount, currency, $3
          FROM due
        RETURNING payment_id
        """,
        event_id,
        booking_ids,
        reason,
    )


async def find_cancellation(source: Source, event_id: int) -> CancellationRow | None:
    """What of the event's bookings is cancelled and what is left, cancelled or not."""
    return await source.find(
        CancellationRow,
        """
        SELECT event.organizer_id, event.cancelled_at, known.finished_at,
               coalesce(known.bookings_done, 0) AS bookings_done,
               (SELECT count(*) FROM bookings
                 WHERE event_id = event.id AND state IN ('PENDING', 'CONFIRMED')) AS bookings_left
          FROM events AS event
          LEFT JOIN cancellations AS known ON known.event_id = event.id
         WHERE event.id = $1
        """,
        event_id,
    )


async def get_refunds_due(source: Source) -> int:
    """How many refunds of all events wait for their provider."""
    return await source.get(int, "SELECT count(*) FROM refunds WHERE state = 'DUE'")


async def get_refund_counts(source: Source, event_id: int) -> RefundCounts:
    """How far the refunds of an event have come."""
    return await source.get(
        RefundCounts,
        """
        SELECT count(*) AS total,
               count(*) FILTER (WHERE state = 'DONE') AS done,
               count(*) FILTER (WHERE state = 'DUE' AND failures > 0) AS failed
          FROM refunds
         WHERE event_id = $1
        """,
        event_id,
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


async def update_failed(tx: Transaction, event_id: int, payment_id: UUID) -> None:
    """The provider did not take the refund; it is asked again later."""
    await tx.execute(
        """
        UPDATE refunds
           SET failures = failures + 1
         WHERE event_id = $1 AND payment_id = $2 AND state = 'DUE'
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
