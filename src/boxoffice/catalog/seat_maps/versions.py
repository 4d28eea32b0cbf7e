"""The versions of a venue's seat map: import one, list them, serve one. A version never changes."""

import asyncio
import gzip
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, TypeVar, TypeVarTuple

import msgspec
from msgspec import Meta

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import queries, venue_queries
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.rows import NewSeatMapRow, SeatMapAccess, SeatMapRow
from boxoffice.catalog.schemas import EventState, SeatMapSummary
from boxoffice.catalog.seat_maps import queries as seat_map_queries
from boxoffice.catalog.seat_maps.document import CategoryPlaces, SeatMapDocument, count_places
from boxoffice.catalog.seat_maps.faults import read_seat_map
from boxoffice.catalog.venues import get_venue
from boxoffice.kit.errors import NotFound
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction

_Position = tuple[Annotated[int, Meta(ge=0, le=2**31 - 1)]]

# The best of zlib is a few percent smaller and takes several times as long.
_GZIP_LEVEL = 6

# One map at a time: reading a large one takes a tenth of a second of the interpreter and 100 MB.
_reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="seat-map")

_Given = TypeVarTuple("_Given")
_Made = TypeVar("_Made")


async def import_seat_map(
    db: Database, user: Identity, venue_id: int, document: bytes, once: Once | None = None
) -> SeatMapSummary:
    """Store a document of either shape as the venue's next version.

    Raises `NotFound` for a venue that is not the user's, `UnreadableBody` or `InvalidInput` for a
    document that cannot be a seat map.
    """
    await _refuse_strangers(db, user, venue_id)
    row = await in_reader(_to_row, venue_id, document)
    async with db.transaction() as tx:
        return await do_once(tx, once, SeatMapSummary, lambda: _add_version(tx, venue_id, row))


async def in_reader(work: Callable[[*_Given], _Made], *given: *_Given) -> _Made:
    """Have this worked out in the thread that reads seat maps, one after the other."""
    return await asyncio.get_running_loop().run_in_executor(_reader, work, *given)


async def _add_version(tx: Transaction, venue_id: int, row: NewSeatMapRow) -> SeatMapSummary:
    await venue_queries.lock_venue(tx, venue_id)
    return _summary(await queries.insert_seat_map(tx, row))


async def list_seat_maps(
    source: Source, user: Identity, venue_id: int, *, cursor: str | None, limit: int
) -> Page[SeatMapSummary]:
    """The versions of a venue of the user's, oldest first. Raises `NotFound`, `UnknownCursor`."""
    after = 0 if cursor is None else decode_cursor(cursor, _Position)[0]
    await _refuse_strangers(source, user, venue_id)
    rows = await queries.list_seat_maps(source, venue_id, after, limit + 1)
    return page_of([_summary(row) for row in rows], limit, lambda item: (item.version,))


async def get_seat_map_of_event(source: Source, viewer: Identity | None, event_id: int) -> SeatMapAccess:
    """Which map an event uses. Raises `NotFound` when the event is somebody else's draft."""
    return _if_seen_by(viewer, await queries.find_seat_map_access(source, event_id))


async def get_one_seat_map_of_event(
    source: Source, viewer: Identity | None, event_id: int, seat_map_id: int
) -> SeatMapAccess:
    """A map that an event has or had. Raises `NotFound`, also when the event is somebody else's draft."""
    if seat_map_id not in await seat_map_queries.list_seat_map_ids(source, event_id):
        raise NotFound
    return _if_seen_by(viewer, await queries.find_seat_map_access(source, event_id, seat_map_id))


def _if_seen_by(viewer: Identity | None, access: SeatMapAccess | None) -> SeatMapAccess:
    if access is None:
        raise NotFound
    if access.state == EventState.DRAFT and (viewer is None or not may_change(viewer, access.organizer_id)):
        raise NotFound
    return access


async def _refuse_strangers(source: Source, user: Identity, venue_id: int) -> None:
    venue = await get_venue(source, venue_id)
    if not may_change(user, venue.organizer_id):
        raise NotFound


def _to_row(venue_id: int, body: bytes) -> NewSeatMapRow:
    return row_of(venue_id, read_seat_map(body))


def row_of(venue_id: int, document: SeatMapDocument) -> NewSeatMapRow:
    """What is stored of a document; packing it takes 0.3 s for 50,000 seats."""
    categories = count_places(document)
    text = msgspec.json.encode(document)
    return NewSeatMapRow(
        venue_id=venue_id,
        name=document.name,
        seat_count=document.seat_count,
        place_count=sum(category.places for category in categories),
        categories=msgspec.json.encode(categories).decode(),
        document=text.decode(),
        document_gzip=gzip.compress(text, _GZIP_LEVEL, mtime=0),
        etag=hashlib.sha256(text).hexdigest()[:32],
    )


def _summary(row: SeatMapRow) -> SeatMapSummary:
    return SeatMapSummary(
        id=row.id,
        venue_id=row.venue_id,
        version=row.version,
        name=row.name,
        seat_count=row.seat_count,
        place_count=row.place_count,
        categories=decode_categories(row.categories),
        created_at=row.created_at,
    )


def decode_categories(text: str) -> list[CategoryPlaces]:
    """Read a seat map row's `categories`."""
    return msgspec.json.decode(text, type=list[CategoryPlaces])
