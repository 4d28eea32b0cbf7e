"""The rules of giving bookings up: by their buyer, for want of money, with their event."""

from datetime import datetime

import msgspec

from boxoffice.catalog.prices.ticket_types import decode_types_of_places
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.block_rules import release_all
from boxoffice.inventory.changes import BookingCancelled
from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    CalledOff,
    CallOff,
    Cancel,
    Known,
    TakeBack,
    Withdraw,
)
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.refusals import (
    BookingIsOver,
    EventTakesPlace,
    NothingToRefund,
    PaidBookingIsFinal,
    UsedBookingIsFinal,
)
from boxoffice.kit.errors import NotFound, Refusal


def decide_cancel(draft: Draft, command: Cancel, now: datetime) -> Booking | Refusal:
    """Free the places of a pending booking, or of a free one until the show begins or somebody is let in."""
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
    if is_used(draft, command.known):
        return UsedBookingIsFinal()
    give_up(draft, booking)
    return msgspec.structs.replace(booking, state=BookingState.CANCELLED, expires_at=None)


def is_used(draft: Draft, known: Known | None) -> bool:
    """Whether somebody was let in with a ticket that is still good."""
    return known is not None and any(
        ticket.is_admitted for ticket in known.tickets if ticket.id not in draft.voided
    )


def decide_withdraw(draft: Draft, command: Withdraw | TakeBack) -> Booking | Refusal:
    """Take the places of a booking back whose money turned out not to be there, or is given back."""
    if isinstance(command, TakeBack):
        return decide_take_back(draft, command)
    booking = draft.booking(command.booking_id)
    if booking is None or command.payment_id not in booking.settled_payments:
        return NotFound()
    if booking.state is not BookingState.CONFIRMED:
        return booking
    give_up(draft, booking)
    return msgspec.structs.replace(booking, state=BookingState.CANCELLED, expires_at=None)


def decide_take_back(draft: Draft, command: TakeBack) -> Booking | Refusal:
    """Take the places of a confirmed booking back; what was paid for them is owed with it."""
    booking = draft.booking(command.booking_id)
    if booking is None:
        return NotFound()
    if booking.state is not BookingState.CONFIRMED:
        return BookingIsOver(state=booking.state)
    if booking.total == 0:
        return NothingToRefund()
    give_up(draft, booking)
    return msgspec.structs.replace(booking, state=BookingState.CANCELLED, expires_at=None)


def decide_call_off(draft: Draft, command: CallOff) -> CalledOff | Refusal:
    """Cancel what is named and still has places, paid or not; whoever asks comes again while any are left.

    Once one of these is decided, no batch holds or sells anything of the event any more: each reads under the
    same lock that it is cancelled.
    """
    if draft.inventory.terms.state is not EventState.CANCELLED:
        return EventTakesPlace()
    for block in list(draft.all_blocks()):
        if block.seat_ids or block.areas:
            release_all(draft, block)
    named = [draft.booking(booking_id) for booking_id in command.booking_ids]
    live = [
        booking
        for booking in named
        if booking is not None and booking.state in (BookingState.PENDING, BookingState.CONFIRMED)
    ]
    for booking in live:
        give_up(draft, booking)
    confirmed = tuple([booking.id for booking in live if booking.state is BookingState.CONFIRMED])
    return CalledOff(count=len(live), confirmed_ids=confirmed, places_left=draft.places_had())


def give_up(draft: Draft, booking: Booking, refunded: int | None = None, *, fees_kept: bool = False) -> None:
    """All places of a booking are free again, or back in blocks; `refunded` where not all money goes back."""
    draft.release(
        BookingCancelled(
            booking.id,
            booking.buyer_id,
            booking.seat_ids,
            booking.area_ids,
            booking.state is BookingState.CONFIRMED,
            draft.back_in_blocks(booking.seat_ids),
            ticket_types=decode_types_of_places(booking.ticket_types),
            refunded=refunded,
            fees_kept=fees_kept,
        )
    )
