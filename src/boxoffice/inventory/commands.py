"""What can be asked of an inventory, and what the answer can be besides a refusal."""

from datetime import datetime
from enum import StrEnum
from typing import TypeGuard, get_args
from uuid import UUID

import msgspec

from boxoffice.catalog.cancellation_policy import Deadline
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces
from boxoffice.inventory.answers.schemas import GivenAnswers
from boxoffice.inventory.changes import BlockKind, SeatMapChanged
from boxoffice.inventory.parting import Part
from boxoffice.kit.actor import Actor


class BookingState(StrEnum):
    """PENDING holds its places until `expires_at`; only CONFIRMED has tickets."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    EXPIRED = "EXPIRED"
    CANCELLED = "CANCELLED"


class Booking(msgspec.Struct, frozen=True, gc=False):
    """A booking as its row has it. `amounts` prices each place: the seats first, then the areas.

    Amounts are in minor units of `currency`; `area_ids` has one entry an admission. `levies` is the JSON of
    its fees and taxes, see `catalog.pricing`, and `ticket_types` that of the ticket type of each place; None
    where there are none.
    """

    event_id: int
    id: UUID
    buyer_id: int
    state: BookingState
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int
    currency: str
    created_at: datetime
    expires_at: datetime | None
    settled_payments: tuple[UUID, ...] = ()
    channel_id: int | None = None
    levies: str | None = None
    ticket_types: str | None = None


class Adjacent(StrEnum):
    """REQUIRED: in one row, or in two rows one behind the other. PREFERRED: rather apart than not at all."""

    REQUIRED = "REQUIRED"
    PREFERRED = "PREFERRED"


class BestAvailable(msgspec.Struct, frozen=True, gc=False):
    """What a party wants: how many seats, and where it would like to sit.

    `accessible` asks for the seats that are kept for people who need them, too.
    """

    quantity: int
    category: str | None = None
    zone: str | None = None
    adjacent: Adjacent = Adjacent.REQUIRED
    accessible: bool = False


class Hold(msgspec.Struct, frozen=True, gc=False):
    """Hold these places for this buyer: every one or none. Answer: `Held`.

    With `best`, the seats are chosen under the lock. `channel_key_hash` is that of the key of the sales
    channel it comes through, `promo_code_hash` that of the promo code the buyer has typed in. `ticket_types`
    has one for each place, the seats first, or is empty. `answers` are written along and are in no journal.
    """

    booking_id: UUID
    buyer_id: int
    seat_ids: tuple[int, ...] = ()
    area_ids: tuple[int, ...] = ()
    best: BestAvailable | None = None
    accessible: bool = False
    channel_key_hash: str | None = None
    promo_code_hash: str | None = None
    ticket_types: TypesOfPlaces = ()
    answers: GivenAnswers | None = None


class Held(msgspec.Struct, frozen=True, gc=False):
    """The new booking, and, where seats were chosen for the buyer, why these."""

    booking: Booking
    explanation: str | None = None


class Renew(msgspec.Struct, frozen=True, gc=False):
    """Hold the places of a pending booking for longer. Answer: the `Booking`."""

    booking_id: UUID
    buyer_id: int


class Exchange(msgspec.Struct, frozen=True, gc=False):
    """Give some places of a pending booking back and take others: all of it or nothing.

    `area_ids` has one entry an admission; `take_ticket_types` has one for each place that is taken, and
    `give_ticket_types` one for each admission given back, or they are empty. Answer: the `Booking`.
    """

    booking_id: UUID
    buyer_id: int
    give_seat_ids: tuple[int, ...] = ()
    give_area_ids: tuple[int, ...] = ()
    take_seat_ids: tuple[int, ...] = ()
    take_area_ids: tuple[int, ...] = ()
    accessible: bool = False
    give_ticket_types: TypesOfPlaces = ()
    take_ticket_types: TypesOfPlaces = ()


class Payment(msgspec.Struct, frozen=True, gc=False):
    """Money that a provider has, in minor units, and which of its reports says so.

    Without `captured` it is authorised: the provider takes it when we ask, once the places are sold. What is
    not `as_asked` is more or less than the payment was for, or of another currency.
    """

    payment_id: UUID
    amount: int
    currency: str
    provider: str
    provider_event_id: str
    captured: bool = True
    as_asked: bool = True


class Confirm(msgspec.Struct, frozen=True, gc=False):
    """The money is here: make the places the buyer's, or give it back. Answer: `PaymentOutcome`."""

    booking_id: UUID
    payment: Payment


class Withdraw(msgspec.Struct, frozen=True, gc=False):
    """What was authorised for this booking can never be captured: take its places back.

    Answer: the `Booking`, also when it is over for another reason.
    """

    booking_id: UUID
    payment_id: UUID


class Block(msgspec.Struct, frozen=True, gc=False):
    """Keep these places for the house: every one or none.

    `areas` has pairs of an area and so many admissions. Answer: `BlockedPlaces`.
    """

    block_id: UUID
    name: str
    kind: BlockKind
    seat_ids: tuple[int, ...] = ()
    areas: tuple[tuple[int, int], ...] = ()
    released_at: datetime | None = None
    channel_id: int | None = None


class ChangeBlock(msgspec.Struct, frozen=True, gc=False):
    """Give a block another name, release time and channel. Answer: `BlockedPlaces`."""

    block_id: UUID
    name: str
    released_at: datetime | None
    channel_id: int | None


class Release(msgspec.Struct, frozen=True, gc=False):
    """Give places of a block up, all of them when none is named. Answer: what is left, `BlockedPlaces`."""

    block_id: UUID
    seat_ids: tuple[int, ...] = ()
    areas: tuple[tuple[int, int], ...] = ()


class BlockedPlaces(msgspec.Struct, frozen=True, gc=False):
    """A block as it stands. Of its seats, its channel may have sold some.

    Nothing is left in it once all its places are released.
    """

    id: UUID
    name: str
    kind: BlockKind
    seat_ids: tuple[int, ...]
    areas: tuple[tuple[int, int], ...]
    released_at: datetime | None
    channel_id: int | None


class Expire(msgspec.Struct, frozen=True):
    """Tidy up what is over. Every batch does that first, so this is a batch and nothing else."""


class TakeBack(msgspec.Struct, frozen=True, gc=False):
    """The organizer gives back what was paid for this booking, and has its places again.

    `reason` is for whoever reads the refund, `actor` for the audit log. Answer: the `Booking`.
    """

    booking_id: UUID
    reason: str
    actor: Actor | None = None


class TicketOf(msgspec.Struct, frozen=True, gc=False):
    """A valid ticket of a booking; `number` is that of its place in the booking as it was sold."""

    id: UUID
    number: int
    is_admitted: bool


class PaidWith(msgspec.Struct, frozen=True, gc=False):
    """The payment that has bought a booking, and what is left of it; nothing while it is only authorised."""

    payment_id: UUID
    left: int


class Known(msgspec.Struct, frozen=True, gc=False):
    """What a command was told before it is decided, see `premises`: valid tickets in order, and the money."""

    tickets: tuple[TicketOf, ...] = ()
    payment: PaidWith | None = None


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Give the booking up: a hold, or a free one that has tickets. Answer: the `Booking`, however often."""

    booking_id: UUID
    buyer_id: int
    known: Known | None = None


class TakeBackPlaces(msgspec.Struct, frozen=True, gc=False):
    """The organizer gives back what was paid for these places of a booking, and has them again.

    Places are named by seat, by area (one entry an admission, each with its ticket type where there are any)
    or by ticket. `admitted_too` takes those back as well whose holders were let in. Answer: `TakenBack`.
    """

    booking_id: UUID
    refund_id: UUID
    reason: str
    seat_ids: tuple[int, ...] = ()
    area_ids: tuple[int, ...] = ()
    area_ticket_types: TypesOfPlaces = ()
    ticket_ids: tuple[UUID, ...] = ()
    admitted_too: bool = False
    actor: Actor | None = None
    known: Known | None = None


class TakenBack(msgspec.Struct, frozen=True, gc=False):
    """Under which refund money goes back: `amount` for `part`, or, without one, all that is left.

    `indexes` are where the part's places were in the booking.
    """

    booking_id: UUID
    refund_id: UUID
    payment_id: UUID | None = None
    amount: int = 0
    currency: str = ""
    part: Part | None = None
    indexes: tuple[int, ...] = ()


class GiveUp(msgspec.Struct, frozen=True, gc=False):
    """The buyer gives up a paid booking, by the policy that it was made under. Answer: `GivenUp`.

    With `fees_kept` less comes back than the percentage of all that was paid: see `give_up_rules`.
    """

    booking_id: UUID
    buyer_id: int
    deadlines: tuple[Deadline, ...]
    fees_kept: bool
    known: Known | None = None


class GivenUp(msgspec.Struct, frozen=True, gc=False):
    """The booking, cancelled, and what goes back of its payment: all that is left, or an `amount`.

    Without `payment_id` nothing does. `fees` are a part of it, `worth` is what the places cost.
    """

    booking: Booking
    payment_id: UUID | None = None
    amount: int = 0
    fees: int = 0
    worth: int = 0
    is_whole: bool = False


class ChangeSeatMap(msgspec.Struct, frozen=True, gc=False):
    """Sell the seats of another map from now on, unless somebody has a place that it takes away.

    Answer: the `SeatMapChanged` that is written. It was worked out at this `revision` of the event, whose
    new categories have these `prices`. It ends its batch: whoever comes after it is decided over the new map.
    """

    change: SeatMapChanged
    revision: int
    prices: dict[str, int]


class CallOff(msgspec.Struct, frozen=True, gc=False):
    """Cancel these bookings of a cancelled event, paid or not, and end its blocks. Answer: `CalledOff`."""

    booking_ids: tuple[UUID, ...]


class CalledOff(msgspec.Struct, frozen=True, gc=False):
    """How many bookings were cancelled, which of them were confirmed, and how many places are still had."""

    count: int
    confirmed_ids: tuple[UUID, ...]
    places_left: int


Command = (
    Hold
    | Renew
    | Exchange
    | Cancel
    | Confirm
    | Withdraw
    | Block
    | ChangeBlock
    | Release
    | Expire
    | CallOff
    | TakeBack
    | TakeBackPlaces
    | GiveUp
    | ChangeSeatMap
)

# What may begin an event's sale; what names a booking could not, there is none.
OPENING = (Hold, Block, Expire, CallOff, ChangeSeatMap)

# Money that came, places that are given up, and what the house does once: those who hold seats must not
# compete with those who would like some, so these are let in beyond the line of the others.
PATIENT = (
    Confirm, Cancel, Withdraw, Release, Expire, CallOff, TakeBack, TakeBackPlaces, GiveUp, ChangeSeatMap
)  # fmt: skip


# What names a booking, whose row is read under the lock.
Naming = Renew | Exchange | Cancel | Confirm | Withdraw | TakeBack | TakeBackPlaces | GiveUp

# What may have to be told of tickets and money.
Asking = TakeBackPlaces | GiveUp | Cancel

# What may owe money back.
OWING = frozenset([CallOff, TakeBack, TakeBackPlaces, GiveUp])

_NAMING, _ASKING = frozenset(get_args(Naming)), frozenset(get_args(Asking))


def names_booking(command: Command) -> TypeGuard[Naming]:
    """Whether it is about a booking; asked of each command, and `isinstance` took ten times as long."""
    return type(command) in _NAMING


def asks(command: Command) -> TypeGuard[Asking]:
    """Whether it may have to be told of tickets and money, likewise."""
    return type(command) in _ASKING


class PaymentOutcome(StrEnum):
    """What became of a captured payment. ALREADY_SETTLED: this very payment was dealt with before."""

    CONFIRMED = "CONFIRMED"
    RETURNED = "RETURNED"
    ALREADY_SETTLED = "ALREADY_SETTLED"


Outcome = (
    Held | Booking | PaymentOutcome | BlockedPlaces | CalledOff | TakenBack | GivenUp | SeatMapChanged | None
)
