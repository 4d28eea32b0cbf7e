"""SQL of the seat maps that are made for one event, and of which maps an event has had."""

from collections.abc import Sequence

import msgspec

from boxoffice.catalog.rows import NewSeatMapRow
from boxoffice.kit.postgres import Source, Transaction


class SeatMapOrigin(msgspec.Struct, frozen=True):
    """Where a map comes from; `made_from` is None for a venue's own version."""

    venue_id: int
    event_id: int | None
    made_from: int | None


class CategoriesRow(msgspec.Struct, frozen=True):
    """The categories of a seat map, as JSON."""

    id: int
    venue_id: int
    categories: str


async def find_origin(source: Source, seat_map_id: int) -> SeatMapOrigin | None:
    return await source.find(
        SeatMapOrigin, "SELECT venue_id, event_id, made_from FROM seat_maps WHERE id = $1", seat_map_id
    )


async def list_categories(source: Source, seat_map_ids: Sequence[int]) -> list[CategoriesRow]:
    """Those of each of these maps."""
    return await source.list(
        CategoriesRow,
        "SELECT id, venue_id, categories FROM seat_maps WHERE id = ANY ($1::bigint[])",
        seat_map_ids,
    )


async def list_seat_map_ids(source: Source, event_id: int) -> list[int]:
    """The maps that the event has and had, the newest first."""
    return await source.list(
        int,
        """
        WITH RECURSIVE used AS (
            SELECT map.id, map.event_id, map.replaces_id, 0 AS age
              FROM events
              JOIN seat_maps AS map ON map.id = events.seat_map_id
             WHERE events.id = $1
             UNION ALL
            SELECT map.id, map.event_id, map.replaces_id, used.age + 1
              FROM used
              JOIN seat_maps AS map ON map.id = used.replaces_id
             WHERE used.event_id = $1
        )
        SELECT id FROM used ORDER BY age
        """,
        event_id,
    )


async def insert_revision(
    tx: Transaction, event_id: int, made_from: int, replaces_id: int, row: NewSeatMapRow
) -> int:
    """A map of the event's own; its id."""
    return await tx.get(
        int,
        """
        INSERT INTO seat_maps (venue_id, event_id, made_from, replaces_id, name, seat_count, place_count,
                               categories, document, document_gzip, etag)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        RETURNING id
        """,
        row.venue_id,
        event_id,
        made_from,
        replaces_id,
        row.name,
        row.seat_count,
        row.place_count,
        row.categories,
        row.document,
        row.document_gzip,
        row.etag,
    )


async def delete_revision(tx: Transaction, event_id: int, seat_map_id: int) -> None:
    """Forget a map that the event did not get after all."""
    await tx.execute(
        """
        DELETE FROM seat_maps
         WHERE id = $2 AND event_id = $1 AND NOT EXISTS (SELECT FROM events WHERE seat_map_id = $2)
        """,
        event_id,
        seat_map_id,
    )


async def update_seat_map(
    tx: Transaction, event_id: int, revision: int, before_id: int, seat_map_id: int
) -> int:
    """Give a published event another map, if it is still of this revision; how many events were found."""
    return await tx.execute(
        """
        UPDATE events
           SET seat_map_id = $4, revision = revision + 1
         WHERE id = $1 AND revision = $2 AND seat_map_id = $3 AND state = 'PUBLISHED' AND archived_at IS NULL
        """,
        event_id,
        revision,
        before_id,
        seat_map_id,
    )
