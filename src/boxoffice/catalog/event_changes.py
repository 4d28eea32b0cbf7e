"""Events: change, publish, delete. Every change counts `revision` up in its own transaction."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

import msgspec
from msgspec import UNSET

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import event_tags, queries
from boxoffice.catalog.channels import queries as channel_queries
from boxoffice.catalog.channels.queries import PricesOfChannel
from boxoffice.catalog.event_rules import (
    faults_of_event,
    faults_of_offer,
    faults_of_sale_window,
    faults_of_start,
)
from boxoffice.catalog.events import get_any_event, update_tariff
from boxoffice.catalog.hiding import faults_of_hidden
from boxoffice.catalog.images.removal import remove_with_event
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.prices import queries as price_queries
from boxoffice.catalog.prices.changes import faults_of_price_changes, faults_of_prices, faults_of_steps
from boxoffice.catalog.prices.tariff import faults_of_fees, faults_of_tax
from boxoffice.catalog.prices.ticket_types import faults_of_ticket_types, names_of_prices
from boxoffice.catalog.rows import EventColumns, LockedEvent
from boxoffice.catalog.schemas import Event, EventChange, EventState
from boxoffice.catalog.seat_maps import queries as seat_map_queries
from boxoffice.catalog.seat_maps.document import CategoryPlaces
from boxoffice.catalog.seat_maps.versions import decode_categories
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.postgres import Database, Transaction

# Of seat maps, by the venue and the map.
Categories = Mapping[tuple[int, int], list[CategoryPlaces]]

# People have bought these places, for this evening, with this money; their tickets say so.
FROZEN_ONCE_PUBLISHED = ("seat_map_id", "currency", "time_zone", "starts_at", "ends_at")


class Known(msgspec.Struct, frozen=True):
    """What publishing drafts has to know besides; channels by the event."""

    categories: Categories
    channels: Mapping[int, Sequence[PricesOfChannel]]


class FrozenOncePublished(Refusal, status=409):
    """Part of this cannot change once the event is published; `errors` names it. Leave it out."""

    errors: list[FieldError]


class EventIsPublished(Refusal, status=409):
    """The event is published: only a draft can be deleted."""


class EventIsCancelled(Refusal, status=409):
    """The event is cancelled, and nothing about it can change."""


class EventIsArchived(Refusal, status=409):
    """The event is archived; take it out of the archive before you change it."""


class EventHasChanged(Refusal, status=412):
    """The event has changed since you saw it, and nothing was done. Get it again, look at what is
    different, and send your change with the new ETag in If-Match.
    """

    revision: int


async def update_event(
    db: Database, user: Identity, event_id: int, change: EventChange, *, if_match: str | None = None
) -> Event:
    """Change what is given and leave the rest; with `if_match`, only a revision that it names.

    Raises `NotFound`, `InvalidInput`, `FrozenOncePublished`, `EventIsCancelled`, `EventIsArchived`,
    `EventHasChanged`.
    """
    async with db.transaction() as tx:
        locked = await lock_listed_event(tx, user, event_id)
        if locked.state == EventState.CANCELLED:
            raise EventIsCancelled
        event = await get_any_event(tx, event_id)
        refuse_stale(event, if_match)
        return await change_event(tx, event, change, locked.now)


def refuse_stale(event: Event, if_match: str | None) -> None:
    """Raise `EventHasChanged` unless the client has seen this revision, or does not say what it has seen."""
    if if_match is not None and not event_tags.names(if_match, event.revision):
        raise EventHasChanged(revision=event.revision)


async def change_event(tx: Transaction, event: Event, change: EventChange, now: datetime) -> Event:
    """Write a change of an event that is not cancelled; its lock must be held.

    Raises `InvalidInput`, `FrozenOncePublished`.
    """
    known = await list_categories(tx, [event], change)
    await write_change(tx, [event.id], [check_change(event, change, known, now)], change)
    return await get_any_event(tx, event.id)


def check_change(event: Event, change: EventChange, known: Categories, now: datetime) -> EventColumns:
    """What the event's row will have. Raises `InvalidInput`, `FrozenOncePublished`."""
    if event.state is EventState.PUBLISHED:
        _refuse_frozen(event, change)
    columns = columns_of(event, change)
    categories = _categories_of(known, event, columns)
    ticket_types = event.ticket_types if change.ticket_types is UNSET else change.ticket_types
    names = names_of_prices(categories, ticket_types)
    prices = amounts_of(event) if change.prices is UNSET else change.prices
    price_changes = event.price_changes if change.price_changes is UNSET else change.price_changes
    faults = [
        *faults_of_event(columns),
        *faults_of_ticket_types(ticket_types, categories),
        *faults_of_hidden(
            event.hidden_categories if change.hidden_categories is UNSET else change.hidden_categories,
            categories,
        ),
        *faults_of_prices(prices, names),
        *faults_of_price_changes(price_changes, names),
        *faults_of_steps(
            columns.currency, prices, price_changes, event.fees if change.fees is UNSET else change.fees
        ),
        *faults_of_fees([] if change.fees is UNSET else change.fees),
        *faults_of_tax(event.tax if change.tax is UNSET else change.tax, names),
    ]
    if event.state is EventState.PUBLISHED:
        faults += faults_of_offer(prices, categories, ticket_types)
    elif change.starts_at is not UNSET:
        faults += faults_of_start(change.starts_at, now)
    if faults:
        raise InvalidInput(errors=faults)
    return columns


async def write_change(
    tx: Transaction, event_ids: Sequence[int], columns: Sequence[EventColumns], change: EventChange
) -> None:
    """Write a change that was checked; the events' locks must be held."""
    await queries.update_events(tx, event_ids, columns)
    if change.prices is not UNSET:
        await price_queries.delete_prices(tx, event_ids)
        await price_queries.insert_prices(tx, event_ids, change.prices)
    await update_tariff(tx, event_ids, change)


async def publish_event(db: Database, user: Identity, event_id: int) -> Event:
    """Put a draft on sale; a published event stays as it is. Raises `NotFound`, `InvalidInput`,
    `EventIsCancelled`.
    """
    async with db.transaction() as tx:
        locked = await lock_own_event(tx, user, event_id)
        if locked.state == EventState.CANCELLED:
            raise EventIsCancelled
        event = await get_any_event(tx, event_id)
        if event.state is EventState.PUBLISHED:
            return event
        check_draft(event, await look_at_drafts(tx, [event]), locked.now)
        await queries.update_to_published(tx, [event_id])
        return await get_any_event(tx, event_id)


async def look_at_drafts(tx: Transaction, events: Sequence[Event]) -> Known:
    """What publishing these has to know besides."""
    known = await list_categories(tx, events, EventChange())
    channels: defaultdict[int, list[PricesOfChannel]] = defaultdict(list)
    for channel in await channel_queries.list_prices_of_channels(tx, [event.id for event in events]):
        channels[channel.event_id].append(channel)
    return Known(known, channels)


def check_draft(event: Event, known: Known, now: datetime) -> None:
    """Raise `InvalidInput` unless this draft can be put on sale."""
    columns = columns_of(event, EventChange())
    categories = _categories_of(known.categories, event, columns)
    faults = [
        *faults_of_start(columns.starts_at, now),
        *faults_of_sale_window(columns, now),
        *faults_of_offer(amounts_of(event), categories, event.ticket_types),
        *faults_of_steps(columns.currency, amounts_of(event), event.price_changes, event.fees),
        *_faults_of_channels(known.channels.get(event.id, ()), columns.currency),
    ]
    if faults:
        raise InvalidInput(errors=faults)


def _faults_of_channels(channels: Sequence[PricesOfChannel], currency: str) -> Iterator[FieldError]:
    """Channels that were given their prices before the draft was given its currency."""
    for channel in channels:
        for fault in faults_of_steps(currency, msgspec.json.decode(channel.prices, type=dict[str, int])):
            detail = f"Sales channel {channel.name!r} has a price that cannot be paid. {fault.detail}"
            yield FieldError(detail=detail)


async def delete_event(db: Database, user: Identity, event_id: int) -> None:
    """Delete a draft. Raises `NotFound`, `EventIsPublished`, `EventIsCancelled`."""
    async with db.transaction() as tx:
        locked = await lock_own_event(tx, user, event_id)
        if locked.state == EventState.PUBLISHED:
            raise EventIsPublished
        if locked.state == EventState.CANCELLED:
            raise EventIsCancelled
        await remove_with_event(tx, event_id)
        await queries.delete_event(tx, event_id)


async def lock_own_event(tx: Transaction, user: Identity, event_id: int) -> LockedEvent:
    """The event, which nobody else changes until we commit. Raises `NotFound` for other people's."""
    locked = await queries.lock_event(tx, event_id)
    if locked is None or not may_change(user, locked.organizer_id):
        raise NotFound
    return locked


async def lock_listed_event(tx: Transaction, user: Identity, event_id: int) -> LockedEvent:
    """The same, to change until when it is sold: what is on sale is listed. Raises `EventIsArchived` too."""
    locked = await lock_own_event(tx, user, event_id)
    if locked.is_archived:
        raise EventIsArchived
    return locked


async def priceable_names(tx: Transaction, event: Event) -> dict[str, str]:
    """What an event can have a price for, and the category of each: see `names_of_prices`."""
    known = await list_categories(tx, [event], EventChange())
    categories = _categories_of(known, event, columns_of(event, EventChange()))
    return names_of_prices(categories, event.ticket_types)


async def renew_terms(tx: Transaction, *event_ids: int) -> None:
    """Have every sale of these read their terms anew, and what belongs to them; their locks must be held."""
    await channel_queries.update_revision(tx, event_ids)


async def list_categories(tx: Transaction, events: Sequence[Event], change: EventChange) -> Categories:
    """Those of every seat map that these events will have, by the venue and the map."""
    wanted = {event.seat_map_id if change.seat_map_id is UNSET else change.seat_map_id for event in events}
    return {
        (row.venue_id, row.id): decode_categories(row.categories)
        for row in await seat_map_queries.list_categories(tx, list(wanted))
    }


def _categories_of(known: Categories, event: Event, columns: EventColumns) -> list[CategoryPlaces]:
    categories = known.get((event.venue.id, columns.seat_map_id))
    if categories is None:
        raise invalid("/seat_map_id", "The event's venue has no such seat map.")
    return categories


def _refuse_frozen(event: Event, change: EventChange) -> None:
    errors = [
        FieldError(pointer=f"/{name}", detail="This cannot change once the event is published.")
        for name in FROZEN_ONCE_PUBLISHED
        if getattr(change, name) not in {UNSET, getattr(event, name)}
    ]
    if errors:
        raise FrozenOncePublished(errors=errors)


def columns_of(event: Event, change: EventChange) -> EventColumns:
    """What an event's row has once this is changed."""
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    return EventColumns(
        **{name: given.get(name, getattr(event, name)) for name in EventColumns.__struct_fields__}
    )


def amounts_of(event: Event) -> dict[str, int]:
    """The prices as numbers."""
    return {name: price.amount for name, price in event.prices.items()}
