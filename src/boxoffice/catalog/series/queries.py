"""SQL of series of events."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from boxoffice.catalog.queries import EVENTS, WHOLE_EVENTS
from boxoffice.catalog.rows import EventRow, EventSummaryRow
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.series.schemas import SeriesSummary
from boxoffice.kit.postgres import Source, Transaction


class SeriesRow(msgspec.Struct, frozen=True):
    """A series; `changes` counts the events that are left, and its own changes and theirs.

    Without the events, a deleted draft would take its changes away, and an earlier count would come again.
    """

    id: int
    organizer_id: int
    title: str
    created_at: datetime
    changes: str


class Night(msgspec.Struct, frozen=True):
    """An event of a series, and what decides whether it can be changed."""

    id: int
    state: EventState
    starts_at: datetime


class LockedSeries(msgspec.Struct, frozen=True):
    """Whose it is; `now` is the clock of this transaction."""

    organizer_id: int
    now: datetime


async def insert_series(tx: Transaction, organizer_id: int, title: str) -> int:
    return await tx.get(
        int,
        "INSERT INTO series (organizer_id, title) VALUES ($1, $2) RETURNING id",
        organizer_id,
        title,
    )


async def update_series_of(tx: Transaction, event_ids: Sequence[int], series_id: int) -> None:
    """Put new events into a series."""
    await tx.execute("UPDATE events SET series_id = $2 WHERE id = ANY ($1::bigint[])", event_ids, series_id)


async def lock_series(tx: Transaction, series_id: int) -> LockedSeries | None:
    """Let one change of this series at a time happen; the locks of its events come after it, by id."""
    return await tx.find(
        LockedSeries,
        "SELECT organizer_id, now() AS now FROM series WHERE id = $1 FOR NO KEY UPDATE",
        series_id,
    )


async def lock_nights(tx: Transaction, series_id: int) -> list[Night]:
    """Let one change of these events at a time happen: they are locked by id, and read once they are.

    The lock of the series must be held.
    """
    return await tx.list(
        Night,
        """
        SELECT id, state, starts_at
          FROM events
         WHERE series_id = $1
         ORDER BY id
           FOR NO KEY UPDATE
        """,
        series_id,
    )


async def list_published_ids(source: Source, series_id: int) -> list[int]:
    """The events of a series that are on sale, by id."""
    return await source.list(
        int, "SELECT id FROM events WHERE series_id = $1 AND state = 'PUBLISHED' ORDER BY id", series_id
    )


async def update_series(tx: Transaction, series_id: int, title: str | None) -> None:
    """Count a change, and give the series another title if there is one; its lock must be held."""
    await tx.execute(
        "UPDATE series SET title = coalesce($2, title), revision = revision + 1 WHERE id = $1",
        series_id,
        title,
    )


async def find_series(source: Source, series_id: int) -> SeriesRow | None:
    return await source.find(
        SeriesRow,
        """
        SELECT series.id, series.organizer_id, series.title, series.created_at,
               (SELECT count(*) || '-' || series.revision + coalesce(sum(revision), 0)
                  FROM events WHERE series_id = series.id) AS changes
          FROM series
         WHERE series.id = $1
        """,
        series_id,
    )


async def list_series(
    source: Source, organizer_id: int, pattern: str | None, before_id: int | None, limit: int
) -> list[SeriesSummary]:
    """What the organizer has, newest first, but for series all of whose events were deleted."""
    return await source.list(
        SeriesSummary,
        """
        SELECT series.id, series.organizer_id, series.title, series.created_at,
               nights.event_count, nights.first_starts_at, nights.last_starts_at
          FROM series
         CROSS JOIN LATERAL (
               SELECT count(*) AS event_count,
                      min(starts_at) AS first_starts_at, max(starts_at) AS last_starts_at
                 FROM events
                WHERE series_id = series.id
               ) AS nights
         WHERE series.organizer_id = $1
           AND ($2::text IS NULL OR series.title ILIKE $2)
           AND ($3::bigint IS NULL OR series.id < $3)
           AND nights.event_count > 0
         ORDER BY series.id DESC
         LIMIT $4
        """,
        organizer_id,
        pattern,
        before_id,
        limit,
    )


async def list_whole_events(source: Source, series_id: int) -> list[EventRow]:
    """All of its events with all there is of them, by id."""
    return await source.list(
        EventRow,
        WHOLE_EVENTS
        + """
         WHERE events.series_id = $1
         ORDER BY events.id
        """,
        series_id,
    )


async def list_events_of_series(source: Source, series_id: int, *, own: bool) -> list[EventSummaryRow]:
    """Its events by start: to their organizer all of them, to others those that are published and listed."""
    return await source.list(
        EventSummaryRow,
        EVENTS
        + """
         WHERE events.series_id = $1
           AND ($2::boolean OR (events.state = 'PUBLISHED' AND events.archived_at IS NULL))
         ORDER BY events.starts_at, events.id
        """,
        series_id,
        own,
    )
