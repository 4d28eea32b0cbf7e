"""SQL of an event's bookings, as its team sees them. Nothing is written here."""

from datetime import datetime
from uuid import UUID

from boxoffice.booking.queries import BookingRow
from boxoffice.kit.postgres import Source


class GuestRow(BookingRow, frozen=True):
    """A booking, who made it, and how many of its tickets were scanned."""

    buyer_name: str
    buyer_email: str
    admitted: int
    last_admitted_at: datetime | None


async def list_guests(
    source: Source, event_id: int, before: UUID | None, buyer_id: int | None, limit: int
) -> list[GuestRow]:
    """The bookings of an event, newest first, of all or of one buyer."""
    return await source.list(
        GuestRow,
        """
        SELECT booking.event_id, booking.id, event.seat_map_id,
               CASE WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                    ELSE booking.state END AS state,
               booking.seat_ids, booking.area_ids, booking.amounts, booking.total, booking.currency,
               booking.created_at,
               CASE WHEN booking.expires_at > now() THEN booking.expires_at END AS expires_at,
               booking.channel_id, booking.levies, booking.ticket_types,
               buyer.name AS buyer_name, buyer.email AS buyer_email,
               scanned.admitted, scanned.last_admitted_at
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
          JOIN users AS buyer ON buyer.id = booking.buyer_id
         CROSS JOIN LATERAL (
               SELECT count(ticket.admitted_at) AS admitted, max(ticket.admitted_at) AS last_admitted_at
                 FROM tickets AS ticket
                WHERE ticket.event_id = booking.event_id AND ticket.booking_id = booking.id
               ) AS scanned
         WHERE booking.event_id = $1
           AND booking.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
           AND ($3::bigint IS NULL OR booking.buyer_id = $3)
         ORDER BY booking.id DESC
         LIMIT $4
        """,
        event_id,
        before,
        buyer_id,
        limit,
    )
