"""SQL of what was paid for bookings and went back of it. Nothing here writes."""

from collections.abc import Sequence
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source


class PaidRow(msgspec.Struct, frozen=True):
    """A booking's places as they are now, what went back of it (JSON), and the tax that moved with that."""

    id: UUID
    total: int
    amounts: tuple[int, ...]
    levies: str | None
    returned: str | None
    taxes: int


async def list_paid(source: Source, event_id: int, booking_ids: Sequence[UUID]) -> list[PaidRow]:
    """What these bookings cost, and what went back of the payments that bought them, the oldest first."""
    return await source.list(
        PaidRow,
        """
        SELECT booking.id, booking.total, booking.amounts, booking.levies, back.returned, back.taxes
          FROM bookings AS booking,
               LATERAL (SELECT json_agg(json_build_object('amount', refund.amount, 'part', refund.part,
                                                          'shares', refund.tax_shares)
                                        ORDER BY refund.created_at, refund.id) AS returned,
                               coalesce(sum(refund.taxes), 0)::bigint AS taxes
                          FROM payments AS payment
                          JOIN refunds AS refund
                            ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
                         WHERE payment.event_id = booking.event_id AND payment.booking_id = booking.id
                           AND (refund.worth > 0 OR refund.id <> payment.id)) AS back
         WHERE booking.event_id = $1 AND booking.id = ANY ($2::uuid[])
        """,
        event_id,
        booking_ids,
    )
