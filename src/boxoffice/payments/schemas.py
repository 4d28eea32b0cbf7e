"""Payments as clients see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.kit.money import Money


class PaymentState(StrEnum):
    """PENDING waits for the buyer; CAPTURED became tickets; the others end in no payment at all."""

    PENDING = "PENDING"
    DECLINED = "DECLINED"
    CAPTURED = "CAPTURED"
    REFUND_DUE = "REFUND_DUE"
    REFUNDED = "REFUNDED"


class NewPayment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which provider to pay with; without one, the house's first."""

    provider: Annotated[str, Meta(pattern="^[a-z]{1,20}$", examples=["sandbox"])] | None = None


class PaymentView(msgspec.Struct, frozen=True):
    """A payment. Send the buyer to `checkout_url`; the booking is confirmed when the provider says so."""

    id: UUID
    booking_id: UUID
    provider: str
    state: PaymentState
    amount: Money
    checkout_url: str
    created_at: datetime
