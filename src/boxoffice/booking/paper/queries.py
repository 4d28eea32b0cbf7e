"""SQL of what a buyer keeps: a booking with its event, its venue and its valid tickets, in one look."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.commands import BookingState
from boxoffice.kit.postgres import Source


class KeptBooking(msgspec.Struct, frozen=True):
    """A booking as its buyer keeps it. `tickets` is JSON: `KeptTicket`s in the order of the places it has.

    `was_confirmed` is true of one that is confirmed, too.
    """

    event_id: int
    id: UUID
    state: BookingState
    was_confirmed: bool
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    currency: str
    levies: str | None
    ticket_types: str | None
    created_at: datetime
    holder: str
    tickets: str
    seat_map_id: int
    title: str
    event_state: EventState
    starts_at: datetime
    ends_at: datetime | None
    time_zone: str
    revision: int
    venue: str
    address_lines: tuple[str, ...]
    city: str
    country: str
    now: datetime


class KeptTicket(msgspec.Struct, frozen=True):
    """A valid ticket of a booking."""

    id: UUID
    generation: int


async def find_kept_booking(
    source: Source, event_id: int, booking_id: UUID, buyer_id: int | None
) -> KeptBooking | None:
    """The booking, if it is this buyer's, or anybody's where None is asked for."""
    return await source.find(
        KeptBooking,
        """
        SELECT booking.event_id, booking.id, booking.state,
               EXISTS (SELECT FROM tickets AS ticket
                        WHERE ticket.event_id = booking.event_id AND ticket.booking_id = booking.id)
                   AS was_confirmed,
               booking.seat_ids, booking.area_ids, booking.amounts, booking.currency, booking.levies,
               booking.ticket_types, booking.created_at, buyer.name AS holder,
               (SELECT coalesce(json_agg(json_build_object('id', ticket.id, 'generation', ticket.generation)
                                         ORDER BY ticket.place), '[]')
                  FROM tickets AS ticket
                 WHERE ticket.event_id = booking.event_id AND ticket.booking_id = booking.id
                   AND ticket.state = 'VALID') AS tickets,
               event.seat_map_id, event.title, event.state AS event_state, event.starts_at, event.ends_at,
               event.time_zone, event.revision, venue.name AS venue, venue.address_lines, venue.city,
               venue.country, now() AS now
          FROM bookings AS booking
          JOIN users AS buyer ON buyer.id = booking.buyer_id
          JOIN events AS event ON event.id = booking.event_id
          JOIN seat_maps AS map ON map.id = event.seat_map_id
          JOIN venues AS venue ON venue.id = map.venue_id
         WHERE booking.event_id = $1 AND booking.id = $2
           AND ($3::bigint IS NULL OR booking.buyer_id = $3)
        """,
        event_id,
        booking_id,
        buyer_id,
    )
