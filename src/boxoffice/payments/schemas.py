"""Payments as clients see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.catalog.seat_maps.document import AREAS_MAX, SEATS_MAX
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line

# As many places as a booking can have.
PLACES_BACK_MAX = 100

# The largest integer that every JSON reader keeps exact.
REFUND_AMOUNT_MAX = 2**53 - 1


class PaymentState(StrEnum):
    """PENDING waits for the buyer. CAPTURE_DUE and CAPTURED have become tickets.

    The others end in no payment at all; a DECLINED one may be tried again.
    """

    PENDING = "PENDING"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"
    CAPTURE_DUE = "CAPTURE_DUE"
    CAPTURED = "CAPTURED"
    REFUND_DUE = "REFUND_DUE"
    REFUNDED = "REFUNDED"


class NewPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which provider to pay with; without one, the house's first."""

    provider: Annotated[str, Meta(pattern="^[a-z]{1,20}$", examples=["sandbox"])] | None = None


class PaymentView(msgspec.Struct, frozen=True):
    """A payment. The booking is confirmed when the provider says so.

    Send the buyer to `checkout_url`, or hand `client_secret` to the provider's library in your page.
    The secret is in the answer to starting a payment only.
    """

    id: UUID
    booking_id: UUID
    provider: str
    state: PaymentState
    amount: Money
    checkout_url: str | None
    created_at: datetime
    client_secret: str | None = None


class Progress(msgspec.Struct, frozen=True):
    """How many there are, and how many of them are done."""

    total: int
    done: int


class RefundProgress(Progress, frozen=True):
    """`failed` of those that are not done were tried in vain so far, or for good (FAILED)."""

    failed: int


class Cancellation(msgspec.Struct, frozen=True):
    """How far a cancellation has come. At `finished_at` the last booking was cancelled.

    Refunds are all those of the event, also for money that comes after it was cancelled.
    """

    cancelled_at: datetime
    finished_at: datetime | None
    bookings: Progress
    refunds: RefundProgress


class RefundState(StrEnum):
    """DUE: it is owed. DONE: the provider has been told, or somebody has given it back otherwise.

    FAILED: the provider cannot give it back, as `failure` says: it has to be given otherwise, or tried again.
    """

    DUE = "DUE"
    DONE = "DONE"
    FAILED = "FAILED"


class RefundFailure(StrEnum):
    """Why money could not be given back. CARD_GONE: the card is lost, closed or has expired.

    DECLINED: the buyer's bank did not take it. DISPUTED: a bank is deciding about this payment. PROVIDER: the
    payment provider could not do it, or would not.
    """

    CARD_GONE = "CARD_GONE"
    DECLINED = "DECLINED"
    DISPUTED = "DISPUTED"
    PROVIDER = "PROVIDER"


class AdmissionsBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many admissions to one area, of one ticket type where they were sold by these."""

    area_id: Annotated[int, Meta(ge=0, lt=AREAS_MAX)]
    quantity: Annotated[int, Meta(ge=1, le=PLACES_BACK_MAX)]
    ticket_type: Annotated[Line, Meta(examples=["Child"])] | None = None


class PlacesBack(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Single places of a booking: by seat, by area or by ticket. What is named twice is meant once.

    Of an area those admissions go first that nobody was let in with. `admitted_too` gives places back as well
    whose holders were let in.
    """

    seat_ids: Annotated[
        list[Annotated[int, Meta(ge=0, lt=SEATS_MAX)]],
        Meta(max_length=PLACES_BACK_MAX, examples=[[214]]),
    ] = []
    areas: Annotated[
        list[AdmissionsBack],
        Meta(max_length=PLACES_BACK_MAX, examples=[[{"area_id": 0, "quantity": 1}]]),
    ] = []
    ticket_ids: Annotated[
        list[UUID],
        Meta(max_length=PLACES_BACK_MAX, examples=[["019cf2a1-3c5e-7d40-8a6b-5f0e9d1c2b3a"]]),
    ] = []
    admitted_too: bool = False


class NewRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to give back: an amount, or single places with what they cost; without either, everything."""

    amount: (
        Annotated[int, Meta(ge=1, le=REFUND_AMOUNT_MAX, description="Minor units.", examples=[1250])] | None
    ) = None
    places: PlacesBack | None = None
    reason: Annotated[
        Line, Meta(description="For the buyer to read.", examples=["The seat had no view."])
    ] = "The organizer gave it back."


class RefundView(msgspec.Struct, frozen=True):
    """A refund of a booking; `seat_ids` and `area_ids` name its places where it was for single ones.

    `failure` is why its last attempt failed; `failure_words` is what the provider said of it, which only the
    event's team and admins see.
    """

    id: UUID
    booking_id: UUID
    amount: Money
    state: RefundState
    reason: str
    created_at: datetime
    done_at: datetime | None
    seat_ids: list[int] = []
    area_ids: list[int] = []
    failure: RefundFailure | None = None
    failure_words: str | None = None
