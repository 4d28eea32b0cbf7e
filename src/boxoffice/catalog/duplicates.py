"""Duplicates: a draft with everything of another event but its sales, at another time.

Image and seat map are the same: the files of one never change, and another is made when the other changes.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import queries
from boxoffice.catalog.channels import queries as channel_queries
from boxoffice.catalog.channels.keys import new_key
from boxoffice.catalog.channels.queries import ChannelRow
from boxoffice.catalog.event_changes import amounts_of, columns_of, lock_own_event
from boxoffice.catalog.event_rules import faults_of_event, faults_of_start
from boxoffice.catalog.events import get_any_event, keep_policy, update_tariff
from boxoffice.catalog.images.queries import insert_same_image
from boxoffice.catalog.prices import queries as price_queries
from boxoffice.catalog.prices.changes import PriceChange
from boxoffice.catalog.rows import EventColumns
from boxoffice.catalog.schemas import Event, EventChange, Moment, Title
from boxoffice.catalog.wall_clock import local_of, moved
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError, InvalidInput, invalid
from boxoffice.kit.postgres import Transaction


class Duplicate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the new event starts, and its title, if it has another one.

    Its promo codes were given to people for that evening: `with_promo_codes` makes them anew, unused, for
    this one too, their times moved along.
    """

    starts_at: Moment
    title: Title | None = None
    with_promo_codes: bool = False


class Duplicated(msgspec.Struct, frozen=True):
    """The new event, and by how much its times were moved, as the clock on the wall shows them."""

    event: Event
    by: timedelta

    def moved(self, moment: datetime | None) -> datetime | None:
        """What a time of the original is for the duplicate."""
        return _moved(moment, self.by, self.event.time_zone)


async def insert_duplicate(tx: Transaction, user: Identity, event_id: int, wanted: Duplicate) -> Duplicated:
    """Make a draft with all that the catalog has of the event. Raises `NotFound`, `InvalidInput`."""
    if not is_storable(wanted.starts_at):
        raise invalid("/starts_at", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    now = (await lock_own_event(tx, user, event_id)).now
    event = await get_any_event(tx, event_id)
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
        *faults_of_start(columns.starts_at, now),
        *_faults_of_what_moved(columns, changes, channels),
    ]:
        raise InvalidInput(errors=faults)
    (new_id,) = await queries.insert_events(tx, event.organizer_id, [columns])
    await price_queries.insert_prices(tx, [new_id], amounts_of(event))
    offer = EventChange(
        ticket_types=event.ticket_types,
        hidden_categories=event.hidden_categories,
        price_changes=changes,
        fees=event.fees,
        tax=event.tax,
    )
    await update_tariff(tx, [new_id], offer)
    await insert_same_image(tx, new_id, event_id)
    if event.cancellation_policy is not None:
        await keep_policy(tx, {new_id: now}, event.cancellation_policy)
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
    return Duplicated(await get_any_event(tx, new_id), by)


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
