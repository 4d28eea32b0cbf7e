"""SQL of refunds: owed with their reason, told to the provider."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.provider import DueRefund


class RefundToMake(DueRefund, frozen=True, kw_only=True):
    """A refund that is to be carried out, and how much of its payment the provider still has.

    `is_disputed` is whether a bank has not decided yet, `failures` how often the provider was asked in vain,
    `refusals` how often it has refused then, and it `has_failed` when an attempt was made and came back.
    """

    left_there: int
    is_disputed: bool
    failures: int
    refusals: int
    has_failed: bool


class RefundRow(msgspec.Struct, frozen=True):
    """A refund of a booking, in minor units; `settled_by` has given it back without the provider."""

    id: UUID
    payment_id: UUID
    amount: int
    currency: str
    reason: str
    state: str
    created_at: datetime
    done_at: datetime | None
    part: str | None
    failure: str | None
    settled_by: str | None


class BookingOwners(msgspec.Struct, frozen=True):
    """Whose booking it is, and whose event."""

    buyer_id: int
    organizer_id: int


class BoughtPayment(msgspec.Struct, frozen=True):
    """A payment that has become tickets, in minor units; `captured` is 0 while it is only authorised."""

    id: UUID
    booking_id: UUID
    amount: int
    currency: str
    captured: int
    refunded: int


class NewRefund(msgspec.Struct, frozen=True):
    """A refund to be owed; `worth` is what the places that are given up had cost.

    `part` has them as JSON (`inventory.parting`), where they are single ones, and `tax_shares` the amount by
    its rates of tax (`tax_shares`).
    """

    id: UUID
    movement_id: UUID
    payment_id: UUID
    booking_id: UUID
    amount: int
    currency: str
    fees: int
    taxes: int
    worth: int
    reason: str
    is_captured: bool
    part: str | None = None
    tax_shares: str | None = None


async def lock_bought_payments(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID]
) -> list[BoughtPayment]:
    """The payments that have bought these bookings: nobody else takes from them until we commit."""
    return await tx.list(
        BoughtPayment,
        """
        SELECT id, booking_id, amount, currency, captured, refunded
          FROM payments
         WHERE event_id = $1 AND booking_id = ANY ($2::uuid[]) AND state IN ('CAPTURED', 'CAPTURE_DUE')
         ORDER BY id
           FOR UPDATE
        """,
        event_id,
        booking_ids,
    )


async def get_left(source: Source, event_id: int, booking_id: UUID) -> int:
    """What is left of the payment that has bought a booking, in minor units; 0 where there is none."""
    return await source.get(
        int,
        """
        SELECT coalesce(sum(CASE captured WHEN 0 THEN amount ELSE captured - refunded END), 0)::bigint
          FROM payments
         WHERE event_id = $1 AND booking_id = $2 AND state IN ('CAPTURED', 'CAPTURE_DUE')
        """,
        event_id,
        booking_id,
    )


async def find_booking_owners(source: Source, event_id: int, booking_id: UUID) -> BookingOwners | None:
    """Whose booking it is, if there is one."""
    return await source.find(
        BookingOwners,
        """
        SELECT booking.buyer_id, event.organizer_id
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
         WHERE booking.event_id = $1 AND booking.id = $2
        """,
        event_id,
        booking_id,
    )


async def list_refunds(
    source: Source, event_id: int, booking_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[RefundRow]:
    """What goes back, or has gone, of all payments for a booking, the oldest first."""
    return await source.list(
        RefundRow,
        """
        SELECT refund.id, refund.payment_id, refund.amount, refund.currency, refund.reason, refund.state,
               refund.created_at, refund.done_at, refund.part, refund.failure, refund.settled_by
          FROM payments AS payment
          JOIN refunds AS refund ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
         WHERE payment.event_id = $1 AND payment.booking_id = $2
           AND ($3::timestamptz IS NULL OR (refund.created_at, refund.id) > ($3, $4::uuid))
         ORDER BY refund.created_at, refund.id
         LIMIT $5
        """,
        event_id,
        booking_id,
        *(after or (None, None)),
        limit,
    )


async def find_refund_of_booking(
    source: Source, event_id: int, booking_id: UUID, refund_id: UUID | None
) -> RefundRow | None:
    """The refund of this id; without one that of all that was left, or else the newest.

    Of all that was left when the booking ended there is one at most.
    """
    return await source.find(
        RefundRow,
        """
        SELECT refund.id, refund.payment_id, refund.amount, refund.currency, refund.reason, refund.state,
               refund.created_at, refund.done_at, refund.part, refund.failure, refund.settled_by
          FROM payments AS payment
          JOIN refunds AS refund ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
         WHERE payment.event_id = $1 AND payment.booking_id = $2
           AND ($3::uuid IS NULL OR refund.id = $3)
         ORDER BY refund.id = refund.payment_id AND refund.worth > 0 DESC, refund.created_at DESC,
                  refund.id DESC
         LIMIT 1
        """,
        event_id,
        booking_id,
        refund_id,
    )


async def insert_refunds(tx: Transaction, event_id: int, refunds: Sequence[NewRefund]) -> None:
    """Owe these back, and take them off what was earned; the payments must be locked.

    A payment of which nothing is left is REFUND_DUE; so is one that was only authorised: it will be void,
    and moves nothing. A refund that was owed before is refused.
    """
    await tx.execute(
        """
        WITH refund AS (
            SELECT id, movement_id, payment_id, booking_id, amount, currency, fees, taxes, worth, reason,
                   is_captured, part, tax_shares
              FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::uuid[], $6::bigint[], $7::text[],
                          $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::boolean[], $13::text[],
                          $14::text[])
                AS refund (id, movement_id, payment_id, booking_id, amount, currency, fees, taxes, worth,
                           reason, is_captured, part, tax_shares)
        ), owed AS (
            INSERT INTO refunds (event_id, id, payment_id, amount, currency, fees, taxes, worth, reason, part,
                                 tax_shares)
            SELECT $1, id, payment_id, amount, currency, fees, taxes, worth, reason, part::json,
                   tax_shares::json
              FROM refund
        ), moved AS (
            UPDATE payments AS payment
               SET refunded = refunded + CASE WHEN is_captured THEN refund.amount ELSE 0 END,
                   state = CASE WHEN is_captured AND refunded + refund.amount < captured
                                THEN payment.state ELSE 'REFUND_DUE' END,
                   ask_at = NULL, changed_at = now()
              FROM refund
             WHERE payment.event_id = $1 AND payment.id = refund.payment_id AND payment.id = ANY ($4::uuid[])
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, organizer,
                                      fees, taxes, buyer)
        SELECT $1, movement_id, 'REFUND_DUE', id, booking_id, currency, amount - fees - taxes, fees, taxes,
               -amount
          FROM refund
         WHERE is_captured
        """,
        event_id,
        *_columns(refunds),
    )


async def get_refunds_due(source: Source) -> int:
    """How many refunds of all events wait for their provider."""
    return await source.get(int, "SELECT count(*) FROM refunds WHERE state = 'DUE'")


async def find_due_refund(source: Source, event_id: int, refund_id: UUID) -> RefundToMake | None:
    """The refund, if it still has to be carried out."""
    return await source.find(
        RefundToMake,
        """
        SELECT payment.id AS payment_id, payment.provider, payment.reference, refund.amount,
               refund.id AS refund_id, payment.captured, refund.currency, refund.attempt_id, refund.failures,
               refund.refusals, refund.failure IS NOT NULL AS has_failed,
               (payment.captured
                - (SELECT coalesce(sum(done.amount - done.by_bank), 0)
                     FROM refunds AS done
                    WHERE done.event_id = $1 AND done.payment_id = payment.id AND done.state = 'DONE')
                - (SELECT coalesce(sum(made.amount), 0)
                     FROM provider_refunds AS made
                    WHERE made.event_id = $1 AND made.payment_id = payment.id AND made.failure IS NULL)
                - (SELECT coalesce(sum(dispute.amount), 0)
                     FROM disputes AS dispute
                    WHERE dispute.event_id = $1 AND dispute.payment_id = payment.id
                      AND dispute.state <> 'WON'))::bigint AS left_there,
               EXISTS (SELECT FROM disputes AS dispute
                        WHERE dispute.event_id = $1 AND dispute.payment_id = payment.id
                          AND dispute.state = 'OPEN') AS is_disputed
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = $1 AND refund.id = $2 AND refund.state = 'DUE'
        """,
        event_id,
        refund_id,
    )


async def update_not_made(
    tx: Transaction,
    event_id: int,
    refund_id: UUID,
    attempt_id: UUID | None,
    next_attempt_id: UUID | None,
    *,
    is_refusal: bool,
) -> None:
    """The provider did not take this attempt; it is asked again later, by the next if there is one."""
    await tx.execute(
        """
        UPDATE refunds
           SET failures = failures + 1, refusals = refusals + $5::boolean::integer,
               attempt_id = CASE WHEN attempt_id IS NOT DISTINCT FROM $3 THEN coalesce($4, $3)
                                 ELSE attempt_id END
         WHERE event_id = $1 AND id = $2 AND state = 'DUE'
        """,
        event_id,
        refund_id,
        attempt_id,
        next_attempt_id,
        is_refusal,
    )


async def update_refund_done(
    tx: Transaction,
    event_id: int,
    refund_id: UUID,
    movement_id: UUID,
    by_bank: int,
    settled_by: str | None = None,
) -> None:
    """The money is on its way back; a payment of which nothing is left and nothing is owed is REFUNDED.

    What of it a bank has given, or somebody by hand, is `by_bank`: the provider was not asked for that. Of
    what was only authorised there is nothing to go back: it is not reserved any more. What somebody has
    settled went back without the provider: what that still has of it, all but `by_bank`, is owed to the
    organizer, if it was they; if it was the house, it takes it. The payment must be locked.
    """
    await tx.execute(
        """
        WITH done AS (
            UPDATE refunds
               SET state = 'DONE', done_at = now(), by_bank = $4, settled_by = $5::text
             WHERE event_id = $1 AND id = $2 AND state <> 'DONE'
            RETURNING payment_id, amount, currency,
                      CASE WHEN settled_by IS NULL THEN 'REFUNDED' ELSE 'REFUND_SETTLED' END AS kind,
                      CASE WHEN settled_by IS NULL THEN coalesce(attempt_id, id) ELSE id END AS cause_id,
                      CASE settled_by WHEN 'ORGANIZER' THEN by_bank ELSE amount END AS by_provider
        ), settled AS (
            UPDATE payments AS payment
               SET state = CASE WHEN payment.state = 'REFUND_DUE' AND NOT EXISTS (
                                    SELECT FROM refunds AS other
                                     WHERE other.event_id = $1 AND other.payment_id = payment.id
                                       AND other.id <> $2 AND other.state <> 'DONE')
                                THEN 'REFUNDED' ELSE payment.state END,
                   changed_at = now()
              FROM done
             WHERE payment.event_id = $1 AND payment.id = done.payment_id
            RETURNING payment.id, payment.booking_id, payment.captured
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, booking_id, currency, provider,
                                      organizer, buyer, reserved, promised)
        SELECT $1, $3, movement.kind, movement.cause_id, settled.booking_id, done.currency, movement.provider,
               movement.organizer, -movement.provider - movement.organizer, movement.reserved,
               -movement.reserved
          FROM done
          JOIN settled ON settled.id = done.payment_id,
               LATERAL (VALUES
                   (true, done.kind, done.cause_id, -by_provider, by_provider - done.amount, 0),
                   (false, 'AUTHORISATION_OVER', done.payment_id, 0, 0, -done.amount)
               ) AS movement (is_captured, kind, cause_id, provider, organizer, reserved)
         WHERE movement.is_captured = (settled.captured > 0)
        """,
        event_id,
        refund_id,
        movement_id,
        by_bank,
        settled_by,
    )


def _columns(refunds: Sequence[NewRefund]) -> list[list[object]]:
    """Rows as the columns that `unnest` takes, in the order of the fields."""
    return [[getattr(refund, name) for refund in refunds] for name in NewRefund.__struct_fields__]
