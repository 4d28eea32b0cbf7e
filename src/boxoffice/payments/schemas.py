"""Payments as clients see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.kit.money import Money
from boxoffice.kit.text import Line

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
    """`failed` of those that are not done were tried in vain; they are tried again until they are done."""

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
    """DUE: it is owed. DONE: the provider has been told."""

    DUE = "DUE"
    DONE = "DONE"


class NewRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much to give back, in minor units of the booking's currency; without it, all, with the places."""

    amount: (
        Annotated[int, Meta(ge=1, le=REFUND_AMOUNT_MAX, description="Minor units.", examples=[1250])] | None
    ) = None
    reason: Annotated[
        Line, Meta(description="For the buyer to read.", examples=["The seat had no view."])
    ] = "The organizer gave it back."


class RefundView(msgspec.Struct, frozen=True):
    """A refund of a booking."""

    id: UUID
    booking_id: UUID
    amount: Money
    state: RefundState
    reason: str
    created_at: datetime
    done_at: datetime | None


class RefundList(msgspec.Struct, frozen=True):
    """The refunds of a booking; there are few."""

    items: list[RefundView]
