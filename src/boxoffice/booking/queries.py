"""SQL of what a buyer sees. The rows belong to the inventory, which alone writes them."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import BookingState
from boxoffice.kit.postgres import Source


class BookingRow(msgspec.Struct, frozen=True):
    """A booking as it stands now: a hold whose time is over is EXPIRED, tidied up or not."""

    event_id: int
    id: UUID
    seat_map_id: int
    state: BookingState
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int
    currency: str
    created_at: datetime
    expires_at: datetime | None
    channel_id: int | None
    levies: str | None


async def find_booking(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> BookingRow | None:
    """The buyer's booking."""
    return await source.find(
        BookingRow,
        """
        SELECT booking.event_id, booking.id, event.seat_map_id,
               CASE WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                    ELSE booking.state END AS state,
               booking.seat_ids, booking.area_ids, booking.amounts, booking.total, booking.currency,
               booking.created_at,
               CASE WHEN booking.expires_at > now() THEN booking.expires_at END AS expires_at,
               booking.channel_id, booking.levies
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
         WHERE booking.event_id = $1 AND booking.id = $2 AND booking.buyer_id = $3
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def list_bookings(source: Source, buyer_id: int, before: UUID | None, limit: int) -> list[BookingRow]:
    """The buyer's bookings, newest first; ids begin with the time they were made."""
    return await source.list(
        BookingRow,
        """
        SELECT booking.event_id, booking.id, event.seat_map_id,
               CASE WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                    ELSE booking.state END AS state,
               booking.seat_ids, booking.area_ids, booking.amounts, booking.total, booking.currency,
               booking.created_at,
               CASE WHEN booking.expires_at > now() THEN booking.expires_at END AS expires_at,
               booking.channel_id, booking.levies
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
         WHERE booking.buyer_id = $1 AND ($2::uuid IS NULL OR booking.id < $2)
         ORDER BY booking.id DESC
         LIMIT $3
        """,
        buyer_id,
        before,
        limit,
    )


async def get_seat_map_id(source: Source, event_id: int) -> int:
    """The seat map an event sells; it cannot change once there are bookings."""
    return await source.get(int, "SELECT seat_map_id FROM events WHERE id = $1", event_id)
