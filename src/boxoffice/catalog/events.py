"""Events: make, see, list."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import policy_queries, queries
from boxoffice.catalog.cancellation_policy import CancellationPolicy, decode_policy
from boxoffice.catalog.channels import queries as channel_queries
from boxoffice.catalog.channels.keys import WrongChannelKey, hash_key
from boxoffice.catalog.event_rules import faults_of_event, faults_of_start
from boxoffice.catalog.hiding import faults_of_hidden
from boxoffice.catalog.images.naming import shown_image
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.prices import queries as price_queries
from boxoffice.catalog.prices.changes import (
    encode_price_changes,
    faults_of_price_changes,
    faults_of_prices,
    faults_of_steps,
)
from boxoffice.catalog.prices.tariff import FeeMode, faults_of_fees, faults_of_tax
from boxoffice.catalog.prices.ticket_types import faults_of_ticket_types, names_of_prices
from boxoffice.catalog.prices.views import Priced, money_of
from boxoffice.catalog.rows import EventColumns, EventFilter, EventRow, EventSummaryRow, VenueWithMap
from boxoffice.catalog.schemas import (
    Event,
    EventChange,
    EventId,
    EventState,
    EventSummary,
    EventVenue,
    NewEvent,
)
from boxoffice.catalog.seat_maps.document import CategoryPlaces
from boxoffice.catalog.seat_maps.versions import decode_categories
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, invalid
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.paging import Page, UnknownCursor, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction

_Position = tuple[Annotated[datetime, Meta(tz=True)], EventId]


async def create_event(db: Database, user: Identity, event: NewEvent, once: Once | None = None) -> Event:
    """Make a draft at a venue of the user's. Raises `InvalidInput`."""
    async with db.transaction() as tx:
        return await do_once(tx, once, Event, lambda: insert_event(tx, user, event))


async def insert_event(tx: Transaction, user: Identity, event: NewEvent) -> Event:
    """Make a draft, in a transaction of the caller's. Raises `InvalidInput`."""
    place = await get_place(tx, user, event.venue_id, event.seat_map_id)
    columns = check_event(event, place, categories_at(place))
    (event_id,) = await insert_drafts(tx, user, event, [columns])
    return await get_any_event(tx, event_id)


async def get_place(tx: Transaction, user: Identity, venue_id: int, seat_map_id: int) -> VenueWithMap:
    """The user's venue. Raises `InvalidInput`."""
    place = await queries.find_venue_with_map(tx, venue_id, seat_map_id)
    if place is None or not may_change(user, place.organizer_id):
        raise invalid("/venue_id", "You have no such venue.")
    return place


def categories_at(place: VenueWithMap) -> list[CategoryPlaces]:
    """Those of the seat map, if it is one of the venue's. Raises `InvalidInput`."""
    if place.categories is None:
        raise invalid("/seat_map_id", "The venue has no such seat map.")
    return decode_categories(place.categories)


def check_event(event: NewEvent, place: VenueWithMap, categories: Sequence[CategoryPlaces]) -> EventColumns:
    """What a draft's row will have. Raises `InvalidInput`."""
    columns = _columns_of(event, place.time_zone)
    names = names_of_prices(categories, event.ticket_types)
    faults = [
        *faults_of_event(columns),
        *faults_of_start(columns.starts_at, place.now),
        *faults_of_ticket_types(event.ticket_types, categories),
        *faults_of_hidden(event.hidden_categories, categories),
        *faults_of_prices(event.prices, names),
        *faults_of_price_changes(event.price_changes, names),
        *faults_of_fees(event.fees),
        *faults_of_steps(columns.currency, event.prices, event.price_changes, event.fees),
        *faults_of_tax(event.tax, names),
    ]
    if faults:
        raise InvalidInput(errors=faults)
    return columns


async def insert_drafts(
    tx: Transaction, user: Identity, event: NewEvent, columns: Sequence[EventColumns]
) -> list[int]:
    """Make a draft of each, all with the prices and the tariff of this one; their ids, in this order."""
    event_ids = await queries.insert_events(tx, user.user_id, columns)
    await price_queries.insert_prices(tx, event_ids, event.prices)
    if any((event.fees, event.tax, event.price_changes, event.ticket_types, event.hidden_categories)):
        await update_tariff(tx, event_ids, event)
    return event_ids


async def get_event(
    source: Source, viewer: Identity | None, event_id: int, channel_key: str | None = None
) -> Event:
    """An event; a draft, fees that are absorbed and what is hidden only for those who may change it.

    With a channel's key, as it is sold there. Raises `NotFound`, `WrongChannelKey`.
    """
    row = await queries.find_event(source, event_id)
    is_own = viewer is not None and row is not None and may_change(viewer, row.organizer_id)
    if row is None or (row.state == EventState.DRAFT and not is_own):
        raise NotFound
    own_prices = None
    if channel_key is not None:
        key_hash = bytes.fromhex(hash_key(channel_key))
        channel = await channel_queries.find_channel_by_key(source, event_id, key_hash)
        if channel is None:
            raise WrongChannelKey
        own_prices = msgspec.json.decode(channel.prices, type=dict[str, int])
        row = msgspec.structs.replace(
            row,
            sale_starts_at=channel.sale_starts_at or row.sale_starts_at,
            sale_ends_at=channel.sale_ends_at or row.sale_ends_at,
        )
    event = event_of(row, for_public=not is_own, own_prices=own_prices)
    if is_own:
        return event
    shown = [fee for fee in event.fees if fee.mode is FeeMode.ADDED]
    return msgspec.structs.replace(event, fees=shown)


async def get_any_event(source: Source, event_id: int) -> Event:
    """An event in any state, whoever asks. Raises `NotFound`."""
    row = await queries.find_event(source, event_id)
    if row is None:
        raise NotFound
    return event_of(row)


async def update_tariff(tx: Transaction, event_ids: Sequence[int], given: NewEvent | EventChange) -> None:
    """Write ticket types, hidden categories, changes of prices, fees and tax, each if it is given.

    The events' locks must be held, unless they are new.
    """
    if given.ticket_types is not UNSET:
        await price_queries.update_ticket_types(tx, event_ids, _json(given.ticket_types))
    if given.hidden_categories is not UNSET:
        await price_queries.update_hidden_categories(tx, event_ids, _json(given.hidden_categories))
    if given.price_changes is not UNSET:
        await price_queries.update_price_changes(tx, event_ids, encode_price_changes(given.price_changes))
    if given.fees is not UNSET:
        await price_queries.update_fees(tx, event_ids, _json(given.fees))
    if given.tax is not UNSET:
        await price_queries.update_tax(tx, event_ids, None if given.tax is None else _json(given.tax))


async def keep_policy(tx: Transaction, since: Mapping[int, datetime], policy: CancellationPolicy) -> None:
    """Have this policy for bookings of each event from a moment on; their locks must be held, unless new."""
    await policy_queries.insert_policies(tx, list(since), list(since.values()), _json(policy))


async def list_events(
    source: Source, filters: EventFilter, *, own: bool, cursor: str | None, limit: int
) -> Page[EventSummary]:
    """Published events by start; with `own`, all events of the filter's organizer, drafts too.

    Raises `InvalidInput`, `UnknownCursor`.
    """
    faults = [
        FieldError(parameter=name, detail=f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
        for name, moment in (("from", filters.since), ("until", filters.until))
        if not is_storable(moment)
    ]
    if faults:
        raise InvalidInput(errors=faults)
    after = None if cursor is None else decode_cursor(cursor, _Position)
    if after is not None and not is_storable(after[0]):
        raise UnknownCursor
    list_rows = queries.list_own_events if own else queries.list_published_events
    rows = await list_rows(source, filters, after, limit + 1)
    return page_of([summary_of(row) for row in rows], limit, lambda item: (item.starts_at, item.id))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _columns_of(event: NewEvent, time_zone: str) -> EventColumns:
    return EventColumns(
        seat_map_id=event.seat_map_id,
        title=event.title,
        description=event.description,
        currency=event.currency,
        time_zone=event.time_zone or time_zone,
        starts_at=event.starts_at,
        ends_at=event.ends_at,
        sale_starts_at=event.sale_starts_at,
        sale_ends_at=event.sale_ends_at,
        places_per_buyer_max=event.places_per_buyer_max,
        hold_seconds=event.hold_seconds,
        orphan_rule=event.orphan_rule,
        accessible_released_at=event.accessible_released_at,
    )


def event_of(
    row: EventRow, *, for_public: bool = False, own_prices: Mapping[str, int] | None = None
) -> Event:
    """The event as it is shown."""
    priced = Priced(row, for_public=for_public, own=own_prices)
    tariff = priced.written
    return Event(
        id=row.id,
        organizer_id=row.organizer_id,
        state=EventState(row.state),
        title=row.title,
        description=row.description,
        venue=_venue(row),
        seat_map_id=row.seat_map_id,
        time_zone=row.time_zone,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        sale_starts_at=row.sale_starts_at,
        sale_ends_at=row.sale_ends_at,
        currency=row.currency,
        all_in_prices=priced.all_in(priced.current),
        current_prices=money_of(priced.current, row.currency),
        next_price_change=priced.next_change(),
        prices=money_of(priced.prices, row.currency),
        ticket_types=priced.ticket_types,
        hidden_categories=sorted(priced.hidden),
        price_changes=priced.changes,
        fees=list(tariff.fees) if tariff else [],
        tax=tariff.tax if tariff else None,
        places_per_buyer_max=row.places_per_buyer_max,
        hold_seconds=row.hold_seconds,
        orphan_rule=row.orphan_rule,
        accessible_released_at=row.accessible_released_at,
        series_id=row.series_id,
        revision=row.revision,
        created_at=row.created_at,
        published_at=row.published_at,
        cancelled_at=row.cancelled_at,
        archived_at=row.archived_at,
        image=shown_image(row.id, row.image),
        cancellation_policy=None
        if row.cancellation_policy is None
        else decode_policy(row.cancellation_policy),
    )


def summary_of(row: EventSummaryRow) -> EventSummary:
    """The event as a list shows it."""
    priced = Priced(row, for_public=True)
    all_in = priced.all_in(priced.current).values()
    return EventSummary(
        id=row.id,
        organizer_id=row.organizer_id,
        state=EventState(row.state),
        title=row.title,
        venue=_venue(row),
        time_zone=row.time_zone,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        sale_starts_at=row.sale_starts_at,
        sale_ends_at=row.sale_ends_at,
        lowest_price=min(all_in, key=lambda price: price.amount, default=None),
        series_id=row.series_id,
        image=shown_image(row.id, row.image),
    )


def _venue(row: EventRow | EventSummaryRow) -> EventVenue:
    return EventVenue(id=row.venue_id, name=row.venue_name, city=row.venue_city, country=row.venue_country)
