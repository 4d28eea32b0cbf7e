"""Every rule of selling, as one pure function over an inventory, commands and a clock reading.

No I/O, no clock, no change to the inventory: a `Draft` shows each command what the commands before
it in the batch have done, and is forgotten unless the batch commits.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExpired,
    BookingHeld,
    PaymentReturned,
)
from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    Cancel,
    Command,
    Confirm,
    Expire,
    Hold,
    Outcome,
    PaymentOutcome,
)
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.refusals import (
    AreaLeft,
    AreasFull,
    BookingIsOver,
    EventCancelled,
    PaidBookingIsFinal,
    SaleClosed,
    SaleNotOpen,
    SeatsTaken,
    TooManyPlaces,
)
from boxoffice.inventory.state import Inventory
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal


class Decision(msgspec.Struct, frozen=True):
    """What a batch comes to: one outcome a command, in order, and the draft to be written."""

    outcomes: list[Outcome | Refusal]
    draft: Draft
    next_expiry_at: datetime | None


def decide(
    inventory: Inventory, commands: Sequence[Command], bookings: Mapping[UUID, Booking], now: datetime
) -> Decision:
    """Decide the commands one after the other; what is over expires first.

    `bookings` has the rows of the bookings that Cancel and Confirm name, read under the event's lock.
    """
    draft = Draft(inventory, bookings)
    over, next_expiry_at = inventory.due(now)
    for booking_id in over:
        _expire(draft, booking_id)
    outcomes = [_decide_one(draft, command, now) for command in commands]
    if draft.held:
        soonest = now + timedelta(seconds=inventory.terms.hold_seconds)
        next_expiry_at = min(next_expiry_at or soonest, soonest)
    return Decision(outcomes, draft, next_expiry_at)


def _decide_one(draft: Draft, command: Command, now: datetime) -> Outcome | Refusal:
    match command:
        case Hold():
            return decide_hold(draft, command, now)
        case Confirm():
            return decide_confirm(draft, command)
        case Cancel():
            return decide_cancel(draft, command, now)
        case Expire():
            return None


def decide_hold(draft: Draft, command: Hold, now: datetime) -> Booking | Refusal:
    """Hold every place or none. A booking that costs nothing is confirmed at once."""
    inventory = draft.inventory
    terms = inventory.terms
    if refusal := _sale_refusal(draft, now) or _unknown_places(draft, command):
        return refusal
    if gone := [seat_id for seat_id in command.seat_ids if not draft.is_free(seat_id)]:
        return SeatsTaken(seat_ids=gone)
    if full := _full_areas(draft, command.area_ids):
        return AreasFull(areas=full)
    places = len(command.seat_ids) + len(command.area_ids)
    already = draft.places_of(command.buyer_id)
    if already + places > terms.places_per_buyer_max:
        return TooManyPlaces(limit=terms.places_per_buyer_max, already_yours=already)
    amounts = draft.prices_of(command.seat_ids, command.area_ids)
    total = sum(amounts)
    expires_at = now + timedelta(seconds=terms.hold_seconds)
    draft.hold(
        BookingHeld(
            command.booking_id, command.buyer_id, command.seat_ids, command.area_ids, amounts, expires_at
        )
    )
    if total == 0:
        draft.confirm(
            BookingConfirmed(command.booking_id, command.buyer_id, command.seat_ids, command.area_ids)
        )
    return Booking(
        event_id=inventory.event_id,
        id=command.booking_id,
        buyer_id=command.buyer_id,
        state=BookingState.PENDING if total else BookingState.CONFIRMED,
        seat_ids=command.seat_ids,
        area_ids=command.area_ids,
        amounts=amounts,
        total=total,
        currency=terms.currency,
        created_at=now,
        expires_at=expires_at if total else None,
    )


def decide_confirm(draft: Draft, command: Confirm) -> PaymentOutcome | Refusal:
    """Turn money into tickets, or give it back; the same payment is dealt with once.

    Money that comes after the hold has expired still buys the places if all of them are free and
    the buyer's limit allows; so does money that comes in time. Everything else goes back in full.
    """
    booking = draft.booking(command.booking_id)
    if booking is None:
        return NotFound()
    payment = command.payment
    if payment.payment_id in booking.settled_payments:
        return PaymentOutcome.ALREADY_SETTLED
    reason = None
    if (payment.amount, payment.currency) != (booking.total, booking.currency):
        reason = "The amount is not the booking's."
    elif booking.state not in (BookingState.PENDING, BookingState.EXPIRED):
        reason = f"The booking is {booking.state}."
    elif booking.state is BookingState.EXPIRED:
        reason = _why_not_again(draft, booking)
    if reason is not None:
        draft.give_back(PaymentReturned(booking.id, payment.payment_id, reason))
        return PaymentOutcome.RETURNED
    draft.confirm(
        BookingConfirmed(
            booking.id,
            booking.buyer_id,
            booking.seat_ids,
            booking.area_ids,
            payment_id=payment.payment_id,
            taken_again=booking.state is BookingState.EXPIRED,
        )
    )
    return PaymentOutcome.CONFIRMED


def decide_cancel(draft: Draft, command: Cancel, now: datetime) -> Booking | Refusal:
    """Free the places of a pending booking, or of a free one until the show begins."""
    booking = draft.booking(command.booking_id)
    if booking is None or booking.buyer_id != command.buyer_id:
        return NotFound()
    if booking.state is BookingState.CANCELLED:
        return booking
    confirmed = booking.state is BookingState.CONFIRMED
    if confirmed and booking.total > 0:
        return PaidBookingIsFinal()
    if booking.state is BookingState.EXPIRED or (confirmed and now >= draft.inventory.terms.starts_at):
        return BookingIsOver(state=booking.state)
    draft.release(
        BookingCancelled(booking.id, booking.buyer_id, booking.seat_ids, booking.area_ids, confirmed)
    )
    return msgspec.structs.replace(booking, state=BookingState.CANCELLED, expires_at=None)


def _expire(draft: Draft, booking_id: UUID) -> None:
    held = draft.inventory.pending[booking_id]
    draft.release(BookingExpired(booking_id, held.buyer_id, held.seat_ids, held.area_ids))


def _sale_refusal(draft: Draft, now: datetime) -> Refusal | None:
    terms = draft.inventory.terms
    if terms.state is EventState.CANCELLED:
        return EventCancelled()
    if terms.state is EventState.DRAFT:
        return NotFound()
    if terms.sale_starts_at is not None and now < terms.sale_starts_at:
        return SaleNotOpen(sale_starts_at=terms.sale_starts_at)
    if now >= (terms.sale_ends_at or terms.starts_at):
        return SaleClosed()
    return None


def _unknown_places(draft: Draft, command: Hold) -> Refusal | None:
    seat_map = draft.inventory.seat_map
    errors = [
        FieldError(pointer=f"/seat_ids/{index}", detail=f"This event has no seat {seat_id}.")
        for index, seat_id in enumerate(command.seat_ids)
        if not 0 <= seat_id < seat_map.seat_count
    ]
    errors += [
        FieldError(pointer="/areas", detail=f"This event has no area {area_id}.")
        for area_id in sorted(set(command.area_ids))
        if not 0 <= area_id < len(seat_map.areas)
    ]
    return InvalidInput(errors=errors) if errors else None


def _full_areas(draft: Draft, area_ids: tuple[int, ...]) -> list[AreaLeft]:
    return [
        AreaLeft(area_id=area_id, places_left=left)
        for area_id in sorted(set(area_ids))
        if (left := draft.places_left(area_id)) < area_ids.count(area_id)
    ]


def _why_not_again(draft: Draft, booking: Booking) -> str | None:
    if draft.inventory.terms.state is not EventState.PUBLISHED:
        return "The event is not on sale any more."
    if not all(draft.is_free(seat_id) for seat_id in booking.seat_ids):
        return "The hold had expired and its seats are taken."
    if _full_areas(draft, booking.area_ids):
        return "The hold had expired and its area is full."
    places = len(booking.seat_ids) + len(booking.area_ids)
    if draft.places_of(booking.buyer_id) + places > draft.inventory.terms.places_per_buyer_max:
        return "The hold had expired and the buyer has as many places as one person may."
    return None
