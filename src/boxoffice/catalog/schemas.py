"""What goes in and out over HTTP: venues, seat map versions, events."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.catalog.cancellation_policy import CancellationPolicy
from boxoffice.catalog.hiding import HiddenCategories
from boxoffice.catalog.prices.changes import PriceChange, PriceChanges, Prices
from boxoffice.catalog.prices.tariff import Fee, Fees, Tax
from boxoffice.catalog.prices.ticket_types import TicketType, TicketTypes
from boxoffice.catalog.seat_maps.document import CategoryPlaces
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line, Prose

# An envelope has room for this many between the name and the city.
ADDRESS_LINES_MAX = 5

# More is a group booking that somebody should talk about; it also bounds what one request can hold.
PLACES_PER_BUYER_MAX = 100
PLACES_PER_BUYER = 10

# One second is for tests of what happens afterwards. Longer than an hour would let anybody keep seats
# off the market for nothing; the slowest payment we know of takes five minutes.
HOLD_SECONDS_MIN, HOLD_SECONDS_MAX = 1, 3600
HOLD_SECONDS = 600

# bigint's largest; an id beyond it belongs to nothing.
ROW_ID_MAX = 2**63 - 1

RowId = Annotated[int, Meta(ge=1, le=ROW_ID_MAX, examples=[1])]
EventId = Annotated[int, Meta(ge=1, le=EVENT_ID_MAX)]
Moment = Annotated[datetime, Meta(tz=True, examples=["2027-06-12T18:30:00Z"])]
EndMoment = Annotated[datetime, Meta(tz=True, examples=["2027-06-12T21:00:00Z"])]
SaleStart = Annotated[datetime, Meta(tz=True, examples=["2027-01-11T09:00:00Z"])]
SaleEnd = Annotated[datetime, Meta(tz=True, examples=["2027-06-12T17:00:00Z"])]
AccessibleRelease = Annotated[
    datetime,
    Meta(
        tz=True,
        description="Until then accessible seats are kept from general requests; null: never kept.",
        examples=["2027-06-01T09:00:00Z"],
    ),
]
Title = Annotated[Line, Meta(examples=["A midsummer night's dream"])]
Description = Annotated[Prose, Meta(examples=["A comedy by William Shakespeare, in the open air."])]
TimeZoneName = Annotated[Line, Meta(description="An IANA name.", examples=["Europe/Berlin"])]
CurrencyCode = Annotated[
    str, Meta(pattern="^[A-Z]{3}$", max_length=3, description="ISO 4217.", examples=["EUR"])
]
CountryCode = Annotated[
    str, Meta(pattern="^[A-Z]{2}$", max_length=2, description="ISO 3166-1 alpha-2.", examples=["DE"])
]
PlacesPerBuyer = Annotated[int, Meta(ge=1, le=PLACES_PER_BUYER_MAX, examples=[PLACES_PER_BUYER])]
HoldSeconds = Annotated[int, Meta(ge=HOLD_SECONDS_MIN, le=HOLD_SECONDS_MAX, examples=[HOLD_SECONDS])]


ChannelPrices = Annotated[Prices, Meta(examples=[{"Stalls": 3900}])]


class EventState(StrEnum):
    """DRAFT is seen by its organizer only; PUBLISHED is for sale; CANCELLED does not take place."""

    DRAFT = "DRAFT"
    PUBLISHED = "PUBLISHED"
    CANCELLED = "CANCELLED"


class OrphanRule(StrEnum):
    """What happens to a selection that would leave a single seat nobody can use with others.

    OFF: nothing. PREFER: best available avoids it if it can. ENFORCE: it is refused, unless there is
    no other way to seat that party.
    """

    OFF = "OFF"
    PREFER = "PREFER"
    ENFORCE = "ENFORCE"


class NewVenue(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place where events happen."""

    name: Annotated[Line, Meta(examples=["Riethsporthalle Erfurt"])]
    city: Annotated[Line, Meta(examples=["Erfurt"])]
    country: CountryCode
    time_zone: TimeZoneName
    address_lines: Annotated[
        list[Line],
        Meta(max_length=ADDRESS_LINES_MAX, examples=[["Essener Straße 20", "99089 Erfurt"]]),
    ] = []


class Venue(msgspec.Struct, frozen=True):
    """A place where events happen, and whose it is."""

    id: int
    organizer_id: int
    name: str
    address_lines: list[str]
    city: str
    country: str
    time_zone: str
    created_at: datetime


class SeatMapSummary(msgspec.Struct, frozen=True):
    """A version of a venue's seat map, without its seats. `place_count` is seats and admissions."""

    id: int
    venue_id: int
    version: int
    name: str
    seat_count: int
    place_count: int
    categories: list[CategoryPlaces]
    created_at: datetime


class NewEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A show to be sold. It starts as a draft that only its organizer sees.

    `prices` hold from the beginning, until one of the `price_changes` says otherwise. They name categories,
    and ticket types; a category without a price is sold by ticket type only.

    Without `sale_starts_at` the sale starts with publishing; without `sale_ends_at` it ends when the
    event starts.
    """

    venue_id: RowId
    seat_map_id: RowId
    title: Title
    starts_at: Moment
    currency: CurrencyCode
    description: Description = ""
    ends_at: EndMoment | None = None
    time_zone: TimeZoneName | None = None
    sale_starts_at: SaleStart | None = None
    sale_ends_at: SaleEnd | None = None
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


class EventChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; a member that is left out stays. `prices` replaces all prices at once,
    `ticket_types`, `hidden_categories`, `price_changes` and `fees` likewise. What is held already keeps the
    prices, fees and tax it was held with.

    Of a published event, `seat_map_id`, `currency`, `starts_at`, `ends_at` and `time_zone` stay as they
    are: people have bought these places, for this evening, with this money.
    """

    seat_map_id: RowId | UnsetType = UNSET
    title: Title | UnsetType = UNSET
    description: Description | UnsetType = UNSET
    currency: CurrencyCode | UnsetType = UNSET
    time_zone: TimeZoneName | UnsetType = UNSET
    starts_at: Moment | UnsetType = UNSET
    ends_at: EndMoment | UnsetType | None = UNSET
    sale_starts_at: SaleStart | UnsetType | None = UNSET
    sale_ends_at: SaleEnd | UnsetType | None = UNSET
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


class EventVenue(msgspec.Struct, frozen=True):
    """Where an event takes place."""

    id: int
    name: str
    city: str
    country: str


class ComingPrices(msgspec.Struct, frozen=True):
    """The next change of prices: from `starts_at` on a buyer pays this, fees and tax included."""

    starts_at: datetime
    all_in_prices: dict[str, Money]


class ImageSize(msgspec.Struct, frozen=True):
    """An image in one size: its pixels, and where it is, from the public address on."""

    width: int
    height: int
    webp_url: str
    jpeg_url: str


class EventImage(msgspec.Struct, frozen=True):
    """The image of an event. `url` is the largest of its `sizes`, which go from small to large, as JPEG."""

    url: str
    width: int
    height: int
    sizes: list[ImageSize]


class Event(msgspec.Struct, frozen=True):
    """A show. `revision` counts its changes; times are UTC, `time_zone` says where they are read.

    `all_in_prices` is what a buyer pays now for a category or ticket type, fees and tax included;
    `current_prices` is what they are made from. `prices` and `price_changes` are as the organizer wrote them:
    what the sale begins with, and what changes when. Only its organizer sees the fees that are ABSORBED, and
    `hidden_categories` with all that they cost.
    Who books now may cancel by the `cancellation_policy`; null: what is paid is final.
    """

    id: int
    organizer_id: int
    state: EventState
    title: str
    description: str
    venue: EventVenue
    seat_map_id: int
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    currency: str
    all_in_prices: dict[str, Money]
    current_prices: dict[str, Money]
    next_price_change: ComingPrices | None
    prices: dict[str, Money]
    ticket_types: list[TicketType]
    hidden_categories: list[str]
    price_changes: list[PriceChange]
    fees: list[Fee]
    tax: Tax | None
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
    image: EventImage | None
    cancellation_policy: CancellationPolicy | None


class EventSummary(msgspec.Struct, frozen=True):
    """A show as a list shows it. `lowest_price` is all-in, of now and of what is not hidden; null while there
    are no prices.
    """

    id: int
    organizer_id: int
    state: EventState
    title: str
    venue: EventVenue
    time_zone: str
    starts_at: datetime
    ends_at: datetime | None
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    lowest_price: Money | None
    series_id: int | None
    image: EventImage | None


class NewChannel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sales channel. Its window replaces the event's where it says something: a presale begins earlier.

    So do its prices, for the categories that it names, whatever the event's cost at the time.
    """

    name: Annotated[Line, Meta(examples=["Fan club"])]
    sale_starts_at: Annotated[Moment, Meta(examples=["2027-01-04T09:00:00Z"])] | None = None
    sale_ends_at: Annotated[Moment, Meta(examples=["2027-01-11T09:00:00Z"])] | None = None
    prices: ChannelPrices = {}


class ChannelChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; a member that is left out stays. `prices` replaces all prices of the channel.

    What is held already keeps the prices it was held with.
    """

    sale_starts_at: Annotated[Moment, Meta(examples=["2027-01-04T09:00:00Z"])] | UnsetType | None = UNSET
    sale_ends_at: Annotated[Moment, Meta(examples=["2027-01-11T09:00:00Z"])] | UnsetType | None = UNSET
    prices: ChannelPrices | UnsetType = UNSET


class Channel(msgspec.Struct, frozen=True):
    """A sales channel, without its key."""

    id: int
    name: str
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    prices: dict[str, int]
    created_at: datetime


class ChannelWithKey(Channel, frozen=True):
    """A sales channel with its key, which is shown once: whoever has it buys through the channel."""

    key: str
