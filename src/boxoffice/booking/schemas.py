"""Bookings as clients write and see them."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.accounts.audit.schemas import AuditEntry
from boxoffice.accounts.schemas import SessionSummary, User
from boxoffice.booking.queries import TicketRecord
from boxoffice.catalog.cancellation_policy import FeesOnCancelling
from boxoffice.catalog.channels.keys import CHANNEL_KEY_CHARACTERS_MAX
from boxoffice.catalog.prices.tariff import FeeMode, TaxMode
from boxoffice.catalog.team.schemas import ApiKey, Membership
from boxoffice.inventory.answers.schemas import AnswerList
from boxoffice.inventory.commands import Adjacent, BookingState
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line

# The largest group an online sale is for; a coach party talks to the box office.
PLACES_PER_BOOKING_MAX = 100

# A seat id is an index into the map, an area id too; both fit PostgreSQL's integer.
PLACE_ID_MAX = 2**31 - 1

# Ours have 40; there is room for blanks that were copied along.
PROMO_CODE_CHARACTERS_MAX = 100

PlaceId = Annotated[int, Meta(ge=0, le=PLACE_ID_MAX)]


WantedType = Annotated[Line, Meta(examples=["Child"])]


class WantedArea(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many admissions to one area, of one ticket type where it is sold by these."""

    area_id: PlaceId
    quantity: Annotated[int, Meta(ge=1, le=PLACES_PER_BOOKING_MAX)]
    ticket_type: WantedType | None = None


Seats = Annotated[list[PlaceId], Meta(max_length=PLACES_PER_BOOKING_MAX, examples=[[214, 215]])]
SeatTypes = Annotated[
    list[WantedType | None],
    Meta(
        max_length=PLACES_PER_BOOKING_MAX,
        description="One for each seat, null for the price of its category; empty: null for all.",
        examples=[[]],
    ),
]
Areas = Annotated[
    list[WantedArea],
    Meta(max_length=PLACES_PER_BOOKING_MAX, examples=[[{"area_id": 0, "quantity": 2}]]),
]


class WantedBest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many seats, chosen for you: side by side if there are any, as near to the middle as there are.

    `accessible` asks for the seats that are kept for people who need them, too.
    """

    quantity: Annotated[int, Meta(ge=1, le=PLACES_PER_BOOKING_MAX, examples=[2])]
    category: Annotated[Line, Meta(examples=["Kategorie I"])] | None = None
    zone: Annotated[Line, Meta(examples=["Block B"])] | None = None
    adjacent: Adjacent = Adjacent.REQUIRED
    accessible: bool = False


class NewHold(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the lean door knows of a `NewBooking`; whatever has more is for the framework."""

    event_id: Annotated[int, Meta(ge=1, le=EVENT_ID_MAX, examples=[1])]
    seat_ids: Seats = []
    seat_ticket_types: SeatTypes = []
    areas: Areas = []
    best_available: WantedBest | None = None
    accessible: bool = False
    channel_key: (
        Annotated[
            str,
            Meta(
                min_length=1,
                max_length=CHANNEL_KEY_CHARACTERS_MAX,
                examples=["bxc_q3Yv0Zc1uJ8mT2r5W7x9A4b6C8d0E1f2G3h4I5j6K7l"],
            ),
        ]
        | None
    ) = None
    promo_code: (
        Annotated[str, Meta(min_length=1, max_length=PROMO_CODE_CHARACTERS_MAX, examples=["EARLYBIRD"])]
        | None
    ) = None


class NewBooking(NewHold, frozen=True, forbid_unknown_fields=True):
    """The places to hold: seats by id or `best_available`, admissions to areas, or both; all or none.

    `accessible` says that the seats named are for people who need accessible ones, and their companions.
    `channel_key` is that of the sales channel you buy through, `promo_code` what you have to pay less.
    `seat_ticket_types` has one for each seat, in the order in which they are named or, chosen, answered.
    `answers` are to all that the event asks, or are left out and given before a payment starts.
    """

    answers: AnswerList = []


class SomePlaces(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Seats by id and admissions to areas; seats that are given back need no ticket types."""

    seat_ids: Seats = []
    seat_ticket_types: SeatTypes = []
    areas: Areas = []


class NewExchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The places to give back and those to take instead; either may be left out, not both."""

    give: SomePlaces | None = None
    take: SomePlaces | None = None
    accessible: bool = False


class Place(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """A seat (`seat_id`, zone, row, number) or one admission to an area (`area_id`, zone), with its price.

    `discount` is what a promo code takes off the price. `all_in_price` is what is left of it, with what it
    bears of fees and taxes added; both are left out where nothing is taken off or added.
    """

    category: str
    price: Money
    zone: str
    seat_id: int | None = None
    row: str | None = None
    number: str | None = None
    area_id: int | None = None
    discount: Money | None = None
    all_in_price: Money | None = None
    ticket_type: str | None = None


class DiscountView(msgspec.Struct, frozen=True):
    """What a promo code takes off a booking's prices."""

    code: str
    amount: Money


class FeeView(msgspec.Struct, frozen=True):
    """A fee that raises the total of a booking; those that the organizer bears are not shown."""

    name: str
    mode: FeeMode
    amount: Money


class TaxView(msgspec.Struct, frozen=True):
    """A tax of a booking. ADDED raises the total; INCLUDED is part of prices and fees."""

    name: str
    mode: TaxMode
    basis_points: int
    amount: Money


class BookingView(msgspec.Struct, frozen=True):
    """A booking. PENDING holds its places until `expires_at`; CONFIRMED has a ticket for each.

    `subtotal` is the sum of the prices; less the `discount`, with every fee and tax that is ADDED, it is the
    `total`.
    `explanation` says why these seats were chosen, in the answer to a `best_available` request;
    `channel_id` is the sales channel it was held through.
    """

    id: UUID
    event_id: int
    state: BookingState
    places: list[Place]
    subtotal: Money
    fees: list[FeeView]
    taxes: list[TaxView]
    total: Money
    created_at: datetime
    expires_at: datetime | None
    explanation: str | None = None
    channel_id: int | None = None
    discount: DiscountView | None = None


class CancellationTier(msgspec.Struct, frozen=True):
    """What comes back of what was paid, until a moment and not at it."""

    until: datetime
    refund_percent: int
    refund: Money


class BookingCancellation(msgspec.Struct, frozen=True):
    """Whether a booking can be cancelled by its buyer now, and what comes back then.

    `refund` is null where nothing was paid or it cannot be cancelled. `tiers` are those of the policy that
    held when the booking was made, each with what would come back of what it costs.
    """

    can_cancel: bool
    refund: Money | None
    fees: FeesOnCancelling | None
    tiers: list[CancellationTier]


class PaymentRecord(msgspec.Struct, frozen=True):
    """A payment for a booking."""

    id: UUID
    provider: str
    state: str
    amount: Money
    created_at: datetime


class BookingRecord(msgspec.Struct, frozen=True):
    """A booking with all that belongs to it."""

    booking: BookingView
    tickets: list[TicketRecord]
    payments: list[PaymentRecord]
    answers: Annotated[list[Any], Meta(description="What you answered to the organizer's questions.")]
    invoices: Annotated[list[Any], Meta(description="Invoices and credit notes, as they were issued.")]


class PersonalData(msgspec.Struct, frozen=True):
    """Everything about a person; of the bookings a page, newest first."""

    account: User
    sessions: list[SessionSummary]
    memberships: list[Membership]
    api_keys: list[ApiKey]
    changes: Annotated[
        list[AuditEntry], Meta(description="The newest 1,000 changes you made, as the audit log has them.")
    ]
    bookings: list[BookingRecord]
    next_cursor: str | None
