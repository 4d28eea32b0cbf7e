"""Invoices and sellers as clients write and see them."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.booking.schemas import DiscountView, FeeView, Place
from boxoffice.catalog.prices.tariff import TaxMode
from boxoffice.catalog.schemas import ADDRESS_LINES_MAX, CountryCode
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line


class Kind(StrEnum):
    """INVOICE: the places were sold. CREDIT_NOTE: money went back, for places or without them."""

    INVOICE = "INVOICE"
    CREDIT_NOTE = "CREDIT_NOTE"


class Seller(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who sells, as an invoice must say: name, address, and the number the tax office knows them by."""

    name: Annotated[Line, Meta(examples=["Riethsporthalle Betriebs GmbH"])]
    address_lines: Annotated[
        list[Line],
        Meta(min_length=1, max_length=ADDRESS_LINES_MAX, examples=[["Essener Straße 20", "99089 Erfurt"]]),
    ]
    country: CountryCode
    tax_id: Annotated[Line, Meta(examples=["DE123456789"])] | None = None


class InvoiceSeller(msgspec.Struct, frozen=True):
    """The seller when the invoice was written; without an address if there was none yet."""

    name: str
    address_lines: list[str]
    country: str | None
    tax_id: str | None


class InvoiceBuyer(msgspec.Struct, frozen=True):
    """The buyer when the invoice was written. Books must keep the name, so it outlives the account."""

    name: str


class InvoiceEvent(msgspec.Struct, frozen=True):
    """What the places are for, as it was called when the invoice was written."""

    id: int
    title: str
    starts_at: datetime
    time_zone: str
    venue: str


class TaxLine(msgspec.Struct, frozen=True):
    """A tax, and the net amount that bears it. ADDED raises the total; INCLUDED is part of the prices."""

    name: str
    mode: TaxMode
    basis_points: int
    net: Money
    amount: Money


class Document(msgspec.Struct, frozen=True):
    """An invoice or a credit note, as it was issued for ever; its `number` has no gap before it.

    The `subtotal` is the sum of the prices; less the `discount`, with fees and taxes that are ADDED, it is
    the `total`: paid, or, of a credit note, given back. `corrects` is the invoice that a credit note takes
    back, as a whole or in part; one for an amount or a share has no places, and says in `reason` what it is
    for. `sold_at` is when the places were sold.
    """

    kind: Kind
    number: int
    label: str
    issued_at: datetime
    sold_at: datetime
    corrects: str | None
    seller: InvoiceSeller
    buyer: InvoiceBuyer
    event: InvoiceEvent
    booking_id: UUID
    places: list[Place]
    subtotal: Money
    discount: DiscountView | None
    fees: list[FeeView]
    taxes: list[TaxLine]
    total: Money
    reason: str | None = None


class Documents(msgspec.Struct, frozen=True):
    """The documents of a booking; there are few."""

    items: list[Document]
