"""Bookings with their places spelled out: zone, row, number, category and price."""

from collections import OrderedDict

from boxoffice.booking.queries import BookingRow, get_seat_map_id
from boxoffice.booking.schemas import BookingView, Place
from boxoffice.catalog.seat_map import SeatMap, get_seat_map
from boxoffice.inventory.commands import Booking
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database

# Which map an event sells never changes once it has bookings; a small number for each is kept.
EVENTS_KEPT_MAX = 10_000

_seat_map_ids: OrderedDict[tuple[str, int], int] = OrderedDict()


async def view_of_booking(db: Database, booking: Booking, explanation: str | None = None) -> BookingView:
    """The view of a booking that was just decided; asks PostgreSQL only for a map not seen before."""
    key = (db.dsn, booking.event_id)
    seat_map_id = _seat_map_ids.get(key)
    if seat_map_id is None:
        seat_map_id = _seat_map_ids[key] = await get_seat_map_id(db, booking.event_id)
        if len(_seat_map_ids) > EVENTS_KEPT_MAX:
            _seat_map_ids.popitem(last=False)
    return _view(booking, await get_seat_map(db, seat_map_id), explanation)


async def view_of_row(db: Database, row: BookingRow) -> BookingView:
    """The view of a booking that was read."""
    return _view(row, await get_seat_map(db, row.seat_map_id))


def _view(booking: Booking | BookingRow, seat_map: SeatMap, explanation: str | None = None) -> BookingView:
    currency = booking.currency
    seat_count = len(booking.seat_ids)
    return BookingView(
        id=booking.id,
        event_id=booking.event_id,
        state=booking.state,
        places=[
            *[
                _seat(seat_map, seat_id, Money(amount, currency))
                for seat_id, amount in zip(booking.seat_ids, booking.amounts, strict=False)
            ],
            *[
                _admission(seat_map, area_id, Money(amount, currency))
                for area_id, amount in zip(booking.area_ids, booking.amounts[seat_count:], strict=True)
            ],
        ],
        total=Money(booking.total, currency),
        created_at=booking.created_at,
        expires_at=booking.expires_at,
        explanation=explanation,
        channel_id=booking.channel_id,
    )


def _seat(seat_map: SeatMap, seat_id: int, price: Money) -> Place:
    label = seat_map.label_of(seat_id)
    return Place(
        category=seat_map.categories[seat_map.category_of[seat_id]].name,
        price=price,
        zone=label.zone,
        seat_id=seat_id,
        row=label.row,
        number=label.number,
    )


def _admission(seat_map: SeatMap, area_id: int, price: Money) -> Place:
    area = seat_map.areas[area_id]
    return Place(category=area.category, price=price, zone=area.name, area_id=area_id)
