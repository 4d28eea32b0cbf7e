"""SQL of the inventory: the lock, the news, the load, and the one write of a batch."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import encode_levies
from boxoffice.catalog.prices.ticket_types import encode_types_of_places
from boxoffice.inventory.commands import Booking
from boxoffice.inventory.draft import Draft
from boxoffice.kit.postgres import Source, Transaction


class LockedInventory(msgspec.Struct, frozen=True):
    """The inventory row once it is ours, and the batch's clock reading."""

    version: int
    chain_hash: bytes
    now: datetime
    next_expiry_at: datetime | None


class News(msgspec.Struct, frozen=True):
    """The event's revision, and one journal row we have not seen (all None when there is none)."""

    revision: int
    version: int | None
    changes: str | None
    hash: bytes | None


class AreaCount(msgspec.Struct, frozen=True):
    """How many places of an area are held and sold."""

    area_id: int
    taken: int


class JournalRow(msgspec.Struct, frozen=True):
    """What a batch adds to the journal, and when the next hold will be over."""

    version: int
    at: datetime
    changes: str
    hash: bytes
    next_expiry_at: datetime | None


async def lock_inventory(tx: Transaction, event_id: int) -> LockedInventory | None:
    """Take the event's turn; everybody else waits here until our commit. None: nothing was ever sold.

    A statement of its own: the next statement's snapshot then sees all that was committed before
    us. Reading claims in this same statement would double-sell. The clock never runs backwards from
    one batch of an event to the next, whatever PostgreSQL's host does to its own.
    """
    return await tx.find(
        LockedInventory,
        """
        SELECT version, chain_hash, greatest(clock_timestamp(), changed_at) AS now, next_expiry_at
          FROM inventories
         WHERE event_id = $1
           FOR UPDATE
        """,
        event_id,
    )


async def insert_inventory(
    tx: Transaction, event_id: int, chain_hash: bytes, area_ids: list[int], capacities: list[int]
) -> None:
    """Open an event for sale; nothing happens when another process has just done so."""
    await tx.execute(
        """
        WITH opened AS (
            INSERT INTO inventories (event_id, chain_hash)
            VALUES ($1, $2)
            ON CONFLICT (event_id) DO NOTHING
            RETURNING event_id
        )
        INSERT INTO area_counts (event_id, area_id, capacity)
        SELECT opened.event_id, area.id, area.capacity
          FROM opened, unnest($3::integer[], $4::integer[]) AS area (id, capacity)
        """,
        event_id,
        chain_hash,
        area_ids,
        capacities,
    )


async def list_news(tx: Transaction, event_id: int, version: int) -> list[News]:
    """What has happened since this version: at least one row, which has the event's revision."""
    return await tx.list(
        News,
        """
        SELECT event.revision, journal.version, journal.changes, journal.hash
          FROM events AS event
          LEFT JOIN journal ON journal.event_id = event.id AND journal.version > $2
         WHERE event.id = $1
         ORDER BY journal.version
        """,
        event_id,
        version,
    )


async def list_claimed_seats(tx: Transaction, event_id: int) -> list[int]:
    """Every seat that is held, sold or blocked."""
    return await tx.get(
        list,
        "SELECT coalesce(array_agg(seat_id), '{}') FROM claims WHERE event_id = $1",
        event_id,
    )


async def list_area_counts(tx: Transaction, event_id: int) -> list[AreaCount]:
    """The count of every area."""
    return await tx.list(AreaCount, "SELECT area_id, taken FROM area_counts WHERE event_id = $1", event_id)


async def list_bookings_by_id(source: Source, event_id: int, booking_ids: Sequence[UUID]) -> list[Booking]:
    """These bookings of the event, as far as they exist."""
    return await source.list(
        Booking,
        """
        SELECT event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total, currency,
               created_at, expires_at, settled_payments, channel_id, levies, ticket_types
          FROM bookings
         WHERE event_id = $1 AND id = ANY ($2::uuid[])
        """,
        event_id,
        booking_ids,
    )


async def list_events_with_holds_over(source: Source, events_max: int) -> list[int]:
    """Events that have a hold whose time is over, the longest over first."""
    return await source.list(
        int,
        """
        SELECT event_id
          FROM inventories
         WHERE next_expiry_at <= now()
         ORDER BY next_expiry_at
         LIMIT $1
        """,
        events_max,
    )


async def delete_claims(tx: Transaction, event_id: int, seat_ids: Sequence[int]) -> int:
    """Free these seats; the number of claims that were there."""
    return await tx.execute(
        "DELETE FROM claims WHERE event_id = $1 AND seat_id = ANY ($2::integer[])",
        event_id,
        seat_ids,
    )


async def update_area_counts(tx: Transaction, event_id: int, deltas: dict[int, int]) -> int:
    """Add to the counts; the number of areas touched. A named CHECK refuses more than the capacity."""
    return await tx.execute(
        """
        UPDATE area_counts AS area
           SET taken = area.taken + change.delta
          FROM unnest($2::integer[], $3::integer[]) AS change (area_id, delta)
         WHERE area.event_id = $1 AND area.area_id = change.area_id
        """,
        event_id,
        list(deltas),
        list(deltas.values()),
    )


async def update_area_capacities(
    tx: Transaction, event_id: int, area_ids: list[int], capacities: list[int]
) -> None:
    """Give areas their capacities, new ones among them. A named CHECK refuses less than is taken."""
    await tx.execute(
        """
        INSERT INTO area_counts (event_id, area_id, capacity)
        SELECT $1, id, capacity FROM unnest($2::integer[], $3::integer[]) AS area (id, capacity)
            ON CONFLICT (event_id, area_id) DO UPDATE SET capacity = excluded.capacity
        """,
        event_id,
        area_ids,
        capacities,
    )


async def update_places(tx: Transaction, event_id: int, at: datetime, bookings: Collection[Booking]) -> int:
    """Give bookings other places, prices or another end of their hold; the number found in their state."""
    return await tx.execute(
        """
        UPDATE bookings AS booking
           SET seat_ids = edited.seat_ids::integer[], area_ids = edited.area_ids::integer[],
               amounts = edited.amounts::bigint[], total = edited.total, levies = edited.levies::json,
               ticket_types = edited.ticket_types::json, expires_at = edited.expires_at, changed_at = $2,
               ticket_count = CASE booking.state WHEN 'CONFIRMED'
                              THEN cardinality(edited.amounts::bigint[]) ELSE 0 END
          FROM unnest($3::uuid[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::timestamptz[],
                      $9::text[], $10::text[])
            AS edited (id, seat_ids, area_ids, amounts, total, expires_at, levies, ticket_types)
         WHERE booking.event_id = $1 AND booking.id = edited.id AND booking.id = ANY ($3::uuid[])
           AND (booking.expires_at IS NULL) = (edited.expires_at IS NULL)
           AND booking.state IN ('PENDING', 'CONFIRMED')
        """,
        event_id,
        at,
        [booking.id for booking in bookings],
        [_array(booking.seat_ids) for booking in bookings],
        [_array(booking.area_ids) for booking in bookings],
        [_array(booking.amounts) for booking in bookings],
        [booking.total for booking in bookings],
        [booking.expires_at for booking in bookings],
        [booking.levies for booking in bookings],
        [booking.ticket_types for booking in bookings],
    )


async def update_settled_payments(
    tx: Transaction, event_id: int, booking_ids: list[UUID], payment_ids: list[UUID]
) -> None:
    """Remember which payments of a booking were given back."""
    await tx.execute(
        """
        UPDATE bookings AS booking
           SET settled_payments = booking.settled_payments || returned.payment_ids
          FROM (SELECT id, array_agg(payment_id) AS payment_ids
                  FROM unnest($2::uuid[], $3::uuid[]) AS pair (id, payment_id)
                 GROUP BY id) AS returned
         WHERE booking.event_id = $1 AND booking.id = returned.id AND booking.id = ANY ($2::uuid[])
        """,
        event_id,
        booking_ids,
        payment_ids,
    )


async def insert_batch(tx: Transaction, event_id: int, draft: Draft, row: JournalRow) -> int:
    """Write new bookings, the new states of others, claims and the journal row.

    1 when the version was as expected and all bookings that move were there, else 0. One statement: its parts
    touch different rows and depend on no order between them. Arrays of arrays travel as text, because
    unnest would flatten them. What a booking that moves becomes it finds by its id in a JSON object: joined
    with rows it was compared with each of them (2,000 with 2,000, 0.2 s a batch), or, by a plan that knows
    little of the table, all bookings of the event were read.
    """
    return await tx.execute(
        """
        WITH booked AS (
            INSERT INTO bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total,
                                  currency, created_at, changed_at, expires_at, ticket_count, channel_id,
                                  levies, ticket_types)
            SELECT $1, id, buyer_id, state, seat_ids::integer[], area_ids::integer[],
                   amounts::bigint[], total, $7, $3, $3, CASE state WHEN 'PENDING' THEN expires_at END,
                   CASE state WHEN 'CONFIRMED' THEN cardinality(amounts::bigint[]) ELSE 0 END, channel_id,
                   levies::json, ticket_types::json
              FROM unnest($8::uuid[], $9::bigint[], $10::text[], $11::text[], $12::text[], $13::text[],
                          $14::bigint[], $15::timestamptz[], $16::integer[], $17::text[], $18::text[])
                AS new (id, buyer_id, state, seat_ids, area_ids, amounts, total, expires_at, channel_id,
                        levies, ticket_types)
        ), changed AS (
            UPDATE bookings
               SET state = $20::jsonb -> id::text ->> 0, changed_at = $3, expires_at = NULL,
                   ticket_count = CASE $20::jsonb -> id::text ->> 0
                                  WHEN 'CONFIRMED' THEN cardinality(amounts) ELSE 0 END,
                   settled_payments = settled_payments
                                      || array_remove(ARRAY[($20::jsonb -> id::text ->> 1)::uuid], NULL)
             WHERE event_id = $1 AND id = ANY ($19::uuid[])
            RETURNING id
        ), claimed AS (
            INSERT INTO claims (event_id, seat_id, booking_id)
            SELECT $1, seat_id, booking_id
              FROM unnest($21::integer[], $22::uuid[]) AS claim (seat_id, booking_id)
        ), written AS (
            INSERT INTO journal (event_id, version, at, changes, hash)
            VALUES ($1, $2, $3, $4, $5)
        )
        UPDATE inventories
           SET version = $2, chain_hash = $5, changed_at = $3, next_expiry_at = $6
         WHERE event_id = $1 AND version = $2 - 1
           AND (SELECT count(*) FROM changed) = cardinality($19::uuid[])
        """,
        event_id,
        *msgspec.structs.astuple(row),
        draft.inventory.terms.currency,
        *_columns_of_held(draft),
        list(draft.moved),
        msgspec.json.encode(draft.moved).decode(),
        list(draft.claimed),
        list(draft.claimed.values()),
    )


def _columns_of_held(draft: Draft) -> tuple[list[Any], ...]:
    """New bookings as `insert_batch` takes them, an array a column."""
    held = draft.held.values()
    return (
        list(draft.held),
        [change.buyer_id for change, _ in held],
        [state for _, state in held],
        [_array(change.seat_ids) for change, _ in held],
        [_array(change.area_ids) for change, _ in held],
        [_array(change.amounts) for change, _ in held],
        [change.total for change, _ in held],
        [change.expires_at for change, _ in held],
        [change.channel_id for change, _ in held],
        [encode_levies(change.levies) for change, _ in held],
        [encode_types_of_places(change.ticket_types) for change, _ in held],
    )


async def update_next_expiry(tx: Transaction, event_id: int, next_expiry_at: datetime | None) -> None:
    """Correct the note that wakes the sweeper, when there was nothing to expire after all."""
    await tx.execute(
        "UPDATE inventories SET next_expiry_at = $2 WHERE event_id = $1", event_id, next_expiry_at
    )


def _array(numbers: tuple[int, ...]) -> str:
    return "{" + ",".join(map(str, numbers)) + "}"
