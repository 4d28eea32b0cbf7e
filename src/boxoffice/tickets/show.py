"""What a buyer sees of the tickets of their bookings."""

import asyncio
from uuid import UUID

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.ids import event_of
from boxoffice.kit.postgres import Database
from boxoffice.tickets import queries
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.place_label import place_of
from boxoffice.tickets.qr import QrFormat, draw_qr
from boxoffice.tickets.schemas import Ticket, Tickets, TicketState
from boxoffice.tickets.signing_keys import publish_key


class TicketIsVoid(Refusal, status=410):
    """This ticket is void: its booking was cancelled or its place given back. There is no code any more."""


async def list_booking_tickets(db: Database, keys: TicketKeys, buyer: Identity, booking_id: UUID) -> Tickets:
    """All tickets of the buyer's booking: one for every place, none before it is confirmed.

    Those of places that were given back are among them, and are void.
    """
    event_id = event_of(booking_id)
    rows = await queries.list_tickets(db, event_id, booking_id, buyer.user_id)
    if not rows:
        if await queries.find_booking_state(db, event_id, booking_id, buyer.user_id) is None:
            raise NotFound
        return Tickets(items=[])
    await publish_key(db, keys)
    seat_map = await get_seat_map(db, rows[0].seat_map_id)
    return Tickets(items=[_ticket_of(row, seat_map, keys) for row in rows])


async def get_ticket(db: Database, keys: TicketKeys, buyer: Identity, ticket_id: UUID) -> Ticket:
    """One ticket of one of the buyer's bookings."""
    row = await queries.find_ticket(db, event_of(ticket_id), ticket_id, buyer.user_id)
    if row is None:
        raise NotFound
    await publish_key(db, keys)
    return _ticket_of(row, await get_seat_map(db, row.seat_map_id), keys)


async def draw_ticket(
    db: Database, keys: TicketKeys, buyer: Identity, ticket_id: UUID, image_format: QrFormat
) -> bytes:
    """Draw the ticket's QR code, in a thread: other requests go on meanwhile."""
    ticket = await get_ticket(db, keys, buyer, ticket_id)
    if ticket.code is None:
        raise TicketIsVoid
    return await asyncio.to_thread(draw_qr, ticket.code, image_format)


def _ticket_of(row: queries.TicketRow, seat_map: SeatMap, keys: TicketKeys) -> Ticket:
    return Ticket(
        id=row.id,
        booking_id=row.booking_id,
        event_id=row.event_id,
        event_title=row.event_title,
        starts_at=row.starts_at,
        place=place_of(seat_map, row.seat_id, row.area_id),
        ticket_type=row.ticket_type,
        state=row.state,
        code=keys.code_of(row.event_id, row.id, row.generation) if row.state is TicketState.VALID else None,
        admitted_at=row.admitted_at,
    )
