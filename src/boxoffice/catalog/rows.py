"""What the catalog's queries return and take. JSON columns are text here."""

from datetime import datetime

import msgspec

from boxoffice.catalog.schemas import OrphanRule


class SeatMapRow(msgspec.Struct, frozen=True):
    """A version without its document; `categories` is JSON."""

    id: int
    venue_id: int
    version: int
    name: str
    seat_count: int
    place_count: int
    categories: str
    created_at: datetime


class NewSeatMapRow(msgspec.Struct, frozen=True):
    """A version to be stored; `categories` and `document` are JSON."""

    venue_id: int
    name: str
    seat_count: int
    place_count: int
    categories: str
    document: str
    document_gzip: bytes
    etag: str


class VenueWithMap(msgspec.Struct, frozen=True):
    """A venue and, if it is one of its own, a seat map's categories as JSON; `now` is the clock."""

    organizer_id: int
    time_zone: str
    categories: str | None
    now: datetime


class EventRow(msgspec.Struct, frozen=True):
    """An event with its venue; `prices` is a JSON object of category to amount.

    `ticket_types`, `hidden_categories`, `price_changes`, `fees`, `tax` and `cancellation_policy` are JSON.
    `now` is the clock: which prices hold depends on it.
    """

    id: int
    organizer_id: int
    state: str
    title: str
    description: str
    venue_id: int
    venue_name: str
    venue_city: str
    venue_country: str
    seat_map_id: int
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    currency: str
    prices: str
    ticket_types: str
    hidden_categories: str
    price_changes: str
    fees: str
    tax: str | None
    now: datetime
    places_per_buyer_max: int
    hold_seconds: int
    orphan_rule: OrphanRule
    accessible_released_at: datetime | None
    series_id: int | None
    revision: int
    created_at: datetime
    published_at: datetime | None
    cancelled_at: datetime | None
    archived_at: datetime | None
    image: str | None
    cancellation_policy: str | None


class EventSummaryRow(msgspec.Struct, frozen=True):
    """An event as a list shows it."""

    id: int
    organizer_id: int
    state: str
    title: str
    venue_id: int
    venue_name: str
    venue_city: str
    venue_country: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    currency: str
    prices: str
    ticket_types: str
    hidden_categories: str
    price_changes: str
    fees: str
    tax: str | None
    now: datetime
    series_id: int | None
    image: str | None


class EventColumns(msgspec.Struct, frozen=True):
    """The columns of an event that its organizer writes."""

    seat_map_id: int
    title: str
    description: str
    currency: str
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    places_per_buyer_max: int
    hold_seconds: int
    orphan_rule: OrphanRule
    accessible_released_at: datetime | None


class LockedEvent(msgspec.Struct, frozen=True):
    """Whose it is and what may be done to it; `now` is the clock of this transaction."""

    organizer_id: int
    state: str
    is_archived: bool
    now: datetime


class EventFilter(msgspec.Struct, frozen=True):
    """What a list of events is narrowed to; None does not narrow. `pattern` is for ILIKE."""

    pattern: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    city: str | None = None
    venue_id: int | None = None
    organizer_id: int | None = None
    series_id: int | None = None
    archived: bool = False


class SeatMapAccess(msgspec.Struct, frozen=True):
    """The seat map of an event and what decides who may see it."""

    seat_map_id: int
    organizer_id: int
    state: str
    etag: str


class SaleTermsRow(msgspec.Struct, frozen=True):
    """The columns of `SaleTerms`; the prices, types, hidden categories, channels, fees and tax are JSON."""

    id: int
    revision: int
    state: str
    title: str
    currency: str
    starts_at: datetime
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    places_per_buyer_max: int
    hold_seconds: int
    orphan_rule: OrphanRule
    accessible_released_at: datetime | None
    seat_map_id: int
    prices: str
    ticket_types: str
    hidden_categories: str
    price_changes: str
    channels: str
    fees: str
    tax: str | None
