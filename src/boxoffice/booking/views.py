"""Bookings with their places spelled out: zone, row, number, category and price."""

from typing import Protocol

import msgspec

from boxoffice.booking.queries import BookingRow, get_seat_map_id
from boxoffice.booking.schemas import BookingView, DiscountView, FeeView, Place, TaxView
from boxoffice.catalog.prices.pricing import Levies, decode_levies
from boxoffice.catalog.prices.tariff import FeeMode
from boxoffice.catalog.prices.ticket_types import decode_types_of_places
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.inventory.commands import Booking
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.parting import Sold
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database


async def view_of_booking(
    db: Database, sales: GroupCommit, booking: Booking, explanation: str | None = None
) -> BookingView:
    """The view of a booking that was just decided here: the map is at hand, as a rule."""
    seat_map = sales.find_seat_map(booking.event_id)
    if seat_map is None:
        seat_map = await get_seat_map(db, await get_seat_map_id(db, booking.event_id))
    return _view(booking, seat_map, explanation)


async def view_of_row(db: Database, row: BookingRow) -> BookingView:
    """The view of a booking that was read."""
    return _view(row, await get_seat_map(db, row.seat_map_id))


class Paid(Sold, Protocol):
    """What a booking costs, and for what: of a booking, its row, or what is invoiced of it."""

    @property
    def currency(self) -> str: ...


class Parts(msgspec.Struct, frozen=True):
    """What the total of a booking is made of."""

    places: list[Place]
    subtotal: Money
    discount: DiscountView | None
    fees: list[FeeView]
    levies: Levies | None


def parts_of(booking: Paid, seat_map: SeatMap) -> Parts:
    """The places of a booking with their prices, and what is taken off and added."""
    currency = booking.currency
    seat_count = len(booking.seat_ids)
    levies = None if booking.levies is None else decode_levies(booking.levies)
    places = [
        *[
            _seat(seat_map, seat_id, Money(amount, currency))
            for seat_id, amount in zip(booking.seat_ids, booking.amounts, strict=False)
        ],
        *[
            _admission(seat_map, area_id, Money(amount, currency))
            for area_id, amount in zip(booking.area_ids, booking.amounts[seat_count:], strict=True)
        ],
    ]
    for index, ticket_type in enumerate(decode_types_of_places(booking.ticket_types)):
        if ticket_type is not None:
            places[index] = msgspec.structs.replace(places[index], ticket_type=ticket_type)
    discount = levies and levies.discount
    if levies is not None:
        places = [_with_levies(place, levies, index) for index, place in enumerate(places)]
    return Parts(
        places=places,
        subtotal=Money(sum(booking.amounts) + (discount.sum if discount else 0), currency),
        discount=discount and DiscountView(discount.code, Money(discount.sum, currency)),
        fees=_fees(levies, currency),
        levies=levies,
    )


def _view(booking: Booking | BookingRow, seat_map: SeatMap, explanation: str | None = None) -> BookingView:
    parts = parts_of(booking, seat_map)
    return BookingView(
        id=booking.id,
        event_id=booking.event_id,
        state=booking.state,
        places=parts.places,
        subtotal=parts.subtotal,
        fees=parts.fees,
        taxes=_taxes(parts.levies, booking.currency),
        total=Money(booking.total, booking.currency),
        created_at=booking.created_at,
        expires_at=booking.expires_at,
        explanation=explanation,
        channel_id=booking.channel_id,
        discount=parts.discount,
    )


def _with_levies(place: Place, levies: Levies, index: int) -> Place:
    """A place at what is left of its price, as it was and as it is paid."""
    left, currency = place.price.amount, place.price.currency
    off = levies.discount and levies.discount.amounts[index]
    return msgspec.structs.replace(
        place,
        price=Money(left + (off or 0), currency),
        discount=Money(off, currency) if off else None,
        all_in_price=Money(left + levies.added_to(index), currency),
    )


def _fees(levies: Levies | None, currency: str) -> list[FeeView]:
    return [
        FeeView(name=each.fee.name, mode=each.fee.mode, amount=Money(each.sum, currency))
        for each in (levies.fees if levies else ())
        # What the organizer bears is no business of the buyer's.
        if each.fee.mode is FeeMode.ADDED
    ]


def _taxes(levies: Levies | None, currency: str) -> list[TaxView]:
    return [
        TaxView(
            name=each.tax.name,
            mode=each.tax.mode,
            basis_points=each.tax.basis_points,
            amount=Money(each.sum, currency),
        )
        for each in (levies.taxes if levies else ())
    ]


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
