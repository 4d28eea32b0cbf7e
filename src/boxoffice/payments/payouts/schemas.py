"""Payouts as clients write and see them."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.catalog.schemas import CurrencyCode
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line

# The largest integer that every JSON reader keeps exact.
PAYOUT_AMOUNT_MAX = 2**53 - 1

# bigint's largest; an id beyond it belongs to nobody.
ORGANIZER_ID_MAX = 2**63 - 1


class NewPayout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the house has paid to an organizer from its own bank account."""

    organizer_id: Annotated[int, Meta(ge=1, le=ORGANIZER_ID_MAX, examples=[7])]
    currency: CurrencyCode
    amount: Annotated[int, Meta(ge=1, le=PAYOUT_AMOUNT_MAX, description="Minor units.", examples=[125000])]
    paid_on: Annotated[date, Meta(description="The day of the transfer.", examples=["2026-03-02"])]
    reference: Annotated[
        Line, Meta(description="What the transfer says, for the organizer to find it by.", examples=["PO-17"])
    ]


class NewReturn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """That all of a payout has come back from the bank."""

    returned_on: Annotated[date, Meta(description="The day it was back.", examples=["2026-03-05"])]
    reason: Annotated[
        Line, Meta(description="For the organizer to read.", examples=["The account is closed."])
    ]


class PayoutView(msgspec.Struct, frozen=True):
    """What the house has paid to an organizer; with `returned_on` it has come back, and is due again."""

    id: UUID
    organizer_id: int
    amount: Money
    paid_on: date
    reference: str
    noted_at: datetime
    returned_on: date | None
    return_reason: str | None
