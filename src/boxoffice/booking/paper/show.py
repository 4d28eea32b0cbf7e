"""What a buyer keeps of a booking: valid tickets as PDF, and the date of the event for a calendar."""

from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.booking.paper import queries
from boxoffice.booking.paper.calendar import CalendarEntry, write_calendar
from boxoffice.booking.paper.pdf import TicketPage, draw_tickets
from boxoffice.booking.paper.queries import KeptBooking, KeptTicket
from boxoffice.booking.schemas import Place
from boxoffice.booking.views import parts_of
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.inventory.commands import BookingState
from boxoffice.kit.drawing import Drawing
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.ids import event_of
from boxoffice.kit.money import in_words
from boxoffice.kit.postgres import Database
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.place_label import place_of
from boxoffice.tickets.show import TicketIsVoid, get_ticket
from boxoffice.tickets.signing_keys import publish_key


class NoTicketsToPrint(Refusal, status=409):
    """This booking has no valid ticket. It has them once it is confirmed, until they are given back."""


class NeverConfirmed(Refusal, status=409):
    """This booking was not confirmed, so there is no date to keep. There is one once it is paid."""


async def draw_booking(
    db: Database, drawing: Drawing, keys: TicketKeys, buyer: Identity, booking_id: UUID
) -> bytes:
    """A page for each valid ticket of the buyer's booking. Raises `NotFound`, `NoTicketsToPrint`."""
    booking = await _get_booking(db, buyer, booking_id)
    pages = pages_of(booking, await get_seat_map(db, booking.seat_map_id), keys)
    if not pages:
        raise NoTicketsToPrint
    await publish_key(db, keys)
    return await drawing.draw(draw_tickets, booking.title, booking.created_at, pages)


async def draw_ticket(
    db: Database, drawing: Drawing, keys: TicketKeys, buyer: Identity, ticket_id: UUID
) -> bytes:
    """The page of one ticket of the buyer's. Raises `NotFound`, `TicketIsVoid`."""
    ticket = await get_ticket(db, keys, buyer, ticket_id)
    booking = await _get_booking(db, buyer, ticket.booking_id)
    pages = [
        page
        for page in pages_of(booking, await get_seat_map(db, booking.seat_map_id), keys)
        if page.number == str(ticket_id)
    ]
    if not pages:
        raise TicketIsVoid
    return await drawing.draw(draw_tickets, booking.title, booking.created_at, pages)


async def get_calendar(db: Database, buyer: Identity, booking_id: UUID) -> str:
    """The date of the buyer's booking. Raises `NotFound`, `NeverConfirmed`."""
    booking = await _get_booking(db, buyer, booking_id)
    if not booking.was_confirmed:
        raise NeverConfirmed
    return calendar_of(booking, await get_seat_map(db, booking.seat_map_id))


def pages_of(booking: KeptBooking, seat_map: SeatMap, keys: TicketKeys) -> list[TicketPage]:
    """What the pages of its valid tickets say, in the order of its places: there is one for each."""
    tickets = msgspec.json.decode(booking.tickets, type=list[KeptTicket])
    if not tickets:
        return []
    return [
        TicketPage(
            title=booking.title,
            when=_when(booking),
            venue=booking.venue,
            address=_address(booking),
            place=place_of(seat_map, place.seat_id, place.area_id).label,
            details=[
                ("Category", ", ".join(filter(None, (place.category, place.ticket_type)))),
                ("Name", booking.holder),
                ("Price, all in", _price(place)),
                ("Booking", str(booking.id)),
            ],
            number=str(ticket.id),
            code=keys.code_of(booking.event_id, ticket.id, ticket.generation),
        )
        for ticket, place in zip(tickets, parts_of(booking, seat_map).places, strict=True)
    ]


def place_and_time_of(booking: KeptBooking) -> str:
    """Where and when its event is."""
    return f"{_when(booking)}, {booking.venue}, {_address(booking)}"


def calendar_of(booking: KeptBooking, seat_map: SeatMap) -> str:
    """Its date, as far as it was confirmed once; cancelled together with the booking or the event."""
    cancelled = booking.state is BookingState.CANCELLED or booking.event_state is EventState.CANCELLED
    places = parts_of(booking, seat_map).places
    labels = [place_of(seat_map, each.seat_id, each.area_id).label for each in places]
    return write_calendar(
        CalendarEntry(
            id=str(booking.id),
            # Counts up with every change of the event, and once more when it or the booking is cancelled.
            sequence=booking.revision + cancelled,
            cancelled=cancelled,
            written_at=booking.now,
            starts_at=booking.starts_at,
            ends_at=booking.ends_at,
            title=booking.title,
            location=f"{booking.venue}, {_address(booking)}",
            description="\n".join([*labels, f"Booking {booking.id}"]),
        )
    )


async def _get_booking(db: Database, buyer: Identity, booking_id: UUID) -> KeptBooking:
    booking = await queries.find_kept_booking(db, event_of(booking_id), booking_id, buyer.user_id)
    if booking is None:
        raise NotFound
    return booking


def _price(place: Place) -> str:
    paid = place.all_in_price or place.price
    return in_words(paid.amount, paid.currency)


def _when(booking: KeptBooking) -> str:
    starts_at = booking.starts_at.astimezone(ZoneInfo(booking.time_zone))
    return f"{starts_at:%A}, {starts_at.day} {starts_at:%B %Y}, {starts_at:%H:%M} ({booking.time_zone})"


def _address(booking: KeptBooking) -> str:
    lines = booking.address_lines
    # The last line of many an address is the city with its postal code.
    city = [] if any(booking.city in line for line in lines) else [booking.city]
    return ", ".join([*lines, *city, booking.country])
