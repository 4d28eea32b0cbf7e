"""SQL of sales channels. Whoever writes them has the event's lock and counts its revision up."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class ChannelRow(msgspec.Struct, frozen=True):
    """A channel, without its key, which nobody can read; `prices` is JSON."""

    id: int
    name: str
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    prices: str
    created_at: datetime


class PricesOfChannel(msgspec.Struct, frozen=True):
    """What an event's channel sells for, as JSON."""

    event_id: int
    name: str
    prices: str


async def list_prices_of_channels(source: Source, event_ids: Sequence[int]) -> list[PricesOfChannel]:
    """Those of all channels of these events, in the order they were made."""
    return await source.list(
        PricesOfChannel,
        """
        SELECT event_id, name, prices
          FROM channels
         WHERE event_id = ANY ($1::bigint[])
         ORDER BY event_id, id
        """,
        event_ids,
    )


async def list_channels(source: Source, event_id: int) -> list[ChannelRow]:
    """The event's channels, in the order they were made."""
    return await source.list(
        ChannelRow,
        """
        SELECT id, name, sale_starts_at, sale_ends_at, prices, created_at
          FROM channels
         WHERE event_id = $1
         ORDER BY id
        """,
        event_id,
    )


async def find_channel_by_key(source: Source, event_id: int, key_hash: bytes) -> ChannelRow | None:
    """The event's channel that has this key."""
    return await source.find(
        ChannelRow,
        """
        SELECT id, name, sale_starts_at, sale_ends_at, prices, created_at
          FROM channels
         WHERE event_id = $1 AND key_hash = $2
        """,
        event_id,
        key_hash,
    )


async def insert_channel(
    tx: Transaction,
    event_id: int,
    name: str,
    key_hash: bytes,
    sale_starts_at: datetime | None,
    sale_ends_at: datetime | None,
    prices: str,
) -> ChannelRow:
    """Make a channel; its number is the event's count of channels ever made, so none comes again."""
    return await tx.get(
        ChannelRow,
        """
        INSERT INTO channels (event_id, id, name, key_hash, sale_starts_at, sale_ends_at, prices)
        SELECT event.id, event.channels_made, $2, $3, $4, $5, $6::json
          FROM events AS event
         WHERE event.id = $1
        RETURNING id, name, sale_starts_at, sale_ends_at, prices, created_at
        """,
        event_id,
        name,
        key_hash,
        sale_starts_at,
        sale_ends_at,
        prices,
    )


async def update_revision(tx: Transaction, event_ids: Sequence[int], *, channels_more: int = 0) -> None:
    """Have every sale of these events read their terms anew; count the channels that were ever made."""
    await tx.execute(
        """
        UPDATE events
           SET revision = revision + 1, channels_made = channels_made + $2
         WHERE id = ANY ($1::bigint[])
        """,
        event_ids,
        channels_more,
    )


async def update_key(tx: Transaction, event_id: int, channel_id: int, key_hash: bytes) -> int:
    """Give the channel another key; 0 when there is no such channel."""
    return await tx.execute(
        "UPDATE channels SET key_hash = $3 WHERE event_id = $1 AND id = $2", event_id, channel_id, key_hash
    )


async def update_channel(
    tx: Transaction,
    event_id: int,
    channel_id: int,
    sale_starts_at: datetime | None,
    sale_ends_at: datetime | None,
    prices: str,
) -> None:
    """Give the channel another window and other prices, as JSON."""
    await tx.execute(
        """
        UPDATE channels
           SET sale_starts_at = $3, sale_ends_at = $4, prices = $5::json
         WHERE event_id = $1 AND id = $2
        """,
        event_id,
        channel_id,
        sale_starts_at,
        sale_ends_at,
        prices,
    )


async def delete_channel(tx: Transaction, event_id: int, channel_id: int) -> int:
    """Withdraw the channel; 0 when there is no such channel."""
    return await tx.execute("DELETE FROM channels WHERE event_id = $1 AND id = $2", event_id, channel_id)
