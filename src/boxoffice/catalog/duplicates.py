"""Duplicates: a draft with everything of another event but its sales, at another time.

Its image has files of its own, and its promo codes were given to people for that evening: both are left out.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import channel_queries, queries
from boxoffice.catalog.channel_queries import ChannelRow
from boxoffice.catalog.channels import new_key
from boxoffice.catalog.event_changes import amounts_of, columns_of
from boxoffice.catalog.event_rules import faults_of_event, faults_of_start
from boxoffice.catalog.events import get_any_event, keep_policy, update_tariff
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.price_changes import PriceChange
from boxoffice.catalog.rows import EventColumns
from boxoffice.catalog.schemas import Event, EventChange, Moment, Title
from boxoffice.catalog.wall_clock import local_of, moved
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, invalid
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.postgres import Database, Transaction


class Duplicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the new event starts, and its title, if it has another one."""

    starts_at: Moment
    title: Title | None = None


async def duplicate_event(
    db: Database, user: Identity, event_id: int, wanted: Duplicate, once: Once | None = None
) -> Event:
    """Make a draft like the event. Raises `NotFound`, `InvalidInput`."""
    if not is_storable(wanted.starts_at):
        raise invalid("/starts_at", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    async with db.transaction() as tx:
        return await do_once(tx, once, Event, lambda: _duplicate(tx, user, event_id, wanted))


async def _duplicate(tx: Transaction, user: Identity, event_id: int, wanted: Duplicate) -> Event:
    event = await get_any_event(tx, event_id)
    if not may_change(user, event.organizer_id):
        raise NotFound
    by = local_of(wanted.starts_at, event.time_zone) - local_of(event.starts_at, event.time_zone)
    columns = _columns(event, wanted, by)
    changes = [
        PriceChange(moved(change.starts_at, by, event.time_zone), change.prices)
        for change in event.price_changes
    ]
    channels = [
        _moved_channel(channel, by, event.time_zone)
        for channel in await channel_queries.list_channels(tx, event_id)
    ]
    if faults := [
        *faults_of_start(columns.starts_at, await queries.get_now(tx)),
        *_faults_of_what_moved(columns, changes, channels),
    ]:
        raise InvalidInput(errors=faults)
    new_id = await queries.insert_event(tx, event.organizer_id, columns)
    await queries.insert_prices(tx, new_id, amounts_of(event))
    offer = EventChange(
        ticket_types=event.ticket_types,
        hidden_categories=event.hidden_categories,
        price_changes=changes,
        fees=event.fees,
        tax=event.tax,
    )
    await update_tariff(tx, new_id, offer)
    if event.cancellation_policy is not None:
        await keep_policy(tx, {new_id: await queries.get_now(tx)}, event.cancellation_policy)
    for channel in channels:
        await channel_queries.update_revision(tx, [new_id], channels_more=1)
        await channel_queries.insert_channel(
            tx,
            new_id,
            channel.name,
            new_key()[1],
            channel.sale_starts_at,
            channel.sale_ends_at,
            channel.prices,
        )
    return await get_any_event(tx, new_id)


def _columns(event: Event, wanted: Duplicate, by: timedelta) -> EventColumns:
    """Every time moves along but the end: the show takes as long as it did."""
    lasted = None if event.ends_at is None else event.ends_at - event.starts_at
    return columns_of(
        event,
        EventChange(
            title=wanted.title or event.title,
            starts_at=wanted.starts_at,
            ends_at=None if lasted is None else wanted.starts_at + lasted,
            sale_starts_at=_moved(event.sale_starts_at, by, event.time_zone),
            sale_ends_at=_moved(event.sale_ends_at, by, event.time_zone),
            accessible_released_at=_moved(event.accessible_released_at, by, event.time_zone),
        ),
    )


def _moved(moment: datetime | None, by: timedelta, zone: str) -> datetime | None:
    return None if moment is None else moved(moment, by, zone)


def _moved_channel(channel: ChannelRow, by: timedelta, zone: str) -> ChannelRow:
    return msgspec.structs.replace(
        channel,
        sale_starts_at=_moved(channel.sale_starts_at, by, zone),
        sale_ends_at=_moved(channel.sale_ends_at, by, zone),
    )


def _faults_of_what_moved(
    columns: EventColumns, changes: list[PriceChange], channels: list[ChannelRow]
) -> Iterator[FieldError]:
    """What has moved to where it cannot be: out of the years, or two times onto one in a longer night."""
    for fault in faults_of_event(columns):
        name = (fault.pointer or "").removeprefix("/")
        yield FieldError(pointer="/starts_at", detail=f"Then `{name}` moves too: {fault.detail}")
    starts = [change.starts_at for change in changes]
    if starts != sorted(set(starts)) or not all(map(is_storable, starts)):
        yield FieldError(pointer="/starts_at", detail="Then `price_changes` move to where they cannot be.")
    for channel in channels:
        start, end = channel.sale_starts_at, channel.sale_ends_at
        is_upside_down = start is not None and end is not None and end <= start
        if is_upside_down or not is_storable(start) or not is_storable(end):
            detail = f"Then the times of channel {channel.name!r} move to where they cannot be."
            yield FieldError(pointer="/starts_at", detail=detail)
