"""Bookings as an event's team sees them."""

from datetime import datetime

import msgspec

from boxoffice.booking.schemas import BookingView


class Guest(msgspec.Struct, frozen=True):
    """Who has booked; an account that was erased has neither name nor address."""

    name: str
    email: str


class GuestBooking(msgspec.Struct, frozen=True):
    """A booking of an event and who made it; `admitted` of its places were let in."""

    booking: BookingView
    buyer: Guest
    admitted: int
    last_admitted_at: datetime | None
