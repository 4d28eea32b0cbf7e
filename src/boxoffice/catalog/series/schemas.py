"""What goes in and out over HTTP: series of events."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.catalog.hiding import HiddenCategories
from boxoffice.catalog.prices.changes import PriceChanges, Prices
from boxoffice.catalog.prices.tariff import Fees, Tax
from boxoffice.catalog.prices.ticket_types import TicketTypes
from boxoffice.catalog.schemas import (
    HOLD_SECONDS,
    PLACES_PER_BUYER,
    AccessibleRelease,
    CurrencyCode,
    Description,
    EventSummary,
    HoldSeconds,
    OrphanRule,
    PlacesPerBuyer,
    RowId,
    SaleStart,
    TimeZoneName,
    Title,
)

# A show every night of a leap year. Each is an event of its own; all are made in one transaction.
SERIES_EVENTS_MAX = 366

# A festival's night; longer is several events.
MINUTES_MAX = 24 * 60

LocalMoment = Annotated[datetime, Meta(tz=False, examples=["2027-06-12T20:30:00"])]
Starts = Annotated[
    list[LocalMoment],
    Meta(
        min_length=1,
        max_length=SERIES_EVENTS_MAX,
        description="As the clock there shows it, in summer and in winter: without an offset.",
        examples=[["2027-06-12T20:30:00", "2027-06-13T20:30:00"]],
    ),
]


class NewSeries(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One show on many nights. Each is a draft of its own that can be changed, sold and cancelled alone.

    All sales begin at `sale_starts_at`, or when they are published; each ends when its event starts. What is
    one night's alone is set there: another end of its sale, its image, its blocks.
    """

    venue_id: RowId
    seat_map_id: RowId
    title: Title
    starts: Starts
    currency: CurrencyCode
    description: Description = ""
    minutes: Annotated[int, Meta(ge=1, le=MINUTES_MAX, examples=[150])] | None = None
    time_zone: TimeZoneName | None = None
    sale_starts_at: SaleStart | None = None
    places_per_buyer_max: PlacesPerBuyer = PLACES_PER_BUYER
    hold_seconds: HoldSeconds = HOLD_SECONDS
    orphan_rule: OrphanRule = OrphanRule.OFF
    accessible_released_at: AccessibleRelease | None = None
    prices: Prices = {}
    ticket_types: TicketTypes = []
    hidden_categories: HiddenCategories = []
    price_changes: PriceChanges = []
    fees: Fees = []
    tax: Tax | None = None


class SeriesChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change in every event of a series that is neither cancelled nor begun; the rest stays."""

    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    sale_starts_at: SaleStart | UnsetType | None = UNSET
    places_per_buyer_max: PlacesPerBuyer | UnsetType = UNSET
    hold_seconds: HoldSeconds | UnsetType = UNSET
    orphan_rule: OrphanRule | UnsetType = UNSET
    accessible_released_at: AccessibleRelease | UnsetType | None = UNSET
    prices: Prices | UnsetType = UNSET
    ticket_types: TicketTypes | UnsetType = UNSET
    hidden_categories: HiddenCategories | UnsetType = UNSET
    price_changes: PriceChanges | UnsetType = UNSET
    fees: Fees | UnsetType = UNSET
    tax: Tax | UnsetType | None = UNSET


class Series(msgspec.Struct, frozen=True):
    """One show on many nights: its events in the order in which they start."""

    id: int
    organizer_id: int
    title: str
    created_at: datetime
    events: list[EventSummary]


class SeriesSummary(msgspec.Struct, frozen=True):
    """A series as a list shows it: how many events it has, when the first of them starts and the last."""

    id: int
    organizer_id: int
    title: str
    created_at: datetime
    event_count: int
    first_starts_at: datetime
    last_starts_at: datetime


class Nights(msgspec.Struct, frozen=True):
    """The events of a series that were changed: those that were neither cancelled nor begun."""

    event_ids: list[int]


class SeriesChannel(Nights, frozen=True):
    """A sales channel that each of these events has got, and its one key, which is shown once."""

    name: str
    key: str
