"""Why an inventory says no. Each docstring is what the buyer reads."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import BookingState
from boxoffice.kit.errors import Refusal


class AreaLeft(msgspec.Struct, frozen=True):
    """How many places an area still has."""

    area_id: int
    places_left: int


class SeatsTaken(Refusal, status=409):
    """Some of these seats were taken a moment ago; `seat_ids` names them. Choose others."""

    seat_ids: list[int]


class AreasFull(Refusal, status=409):
    """Some of these areas do not have that many places left; `areas` says how many there are. Take fewer."""

    areas: list[AreaLeft]


class TypeLeft(msgspec.Struct, frozen=True):
    """How many places of a ticket type there still are."""

    ticket_type: str
    places_left: int


class TicketTypesFull(Refusal, status=409):
    """Of some ticket types there are not that many left; `ticket_types` says how many there are.

    Take fewer, or places without a ticket type.
    """

    ticket_types: list[TypeLeft]


class TooManyPlaces(Refusal, status=409):
    """One person may have only `limit` places at this event, held and bought together.

    `already_yours` are taken: ask for fewer, or cancel a hold.
    """

    limit: int
    already_yours: int


class NoSuchSeatsLeft(Refusal, status=409):
    """There are not that many seats left as you want to sit; `side_by_side_max` are left together.

    Ask for fewer, for another category or zone, or say `"adjacent": "PREFERRED"` to sit in parts.
    """

    quantity: int
    side_by_side_max: int


class SeatsBlocked(Refusal, status=409):
    """The organizer keeps these seats and does not sell them here; `seat_ids` names them. Choose others."""

    seat_ids: list[int]


class UnknownPromoCode(Refusal, status=409):
    """This event has no such promo code. Check its spelling, or leave `promo_code` out."""


class PromoCodeNotYet(Refusal, status=409):
    """This promo code is not good yet; it will be from `valid_from` on."""

    valid_from: datetime


class PromoCodeOver(Refusal, status=409):
    """This promo code was good until `valid_until`. Leave `promo_code` out to pay the full price."""

    valid_until: datetime


class PromoCodeForOthers(Refusal, status=409):
    """This promo code is for other places: for those of these `categories`. Choose there, or leave it out."""

    categories: list[str]


class PromoCodeUsedUp(Refusal, status=409):
    """This promo code is good for `places_left` places more; held places that expire give theirs back."""

    places_left: int


class PromoCodeUsedByYou(Refusal, status=409):
    """One person may use this promo code for `limit` places, held and bought together.

    Take fewer places, or leave `promo_code` out.
    """

    limit: int
    already_yours: int


class PromoCodeSpent(Refusal, status=409):
    """What this promo code may take off altogether is used up, or all but less than this booking needs.

    Leave `promo_code` out to pay the full price.
    """


class TooManyBlocks(Refusal, status=409):
    """An event has only so many blocks; release one, or put places of the same kind into one."""

    limit: int


class NotInThisBlock(Refusal, status=409):
    """The block does not have these places, so they cannot be released from it."""

    seat_ids: list[int]
    area_ids: list[int]


class SeatsKept(Refusal, status=409):
    """These seats are kept for people who need accessible ones, until `kept_until`.

    Who needs one says `"accessible": true`; others choose other seats.
    """

    seat_ids: list[int]
    kept_until: datetime


class PlacesHidden(Refusal, status=409):
    """These places are sold with an access code only: give it as `promo_code`."""

    seat_ids: list[int]
    area_ids: list[int]


class CompanionSeatsAlone(Refusal, status=409):
    """These companions' seats go only with the accessible seats they belong to, until `kept_until`.

    `accessible_seat_ids` names those; have both in one booking.
    """

    seat_ids: list[int]
    accessible_seat_ids: list[int]
    kept_until: datetime


class SingleSeatLeft(Refusal, status=409):
    """This selection would leave a single seat that nobody can use with others.

    `stranded_seat_ids` names it; `instead_seat_ids` is the nearest selection that leaves none.
    """

    stranded_seat_ids: list[int]
    instead_seat_ids: list[int]


class NotYourPlaces(Refusal, status=409):
    """The booking does not have these places, so it cannot give them back. Look at it again."""

    seat_ids: list[int]
    area_ids: list[int]


class NothingLeftToHold(Refusal, status=409):
    """A booking keeps at least one place; cancel it to give all of them back."""


class HeldLongEnough(Refusal, status=409):
    """A hold cannot be renewed for ever; this one ends at `expires_at`. Pay before that."""

    expires_at: datetime


class SaleNotOpen(Refusal, status=409):
    """The sale of this event has not begun; it begins at `sale_starts_at`."""

    sale_starts_at: datetime


class SaleClosed(Refusal, status=409):
    """The sale of this event is over."""


class EventCancelled(Refusal, status=409):
    """This event was cancelled; nothing more is sold."""


class EventTakesPlace(Refusal, status=409):
    """This event is not cancelled: its bookings stay."""


class BookingIsOver(Refusal, status=409):
    """This booking cannot be changed any more; `state` says why. Hold places anew."""

    state: BookingState


class PaidBookingIsFinal(Refusal, status=409):
    """This booking is paid, and a paid booking cannot be cancelled by its buyer. Ask the organizer."""


class TooLateToCancel(Refusal, status=409):
    """This booking could be cancelled until `until`. Ask the organizer."""

    until: datetime


class UsedBookingIsFinal(Refusal, status=409):
    """Somebody was let in with a ticket of this booking, so it cannot be cancelled. Ask the organizer."""


class NotOfThisBooking(Refusal, status=409):
    """The booking does not have these places any more, or never had; what it has can be given back."""

    seat_ids: list[int]
    area_ids: list[int]
    ticket_ids: list[UUID]


class AlreadyAdmitted(Refusal, status=409):
    """The holders of these tickets were let in. Say `admitted_too` to give their places back all the same."""

    ticket_ids: list[UUID]


class NothingToRefund(Refusal, status=409):
    """Nothing is captured for this booking. If it was paid just now, try again in a moment."""


class InTheWay(StrEnum):
    """HELD by a buyer whose hold is not over, SOLD, or BLOCKED: kept by the house."""

    HELD = "HELD"
    SOLD = "SOLD"
    BLOCKED = "BLOCKED"


class SeatInTheWay(msgspec.Struct, frozen=True):
    """A seat that cannot be taken away, and why. Who has it is not told here."""

    seat_id: int
    zone: str
    row: str
    number: str
    state: InTheWay


class AreaInTheWay(msgspec.Struct, frozen=True):
    """An area that cannot have that little room: so many of its places are held, sold or blocked."""

    area_id: int
    name: str
    capacity: int
    taken: int


class PlacesInTheWay(Refusal, status=409):
    """Somebody has places that this seat map takes away. `seats` names the first of `seat_count`, `areas`
    those that would have too little room. Keep them in the map, or have them given back first.
    """

    seats: list[SeatInTheWay]
    seat_count: int
    areas: list[AreaInTheWay]
