"""Holding places and giving them up: from what the buyer wrote to the event's next batch."""

from uuid import UUID

from boxoffice.booking.schemas import PLACES_PER_BOOKING_MAX, NewBooking
from boxoffice.inventory.commands import Booking, Cancel, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import FieldError, InvalidInput, invalid
from boxoffice.kit.ids import event_of, new_id


async def hold_places(sales: GroupCommit, *, buyer_id: int, wanted: NewBooking) -> Booking:
    """Hold every place or none. Raises the refusals of `inventory.rules.decide_hold`, or `InvalidInput`."""
    _check(wanted)
    area_ids = [area.area_id for area in wanted.areas for _ in range(area.quantity)]
    outcome = await sales.submit(
        wanted.event_id,
        Hold(new_id(wanted.event_id), buyer_id, tuple(wanted.seat_ids), tuple(area_ids)),
    )
    return _booking(outcome)


async def cancel_booking(sales: GroupCommit, *, buyer_id: int, booking_id: UUID) -> Booking:
    """Give the places back. Raises `NotFound`, `PaidBookingIsFinal` or `BookingIsOver`."""
    return _booking(await sales.submit(event_of(booking_id), Cancel(booking_id, buyer_id)))


def _booking(outcome: object) -> Booking:
    if not isinstance(outcome, Booking):
        raise TypeError(f"a booking was expected, not {outcome!r}")
    return outcome


def _check(wanted: NewBooking) -> None:
    """Refuse what no inventory is needed to refuse."""
    places = len(wanted.seat_ids) + sum(area.quantity for area in wanted.areas)
    if places == 0:
        raise invalid("/seat_ids", "Name at least one seat in `seat_ids`, or an area in `areas`.")
    if places > PLACES_PER_BOOKING_MAX:
        raise invalid("/areas", f"These are {places} places; a booking has {PLACES_PER_BOOKING_MAX} at most.")
    if len(set(wanted.seat_ids)) < len(wanted.seat_ids):
        raise InvalidInput(errors=_repeated("/seat_ids/{}", "Seat {} is named twice.", wanted.seat_ids))
    area_ids = [area.area_id for area in wanted.areas]
    if len(set(area_ids)) < len(area_ids):
        raise InvalidInput(errors=_repeated("/areas/{}/area_id", "Area {} is named twice.", area_ids))


def _repeated(pointer: str, detail: str, ids: list[int]) -> list[FieldError]:
    return [
        FieldError(pointer=pointer.format(index), detail=detail.format(id_))
        for index, id_ in enumerate(ids)
        if id_ in ids[:index]
    ]
