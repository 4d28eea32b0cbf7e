"""Series: one show on many nights, made, changed and published at once. Each night is an event of its own."""

from collections.abc import Generator
from contextlib import contextmanager
from datetime import datetime, timedelta

import msgspec
from msgspec import structs

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import event_tags, queries
from boxoffice.catalog.codes import TIME_ZONES
from boxoffice.catalog.event_changes import (
    check_change,
    check_draft,
    list_categories,
    look_at_drafts,
    write_change,
)
from boxoffice.catalog.events import (
    categories_at,
    check_event,
    event_of,
    get_place,
    insert_drafts,
    summary_of,
)
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.rows import EventColumns
from boxoffice.catalog.schemas import Event, EventChange, EventState, NewEvent, RowId
from boxoffice.catalog.series import queries as series_queries
from boxoffice.catalog.series.queries import Night
from boxoffice.catalog.series.schemas import NewSeries, Series, SeriesChange, SeriesSummary
from boxoffice.catalog.wall_clock import moment_of
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction
from boxoffice.kit.text import pattern_of

# Members of a series that each of its events has as they are.
_SHARED = tuple(name for name in NewSeries.__struct_fields__ if name in NewEvent.__struct_fields__)

_Position = tuple[RowId]


class SeriesHasChanged(Refusal, status=412):
    """The series or one of its events has changed since you saw it, and nothing was done. Get it again, look
    at what is different, and send your change with the new ETag in If-Match.
    """


class ShownSeries(msgspec.Struct, frozen=True):
    """A series, and the ETag of all of it."""

    series: Series
    etag: str


async def create_series(db: Database, user: Identity, new: NewSeries, once: Once | None = None) -> Series:
    """Make a draft for every night: all or none. Raises `InvalidInput`."""
    async with db.transaction() as tx:
        return await do_once(tx, once, Series, lambda: _create_series(tx, user, new))


async def _create_series(tx: Transaction, user: Identity, new: NewSeries) -> Series:
    place = await get_place(tx, user, new.venue_id, new.seat_map_id)
    starts = _moments_of(new, new.time_zone or place.time_zone)
    categories = categories_at(place)
    shared = {name: getattr(new, name) for name in _SHARED}
    events = [
        NewEvent(
            **shared,
            starts_at=start,
            ends_at=None if new.minutes is None else start + timedelta(minutes=new.minutes),
        )
        for start in starts
    ]
    columns: list[EventColumns] = []
    for index, event in enumerate(events):
        try:
            columns.append(check_event(event, place, categories))
        except InvalidInput as error:
            raise InvalidInput(errors=[_of_night(fault, index) for fault in error.errors]) from None
    event_ids = await insert_drafts(tx, user, events[0], columns)
    series_id = await series_queries.insert_series(tx, user.user_id, new.title)
    await series_queries.update_series_of(tx, event_ids, series_id)
    return (await _shown(tx, user, series_id)).series


async def get_series(source: Source, viewer: Identity | None, series_id: int) -> ShownSeries:
    """A series and its events; drafts and what is cancelled or put away only for those who may change it.

    Raises `NotFound`, also while there is nothing to be seen.
    """
    shown = await _shown(source, viewer, series_id)
    if not shown.series.events:
        raise NotFound
    return shown


async def list_series(
    source: Source, user: Identity, words: str | None, *, cursor: str | None, limit: int
) -> Page[SeriesSummary]:
    """The user's series with these words in the title, newest first. Raises `UnknownCursor`."""
    before = None if cursor is None else decode_cursor(cursor, _Position)[0]
    pattern = None if words is None else pattern_of(words)
    rows = await series_queries.list_series(source, user.user_id, pattern, before, limit + 1)
    return page_of(rows, limit, lambda series: (series.id,))


async def update_series(
    db: Database, user: Identity, series_id: int, change: SeriesChange, *, if_match: str | None = None
) -> ShownSeries:
    """Change every event that is neither cancelled nor begun: all of them or none.

    Raises `NotFound`, `InvalidInput`, `SeriesHasChanged`.
    """
    given = EventChange(**structs.asdict(change))
    async with db.transaction() as tx:
        events, now = await _lock_own_series(tx, user, series_id)
        known = await series_queries.find_series(tx, series_id)
        if known is not None and if_match is not None and not event_tags.names(if_match, known.changes):
            raise SeriesHasChanged
        title = change.title if isinstance(change.title, str) else None
        await series_queries.update_series(tx, series_id, title)
        changing = [
            event for event in events if event.state is not EventState.CANCELLED and event.starts_at > now
        ]
        categories = await list_categories(tx, changing, given)
        columns: list[EventColumns] = []
        for event in changing:
            with naming(event):
                columns.append(check_change(event, given, categories, now))
        if changing:
            await write_change(tx, [event.id for event in changing], columns, given)
        return await _shown(tx, user, series_id)


async def publish_series(db: Database, user: Identity, series_id: int) -> ShownSeries:
    """Put every draft on sale, or none; the others stay as they are. Raises `NotFound`, `InvalidInput`."""
    async with db.transaction() as tx:
        events, now = await _lock_own_series(tx, user, series_id)
        drafts = [event for event in events if event.state is EventState.DRAFT]
        known = await look_at_drafts(tx, drafts)
        for event in drafts:
            with naming(event):
                check_draft(event, known, now)
        await queries.update_to_published(tx, [event.id for event in drafts])
        return await _shown(tx, user, series_id)


async def _lock_own_series(tx: Transaction, user: Identity, series_id: int) -> tuple[list[Event], datetime]:
    """Its events, which nobody else changes until we commit, and the clock of this transaction.

    The series first, then its events by id. An event may have been deleted while we waited.
    """
    now = await _lock_series(tx, user, series_id)
    await series_queries.lock_nights(tx, series_id)
    return [event_of(row) for row in await series_queries.list_whole_events(tx, series_id)], now


async def _lock_series(tx: Transaction, user: Identity, series_id: int) -> datetime:
    locked = await series_queries.lock_series(tx, series_id)
    if locked is None or not may_change(user, locked.organizer_id):
        raise NotFound
    return locked.now


async def lock_nights(tx: Transaction, user: Identity, series_id: int) -> tuple[list[Night], datetime]:
    """Its events that are neither cancelled nor begun, locked by id, and the clock. Raises `NotFound`."""
    now = await _lock_series(tx, user, series_id)
    nights = await series_queries.lock_nights(tx, series_id)
    return [
        night for night in nights if night.state is not EventState.CANCELLED and night.starts_at > now
    ], now


async def list_on_sale(source: Source, user: Identity, series_id: int) -> list[int]:
    """The events of a series of one's own that are on sale, by id. Raises `NotFound`."""
    row = await series_queries.find_series(source, series_id)
    if row is None or not may_change(user, row.organizer_id):
        raise NotFound
    return await series_queries.list_published_ids(source, series_id)


async def _shown(source: Source, viewer: Identity | None, series_id: int) -> ShownSeries:
    row = await series_queries.find_series(source, series_id)
    if row is None:
        raise NotFound
    own = viewer is not None and may_change(viewer, row.organizer_id)
    events = await series_queries.list_events_of_series(source, series_id, own=own)
    series = Series(
        id=row.id,
        organizer_id=row.organizer_id,
        title=row.title,
        created_at=row.created_at,
        events=[summary_of(event) for event in events],
    )
    return ShownSeries(series, f'"{row.changes}"')


def _moments_of(new: NewSeries, zone: str) -> list[datetime]:
    if zone not in TIME_ZONES:
        raise invalid("/time_zone", "This is no IANA time zone name.")
    moments: list[datetime] = []
    faults: list[FieldError] = []
    for index, local in enumerate(new.starts):
        pointer = f"/starts/{index}"
        if not is_storable(local):
            detail = f"The year must be from {YEAR_MIN} to {YEAR_MAX}."
            faults.append(FieldError(pointer=pointer, detail=detail))
        elif (moment := moment_of(local, zone)) is None:
            detail = f"The clocks of {zone} skip this time when they are put forward."
            faults.append(FieldError(pointer=pointer, detail=detail))
        elif moment in moments:
            faults.append(FieldError(pointer=pointer, detail="This night is named twice."))
        else:
            moments.append(moment)
    if faults:
        raise InvalidInput(errors=faults)
    return moments


def _of_night(fault: FieldError, index: int) -> FieldError:
    """Where in a series' body a fault of one of its events is."""
    is_start = fault.pointer in ("/starts_at", "/ends_at")
    return FieldError(pointer=f"/starts/{index}", detail=fault.detail) if is_start else fault


@contextmanager
def naming(event: Event | Night) -> Generator[None]:
    """Say which of the events it is that this cannot be done with."""
    try:
        yield
    except InvalidInput as error:
        which = f"(Event {event.id}, {event.starts_at:%Y-%m-%d}.)"
        raise InvalidInput(
            errors=[structs.replace(fault, detail=f"{fault.detail} {which}") for fault in error.errors]
        ) from None
