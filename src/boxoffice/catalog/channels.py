"""Sales channels: a key with which somebody sells, at times of its own and from blocks of its own."""

import hashlib
import secrets

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import channel_queries
from boxoffice.catalog.channel_queries import ChannelRow
from boxoffice.catalog.event_changes import lock_own_event
from boxoffice.catalog.event_rules import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.schemas import Channel, ChannelWithKey, NewChannel
from boxoffice.catalog.terms import find_event_owner
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.postgres import Database, Transaction

# Each travels with the event's terms to every process that sells it.
CHANNELS_MAX = 100

# Recognisable in a log or in somebody's repository by those who look for leaked keys.
_KEY_PREFIX = "bxc_"

_KEY_BYTES = 32


class TooManyChannels(Refusal, status=409):
    """An event has only so many sales channels; withdraw one."""

    limit: int


class ChannelNameTaken(Refusal, status=409):
    """The event has a channel of this name; choose another name."""


async def create_channel(db: Database, user: Identity, event_id: int, new: NewChannel) -> ChannelWithKey:
    """Make a channel; its key is in this answer only.

    Raises `NotFound`, `InvalidInput`, `ChannelNameTaken`, `TooManyChannels`.
    """
    for name in ("sale_starts_at", "sale_ends_at"):
        if not is_storable(getattr(new, name)):
            raise invalid(f"/{name}", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    starts_at, ends_at = new.sale_starts_at, new.sale_ends_at
    if starts_at is not None and ends_at is not None and ends_at <= starts_at:
        raise invalid("/sale_ends_at", "The sale must end after it starts.")
    key, key_hash = _new_key()
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        there = await channel_queries.list_channels(tx, event_id)
        if len(there) >= CHANNELS_MAX:
            raise TooManyChannels(limit=CHANNELS_MAX)
        if any(channel.name == new.name for channel in there):
            raise ChannelNameTaken
        await channel_queries.update_revision(tx, event_id, channels_more=1)
        row = await channel_queries.insert_channel(tx, event_id, new.name, key_hash, starts_at, ends_at)
    return _with_key(row, key)


async def list_channels(db: Database, user: Identity, event_id: int) -> list[Channel]:
    """The event's channels. Raises `NotFound`."""
    owner = await find_event_owner(db, event_id)
    if owner is None or not may_change(user, owner):
        raise NotFound
    return [_channel(row) for row in await channel_queries.list_channels(db, event_id)]


async def rotate_key(db: Database, user: Identity, event_id: int, channel_id: int) -> ChannelWithKey:
    """Give the channel another key; the one before is refused from the next batch on. Raises `NotFound`."""
    key, key_hash = _new_key()
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        if not await channel_queries.update_key(tx, event_id, channel_id, key_hash):
            raise NotFound
        await channel_queries.update_revision(tx, event_id, channels_more=0)
        row = await _get_channel(tx, event_id, channel_id)
    return _with_key(row, key)


async def withdraw_channel(db: Database, user: Identity, event_id: int, channel_id: int) -> None:
    """Sell nothing more through it; what was sold stays sold. Raises `NotFound`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        if not await channel_queries.delete_channel(tx, event_id, channel_id):
            raise NotFound
        await channel_queries.update_revision(tx, event_id, channels_more=0)


def hash_key(key: str) -> str:
    """What is known of a key: SHA-256, in hex. 256 random bits need no salt and no slow hash."""
    return hashlib.sha256(key.encode()).hexdigest()


async def _get_channel(tx: Transaction, event_id: int, channel_id: int) -> ChannelRow:
    return next(row for row in await channel_queries.list_channels(tx, event_id) if row.id == channel_id)


def _new_key() -> tuple[str, bytes]:
    key = _KEY_PREFIX + secrets.token_urlsafe(_KEY_BYTES)
    return key, bytes.fromhex(hash_key(key))


def _channel(row: ChannelRow) -> Channel:
    return Channel(**msgspec.structs.asdict(row))


def _with_key(row: ChannelRow, key: str) -> ChannelWithKey:
    return ChannelWithKey(**msgspec.structs.asdict(row), key=key)
