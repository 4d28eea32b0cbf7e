"""Sales channels: a key with which somebody sells, at times of its own and from blocks of its own."""

from datetime import datetime

import msgspec
from msgspec import UNSET

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.channels import queries
from boxoffice.catalog.channels.keys import new_key
from boxoffice.catalog.channels.queries import ChannelRow
from boxoffice.catalog.event_changes import lock_listed_event, lock_own_event, priceable_names, renew_terms
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.prices.changes import faults_of_prices, faults_of_steps
from boxoffice.catalog.schemas import Channel, ChannelChange, ChannelWithKey, NewChannel
from boxoffice.catalog.series.nights import lock_nights, naming
from boxoffice.catalog.series.schemas import SeriesChannel
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.postgres import Database, Source, Transaction

# Each travels with the event's terms to every process that sells it.
CHANNELS_MAX = 100


class TooManyChannels(Refusal, status=409):
    """An event has only so many sales channels; withdraw one."""

    limit: int


class ChannelNameTaken(Refusal, status=409):
    """The event has a channel of this name; choose another name."""


async def create_channel(db: Database, user: Identity, event_id: int, new: NewChannel) -> ChannelWithKey:
    """Make a channel; its key is in this answer only.

    Raises `NotFound`, `InvalidInput`, `ChannelNameTaken`, `TooManyChannels`, `EventIsArchived`.
    """
    key, key_hash = new_key()
    async with db.transaction() as tx:
        await lock_listed_event(tx, user, event_id)
        row = await _make_channel(tx, event_id, new, key_hash)
    return ChannelWithKey(**msgspec.structs.asdict(_channel(row)), key=key)


async def create_channel_of_series(
    db: Database, user: Identity, series_id: int, new: NewChannel
) -> SeriesChannel:
    """Make a channel in every event that is neither cancelled nor begun, with one key: in all or in none.

    Raises `NotFound`, `InvalidInput`, `ChannelNameTaken`, `TooManyChannels`.
    """
    key, key_hash = new_key()
    async with db.transaction() as tx:
        nights, _ = await lock_nights(tx, user, series_id)
        for night in nights:
            with naming(night):
                await _make_channel(tx, night.id, new, key_hash)
    return SeriesChannel([night.id for night in nights], new.name, key)


async def _make_channel(tx: Transaction, event_id: int, new: NewChannel, key_hash: bytes) -> ChannelRow:
    _check_window(new.sale_starts_at, new.sale_ends_at)
    there = await queries.list_channels(tx, event_id)
    if len(there) >= CHANNELS_MAX:
        raise TooManyChannels(limit=CHANNELS_MAX)
    if any(channel.name == new.name for channel in there):
        raise ChannelNameTaken
    await _check_prices(tx, event_id, new.prices)
    await queries.update_revision(tx, [event_id], channels_more=1)
    return await queries.insert_channel(
        tx, event_id, new.name, key_hash, new.sale_starts_at, new.sale_ends_at, _encoded(new.prices)
    )


async def change_channel(
    db: Database, user: Identity, event_id: int, channel_id: int, change: ChannelChange
) -> Channel:
    """Change what is given and leave the rest. Raises `NotFound`, `InvalidInput`, `EventIsArchived`."""
    async with db.transaction() as tx:
        await lock_listed_event(tx, user, event_id)
        before = await _find_channel(tx, event_id, channel_id)
        if before is None:
            raise NotFound
        given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
        after = msgspec.structs.replace(_channel(before), **given)
        _check_window(after.sale_starts_at, after.sale_ends_at)
        if change.prices is not UNSET:
            await _check_prices(tx, event_id, change.prices)
        await queries.update_channel(
            tx, event_id, channel_id, after.sale_starts_at, after.sale_ends_at, _encoded(after.prices)
        )
        await renew_terms(tx, event_id)
    return after


async def list_channels(db: Database, user: Identity, event_id: int) -> list[Channel]:
    """The event's channels. Raises `NotFound`."""
    await refuse_foreign(db, user, event_id)
    return [_channel(row) for row in await queries.list_channels(db, event_id)]


async def rotate_key(db: Database, user: Identity, event_id: int, channel_id: int) -> ChannelWithKey:
    """Give the channel another key; the one before is refused from the next batch on. Raises `NotFound`."""
    key, key_hash = new_key()
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        if not await queries.update_key(tx, event_id, channel_id, key_hash):
            raise NotFound
        await renew_terms(tx, event_id)
        row = await _find_channel(tx, event_id, channel_id)
    if row is None:
        raise NotFound
    return ChannelWithKey(**msgspec.structs.asdict(_channel(row)), key=key)


async def withdraw_channel(db: Database, user: Identity, event_id: int, channel_id: int) -> None:
    """Sell nothing more through it; what was sold stays sold. Raises `NotFound`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        if not await queries.delete_channel(tx, event_id, channel_id):
            raise NotFound
        await renew_terms(tx, event_id)


async def _find_channel(source: Source, event_id: int, channel_id: int) -> ChannelRow | None:
    rows = await queries.list_channels(source, event_id)
    return next((row for row in rows if row.id == channel_id), None)


def _check_window(starts_at: datetime | None, ends_at: datetime | None) -> None:
    for name, moment in (("sale_starts_at", starts_at), ("sale_ends_at", ends_at)):
        if not is_storable(moment):
            raise invalid(f"/{name}", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise invalid("/sale_ends_at", "The sale must end after it starts.")


async def _check_prices(tx: Transaction, event_id: int, prices: dict[str, int]) -> None:
    if not prices:
        return
    event = await get_any_event(tx, event_id)
    names = await priceable_names(tx, event)
    if faults := [*faults_of_prices(prices, names), *faults_of_steps(event.currency, prices)]:
        raise InvalidInput(errors=faults)


def _encoded(prices: dict[str, int]) -> str:
    return msgspec.json.encode(prices).decode()


def _channel(row: ChannelRow) -> Channel:
    return Channel(
        id=row.id,
        name=row.name,
        sale_starts_at=row.sale_starts_at,
        sale_ends_at=row.sale_ends_at,
        prices=msgspec.json.decode(row.prices, type=dict[str, int]),
        created_at=row.created_at,
    )
