"""All SQL of the catalog."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, LiteralString

import msgspec

from boxoffice.catalog.rows import (
    EventColumns,
    EventFilter,
    EventRow,
    EventSummaryRow,
    LockedEvent,
    NewSeatMapRow,
    SaleTermsRow,
    SeatMapAccess,
    SeatMapRow,
    VenueWithMap,
)
from boxoffice.kit.postgres import Source, Transaction

# What an `EventRow` is read from; all of one revision, for it is one statement.
WHOLE_EVENTS: LiteralString = """
    SELECT events.id, events.organizer_id, events.state, events.title, events.description,
           venues.id AS venue_id, venues.name AS venue_name, venues.city AS venue_city,
           venues.country AS venue_country, events.seat_map_id, events.time_zone, events.starts_at,
           events.ends_at, events.sale_starts_at, events.sale_ends_at, events.currency,
           (SELECT coalesce(json_object_agg(category, amount ORDER BY category), '{}')
              FROM event_prices WHERE event_id = events.id) AS prices,
           events.ticket_types, events.hidden_categories, events.price_changes, events.fees,
           events.tax, now() AS now,
           events.places_per_buyer_max, events.hold_seconds, events.orphan_rule,
           events.accessible_released_at, events.series_id, events.revision, events.created_at,
           events.published_at, events.cancelled_at, events.archived_at,
           (SELECT json_build_object('hash', hash, 'sizes', sizes, 'files_of', files_of)
              FROM event_images WHERE event_id = events.id) AS image,
           (SELECT policy FROM cancellation_policies
             WHERE event_id = events.id ORDER BY version DESC LIMIT 1) AS cancellation_policy
      FROM events
      JOIN seat_maps ON seat_maps.id = events.seat_map_id
      JOIN venues ON venues.id = seat_maps.venue_id
"""

# What an `EventSummaryRow` is read from. OFFSET has the events come first, in the order of an index: a
# plan that is for any filter began with all venues of the house.
EVENTS: LiteralString = """
    SELECT events.id, events.organizer_id, events.state, events.title, venues.id AS venue_id,
           venues.name AS venue_name, venues.city AS venue_city, venues.country AS venue_country,
           events.time_zone, events.starts_at, events.ends_at, events.sale_starts_at,
           events.sale_ends_at, events.currency,
           (SELECT coalesce(json_object_agg(category, amount), '{}')
              FROM event_prices WHERE event_id = events.id) AS prices,
           events.ticket_types, events.hidden_categories, events.price_changes, events.fees,
           events.tax, now() AS now,
           events.series_id,
           (SELECT json_build_object('hash', hash, 'sizes', sizes, 'files_of', files_of)
              FROM event_images WHERE event_id = events.id) AS image
      FROM events,
           LATERAL (SELECT venues.*
                      FROM seat_maps
                      JOIN venues ON venues.id = seat_maps.venue_id
                     WHERE seat_maps.id = events.seat_map_id
                    OFFSET 0) AS venues
"""


async def insert_seat_map(tx: Transaction, row: NewSeatMapRow) -> SeatMapRow:
    """The venue's next version; its lock must be held."""
    return await tx.get(
        SeatMapRow,
        """
        INSERT INTO seat_maps (venue_id, version, name, seat_count, place_count, categories, document,
                               document_gzip, etag)
        SELECT $1, coalesce(max(version), 0) + 1, $2, $3, $4, $5, $6, $7, $8
          FROM seat_maps
         WHERE venue_id = $1
        RETURNING id, venue_id, version, name, seat_count, place_count, categories, created_at
        """,
        row.venue_id,
        row.name,
        row.seat_count,
        row.place_count,
        row.categories,
        row.document,
        row.document_gzip,
        row.etag,
    )


async def list_seat_maps(source: Source, venue_id: int, after_version: int, limit: int) -> list[SeatMapRow]:
    return await source.list(
        SeatMapRow,
        """
        SELECT id, venue_id, version, name, seat_count, place_count, categories, created_at
          FROM seat_maps
         WHERE venue_id = $1 AND version > $2
         ORDER BY version
         LIMIT $3
        """,
        venue_id,
        after_version,
        limit,
    )


async def get_seat_map_document(source: Source, seat_map_id: int) -> str:
    return await source.get(str, "SELECT document FROM seat_maps WHERE id = $1", seat_map_id)


async def get_seat_map_gzip(source: Source, seat_map_id: int) -> bytes:
    return await source.get(bytes, "SELECT document_gzip FROM seat_maps WHERE id = $1", seat_map_id)


async def find_seat_map_access(
    source: Source, event_id: int, seat_map_id: int | None = None
) -> SeatMapAccess | None:
    """Of the map that the event sells, or of another one."""
    return await source.find(
        SeatMapAccess,
        """
        SELECT seat_maps.id AS seat_map_id, events.organizer_id, events.state, seat_maps.etag
          FROM events
          JOIN seat_maps ON seat_maps.id = coalesce($2, events.seat_map_id)
         WHERE events.id = $1
        """,
        event_id,
        seat_map_id,
    )


async def find_venue_with_map(source: Source, venue_id: int, seat_map_id: int) -> VenueWithMap | None:
    return await source.find(
        VenueWithMap,
        """
        SELECT venues.organizer_id, venues.time_zone, seat_maps.categories, now() AS now
          FROM venues
          LEFT JOIN seat_maps ON seat_maps.venue_id = venues.id AND seat_maps.id = $2
         WHERE venues.id = $1
        """,
        venue_id,
        seat_map_id,
    )


async def insert_events(tx: Transaction, organizer_id: int, columns: Sequence[EventColumns]) -> list[int]:
    """Make a draft of each; their ids, in this order."""
    return await tx.list(
        int,
        """
        INSERT INTO events (organizer_id, seat_map_id, title, description, currency, time_zone, starts_at,
                            ends_at, sale_starts_at, sale_ends_at, places_per_buyer_max, hold_seconds,
                            orphan_rule, accessible_released_at)
        SELECT $1, seat_map_id, title, description, currency, time_zone, starts_at, ends_at, sale_starts_at,
               sale_ends_at, places_per_buyer_max, hold_seconds, orphan_rule, accessible_released_at
          FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[],
                      $8::timestamptz[], $9::timestamptz[], $10::timestamptz[], $11::integer[],
                      $12::integer[], $13::text[], $14::timestamptz[])
               WITH ORDINALITY
            AS new (seat_map_id, title, description, currency, time_zone, starts_at, ends_at, sale_starts_at,
                    sale_ends_at, places_per_buyer_max, hold_seconds, orphan_rule, accessible_released_at,
                    number)
         ORDER BY number
        RETURNING id
        """,
        organizer_id,
        *_arrays(columns),
    )


async def lock_event(tx: Transaction, event_id: int) -> LockedEvent | None:
    """Let one change of this event at a time happen; those who read it do not wait.

    A statement of its own over one table: after a wait, a join would pair the event as it has become
    with other rows as they were, and the next statement is the first to see all of it.
    """
    return await tx.find(
        LockedEvent,
        """
        SELECT organizer_id, state, archived_at IS NOT NULL AS is_archived, now() AS now
          FROM events
         WHERE id = $1
           FOR NO KEY UPDATE
        """,
        event_id,
    )


async def update_events(tx: Transaction, event_ids: Sequence[int], columns: Sequence[EventColumns]) -> None:
    """Write the columns of each and count its revision up; their locks must be held.

    The ids are named twice, see `inventory.queries.update_places`.
    """
    await tx.execute(
        """
        UPDATE events AS event
           SET seat_map_id = new.seat_map_id, title = new.title, description = new.description,
               currency = new.currency, time_zone = new.time_zone, starts_at = new.starts_at,
               ends_at = new.ends_at, sale_starts_at = new.sale_starts_at, sale_ends_at = new.sale_ends_at,
               places_per_buyer_max = new.places_per_buyer_max, hold_seconds = new.hold_seconds,
               orphan_rule = new.orphan_rule, accessible_released_at = new.accessible_released_at,
               revision = event.revision + 1
          FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[],
                      $7::timestamptz[], $8::timestamptz[], $9::timestamptz[], $10::timestamptz[],
                      $11::integer[], $12::integer[], $13::text[], $14::timestamptz[])
            AS new (id, seat_map_id, title, description, currency, time_zone, starts_at, ends_at,
                    sale_starts_at, sale_ends_at, places_per_buyer_max, hold_seconds, orphan_rule,
                    accessible_released_at)
         WHERE event.id = new.id AND event.id = ANY ($1::bigint[])
        """,
        event_ids,
        *_arrays(columns),
    )


async def update_to_published(tx: Transaction, event_ids: Sequence[int]) -> None:
    """Put drafts on sale; their locks must be held."""
    await tx.execute(
        """
        UPDATE events
           SET state = 'PUBLISHED', published_at = now(), revision = revision + 1
         WHERE id = ANY ($1::bigint[])
        """,
        event_ids,
    )


async def delete_event(tx: Transaction, event_id: int) -> None:
    await tx.execute("DELETE FROM events WHERE id = $1", event_id)


async def find_event(source: Source, event_id: int) -> EventRow | None:
    """The event with its prices, all of one revision: it is one statement."""
    return await source.find(
        EventRow,
        WHOLE_EVENTS
        + """
         WHERE events.id = $1
        """,
        event_id,
    )


async def find_sale_terms(source: Source, event_id: int) -> SaleTermsRow | None:
    """What the sale needs, all of one revision: it is one statement, small enough for every batch."""
    return await source.find(
        SaleTermsRow,
        """
        SELECT id, revision, state, title, currency, starts_at, sale_starts_at, sale_ends_at,
               places_per_buyer_max, hold_seconds, orphan_rule, accessible_released_at, seat_map_id,
               (SELECT coalesce(json_object_agg(category, amount), '{}')
                  FROM event_prices WHERE event_id = events.id) AS prices,
               ticket_types, hidden_categories, price_changes,
               (SELECT coalesce(json_object_agg(encode(key_hash, 'hex'), json_build_object(
                           'id', id, 'sale_starts_at', sale_starts_at, 'sale_ends_at', sale_ends_at,
                           'prices', prices)), '{}')
                  FROM channels WHERE event_id = events.id) AS channels,
               fees, tax
          FROM events
         WHERE id = $1
        """,
        event_id,
    )


async def get_now(source: Source) -> datetime:
    return await source.get(datetime, "SELECT now()")


async def find_event_titled(source: Source, organizer_id: int, title: str) -> int | None:
    """The organizer's event of this title that is still to come."""
    return await source.find(
        int,
        """
        SELECT id
          FROM events
         WHERE organizer_id = $1 AND title = $2 AND state <> 'CANCELLED' AND starts_at > now()
         ORDER BY id
         LIMIT 1
        """,
        organizer_id,
        title,
    )


async def find_event_owner(source: Source, event_id: int) -> int | None:
    return await source.find(int, "SELECT organizer_id FROM events WHERE id = $1", event_id)


async def list_published_events(
    source: Source, filters: EventFilter, after: tuple[datetime, int] | None, limit: int
) -> list[EventSummaryRow]:
    """What the public may see, by start. Without `since`, what is still to come."""
    return await source.list(
        EventSummaryRow,
        EVENTS
        + """
         WHERE events.state = 'PUBLISHED'
           AND ($1::text IS NULL
                OR events.title ILIKE $1 OR venues.name ILIKE $1 OR venues.city ILIKE $1)
           AND events.starts_at >= coalesce($2::timestamptz, now())
           AND ($3::timestamptz IS NULL OR events.starts_at < $3)
           AND ($4::text IS NULL OR lower(venues.city) = lower($4))
           AND ($5::bigint IS NULL OR venues.id = $5)
           AND ($6::bigint IS NULL OR events.organizer_id = $6)
           AND ($7::bigint IS NULL OR events.series_id = $7)
           AND (events.archived_at IS NOT NULL) = $8::boolean
           AND (events.starts_at, events.id)
               > (coalesce($9::timestamptz, '-infinity'), coalesce($10::bigint, 0))
         ORDER BY events.starts_at, events.id
         LIMIT $11
        """,
        *msgspec.structs.astuple(filters),
        *(after or (None, None)),
        limit,
    )


async def list_own_events(
    source: Source, filters: EventFilter, after: tuple[datetime, int] | None, limit: int
) -> list[EventSummaryRow]:
    """What the organizer of the filter has, in every state, by start; what is archived, or the rest."""
    return await source.list(
        EventSummaryRow,
        EVENTS
        + """
         WHERE events.organizer_id = $6
           AND ($1::text IS NULL
                OR events.title ILIKE $1 OR venues.name ILIKE $1 OR venues.city ILIKE $1)
           AND ($2::timestamptz IS NULL OR events.starts_at >= $2)
           AND ($3::timestamptz IS NULL OR events.starts_at < $3)
           AND ($4::text IS NULL OR lower(venues.city) = lower($4))
           AND ($5::bigint IS NULL OR venues.id = $5)
           AND ($7::bigint IS NULL OR events.series_id = $7)
           AND (events.archived_at IS NOT NULL) = $8::boolean
           AND (events.starts_at, events.id)
               > (coalesce($9::timestamptz, '-infinity'), coalesce($10::bigint, 0))
         ORDER BY events.starts_at, events.id
         LIMIT $11
        """,
        *msgspec.structs.astuple(filters),
        *(after or (None, None)),
        limit,
    )


def _arrays(columns: Sequence[EventColumns]) -> list[list[Any]]:
    """An array for each column, as `unnest` takes them."""
    return [list(values) for values in zip(*map(msgspec.structs.astuple, columns), strict=True)]
