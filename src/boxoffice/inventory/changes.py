"""What can happen to an inventory. The journal is a list of these; replaying them gives the state.

None of these structs can be part of a cycle, so the garbage collector need not look at them (gc=False).
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import Levies, total_of
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces
from boxoffice.inventory.promo import PromoUse


class BlockKind(StrEnum):
    """HOUSE: seats the house uses itself. KILL: nobody can sit there. ALLOTMENT: for somebody to sell."""

    HOUSE = "HOUSE"
    KILL = "KILL"
    ALLOTMENT = "ALLOTMENT"


class BookingHeld(msgspec.Struct, frozen=True, gc=False, tag="HELD", omit_defaults=True):
    """A buyer holds these places until `expires_at`. `area_ids` has one entry an admission.

    `amounts` has the price of each place in minor units, the seats first, then the areas; `levies` the fees
    and taxes on them. `channel_id` is the sales channel it was held through, whose blocks it may have its
    seats from. `ticket_types` has the ticket type of each place, or null; empty when none has one.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    expires_at: datetime
    channel_id: int | None = None
    levies: Levies | None = None
    ticket_types: TypesOfPlaces = ()

    @property
    def total(self) -> int:
        """What the booking costs altogether."""
        return total_of(self.amounts, self.levies)


class BookingConfirmed(msgspec.Struct, frozen=True, gc=False, tag="CONFIRMED", omit_defaults=True):
    """The places are the buyer's for good: sold. From here on there is a ticket for each.

    `taken_again` is true when the hold had expired and its places were still free; `promo` is what it uses
    again of its promo code.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    payment_id: UUID | None = None
    taken_again: bool = False
    promo: PromoUse | None = None
    ticket_types: TypesOfPlaces = ()


class BookingRenewed(msgspec.Struct, frozen=True, gc=False, tag="RENEWED", omit_defaults=True):
    """The buyer holds the same places for longer."""

    booking_id: UUID
    buyer_id: int
    expires_at: datetime


class BookingExchanged(msgspec.Struct, frozen=True, gc=False, tag="EXCHANGED", omit_defaults=True):
    """A pending booking gave some places back, took others, or both.

    `seat_ids`, `area_ids` and `amounts` are what it has from here on. Of the seats it freed,
    `blocked_seat_ids` go back to their block.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    freed_seat_ids: tuple[int, ...] = ()
    freed_area_ids: tuple[int, ...] = ()
    taken_seat_ids: tuple[int, ...] = ()
    taken_area_ids: tuple[int, ...] = ()
    blocked_seat_ids: tuple[int, ...] = ()
    levies: Levies | None = None
    ticket_types: TypesOfPlaces = ()

    @property
    def total(self) -> int:
        """What the booking costs from here on."""
        return total_of(self.amounts, self.levies)


class BookingExpired(msgspec.Struct, frozen=True, gc=False, tag="EXPIRED", omit_defaults=True):
    """The hold ran out; its places are free, or back in their block (`blocked_seat_ids`).

    `promo` is what it gives back of its promo code.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    blocked_seat_ids: tuple[int, ...] = ()
    promo: PromoUse | None = None
    ticket_types: TypesOfPlaces = ()


class BookingCancelled(msgspec.Struct, frozen=True, gc=False, tag="CANCELLED", omit_defaults=True):
    """The booking was given up; its places are free and its tickets, if there were any, are void.

    Its `blocked_seat_ids` go back to their block; `promo` is what it gives back of its promo code. `refunded`
    is what goes back of its money where that is not all, by its cancellation policy (`fees_kept`).
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    was_confirmed: bool = False
    blocked_seat_ids: tuple[int, ...] = ()
    promo: PromoUse | None = None
    ticket_types: TypesOfPlaces = ()
    refunded: int | None = None
    fees_kept: bool = False


class BookingReduced(msgspec.Struct, frozen=True, gc=False, tag="REDUCED", omit_defaults=True):
    """Some places of a sold booking were taken back: they are free, their tickets (`ticket_ids`) are void.

    `seat_ids`, `area_ids`, `amounts`, `levies` and `ticket_types` are what it has from here on. Of the seats
    it freed, `blocked_seat_ids` go back to their block; `promo` is what it gives back of its promo code, and
    `refund_id` the refund for what they cost.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    freed_seat_ids: tuple[int, ...] = ()
    freed_area_ids: tuple[int, ...] = ()
    ticket_ids: tuple[UUID, ...] = ()
    blocked_seat_ids: tuple[int, ...] = ()
    levies: Levies | None = None
    ticket_types: TypesOfPlaces = ()
    freed_ticket_types: TypesOfPlaces = ()
    promo: PromoUse | None = None
    refund_id: UUID | None = None

    @property
    def total(self) -> int:
        """What is left in the booking had cost."""
        return total_of(self.amounts, self.levies)


class PlacesBlocked(msgspec.Struct, frozen=True, gc=False, tag="BLOCKED", omit_defaults=True):
    """The house keeps these places, until `released_at` if that is set. Its channel may sell its seats.

    `areas` has pairs of an area and so many admissions.
    """

    block_id: UUID
    name: str
    kind: BlockKind
    seat_ids: tuple[int, ...] = ()
    areas: tuple[tuple[int, int], ...] = ()
    released_at: datetime | None = None
    channel_id: int | None = None

    @property
    def area_ids(self) -> tuple[int, ...]:
        """The areas it has admissions of."""
        return tuple([area_id for area_id, _ in self.areas])


class PlacesReleased(msgspec.Struct, frozen=True, gc=False, tag="RELEASED", omit_defaults=True):
    """The house gives these places of a block up. Its `taken_seat_ids` stay with those who have them."""

    block_id: UUID
    seat_ids: tuple[int, ...] = ()
    areas: tuple[tuple[int, int], ...] = ()
    taken_seat_ids: tuple[int, ...] = ()

    @property
    def area_ids(self) -> tuple[int, ...]:
        """The areas that get admissions back."""
        return tuple([area_id for area_id, _ in self.areas])


class PaymentReturned(msgspec.Struct, frozen=True, gc=False, tag="RETURNED", omit_defaults=True):
    """Money came for a booking that cannot have its places; it goes back in full."""

    booking_id: UUID
    payment_id: UUID
    reason: str


class SeatMapChanged(msgspec.Struct, frozen=True, gc=False, tag="SEAT_MAP_CHANGED", omit_defaults=True):
    """The event sells the seats of another map, in which every seat has the id it had in the one before.

    `seat_count` counts every id there ever was. The withdrawn seats are not there any more; the restored
    ones, withdrawn before, are there again. `areas` has pairs of an area and its capacity from here on. It
    is the last change of its row.
    """

    before_id: int
    seat_map_id: int
    seat_count: int
    withdrawn_seat_ids: tuple[int, ...] = ()
    restored_seat_ids: tuple[int, ...] = ()
    areas: tuple[tuple[int, int], ...] = ()

    @property
    def area_ids(self) -> tuple[int, ...]:
        """All areas of the map."""
        return tuple([area_id for area_id, _ in self.areas])


Change = (
    BookingHeld
    | BookingRenewed
    | BookingExchanged
    | BookingConfirmed
    | BookingExpired
    | BookingCancelled
    | BookingReduced
    | PaymentReturned
    | PlacesBlocked
    | PlacesReleased
    | SeatMapChanged
)

_decoder = msgspec.json.Decoder(tuple[Change, ...])


def encode_changes(changes: tuple[Change, ...]) -> str:
    """The journal's text for these changes; the same changes always give the same text."""
    return msgspec.json.encode(changes).decode()


def decode_changes(text: str) -> tuple[Change, ...]:
    """Read a journal row's `changes` back."""
    return _decoder.decode(text)
