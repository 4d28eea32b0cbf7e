"""HTTP of seat maps: the versions of a venue's, and the map of an event."""

from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.datastructures import Headers
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.catalog import queries
from boxoffice.catalog.event_lists import VIEWER
from boxoffice.catalog.rows import SeatMapAccess
from boxoffice.catalog.schemas import ROW_ID_MAX, EventState, SeatMapSummary
from boxoffice.catalog.seat_maps import versions as seat_map_versions
from boxoffice.catalog.seat_maps.body import SeatMapBody
from boxoffice.catalog.seat_maps.document import SeatMapDocument
from boxoffice.kit import idempotency
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.http import SEAT_MAP_BODY_BYTES_MAX
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
_VenueId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]
_SeatMapId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]

_ORGANIZER = (NotSignedIn, NotAllowed)

# A map never changes, so whoever has it need not ask again for a year, the longest that caches promise to
# keep anything.
_FOR_EVER = "public, max-age=31536000, immutable"
# Which map an event sells may change, seldom. Asked again at every use by browsers, kept for a second by
# caches that serve many, like the availability that says which map it belongs to.
_FOR_A_SECOND = "public, max-age=0, s-maxage=1"
# A draft is its organizer's secret, and may get another map.
_FOR_NOW = "private, no-cache"

_A_MAP = {
    200: ResponseSpec(SeatMapDocument, description="The map; seats are known by their `id`."),
    304: ResponseSpec(None, description="You have it already."),
    **documents(NotFound, NotSignedIn),
}


@post(
    "/venues/{venue_id:int}/seat-maps",
    dto=SeatMapBody,
    request_max_body_size=SEAT_MAP_BODY_BYTES_MAX,
    operation_id="ImportSeatMap",
    summary="Add a version of a venue's seat map",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, NotFound, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def import_seat_map(
    venue_id: _VenueId,
    data: JSONBody[bytes],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    once: NamedDependency[Once | None],
) -> Response[SeatMapSummary]:
    """Store a seat map as the venue's next version; versions never change.

    Two shapes are understood. With `"format": "BOXOFFICE"` it is our own: absolute positions, seats and
    general-admission areas, no unknown members. Without `format` it is the open seating-plan JSON
    (zones, rows and seats, each positioned relative to its parent), whose other members are ignored.
    """
    return idempotency.respond(await seat_map_versions.import_seat_map(db, user, venue_id, data, once), once)


@get(
    "/venues/{venue_id:int}/seat-maps",
    operation_id="ListSeatMaps",
    summary="List the versions of a venue's seat map",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, NotFound, InvalidInput, UnknownCursor),
)
async def list_seat_maps(
    request: Request[Any, Any, Any],
    venue_id: _VenueId,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[SeatMapSummary]]:
    """List the versions of a venue of yours, oldest first."""
    page = await seat_map_versions.list_seat_maps(db, user, venue_id, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/events/{event_id:int}/seat-map",
    operation_id="GetSeatMap",
    summary="Get the seats and areas of an event",
    tags=["Catalog"],
    dependencies=VIEWER,
    responses=_A_MAP,
)
async def get_seat_map(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    viewer: NamedDependency[Identity | None],
    db: NamedDependency[Database],
) -> Response[bytes | None]:
    """Answer with the whole map as the event sells it now. Ask for gzip, and send the `ETag` back.

    Its organizer may add seats and take free ones away while it is on sale: the `seat_map_id` of the
    availability is another one then.
    """
    access = await seat_map_versions.get_seat_map_of_event(db, viewer, event_id)
    return await _answer(request.headers, db, access, _FOR_A_SECOND)


@get(
    "/events/{event_id:int}/seat-maps/{seat_map_id:int}",
    operation_id="GetSeatMapOfEvent",
    summary="Get one seat map of an event",
    tags=["Catalog"],
    dependencies=VIEWER,
    responses=_A_MAP,
)
async def get_seat_map_by_id(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    seat_map_id: _SeatMapId,
    viewer: NamedDependency[Identity | None],
    db: NamedDependency[Database],
) -> Response[bytes | None]:
    """Answer with a map that the event sells or has sold. It never changes: keep it for ever."""
    access = await seat_map_versions.get_one_seat_map_of_event(db, viewer, event_id, seat_map_id)
    return await _answer(request.headers, db, access, _FOR_EVER)


async def _answer(
    wanted: Headers, db: Database, access: SeatMapAccess, caching: str
) -> Response[bytes | None]:
    packed = _accepts_gzip(wanted)
    headers = {
        "ETag": f'"{access.etag}-gzip"' if packed else f'"{access.etag}"',
        "Cache-Control": _FOR_NOW if access.state == EventState.DRAFT else caching,
        "Vary": "Accept-Encoding",
    }
    if _has_it_already(wanted, access.etag):
        return Response(None, status_code=304, headers=headers)
    if packed:
        content = await queries.get_seat_map_gzip(db, access.seat_map_id)
        return Response(
            content, headers={**headers, "Content-Encoding": "gzip"}, media_type="application/json"
        )
    text = await queries.get_seat_map_document(db, access.seat_map_id)
    return Response(text.encode(), headers=headers, media_type="application/json")


def _accepts_gzip(headers: Headers) -> bool:
    for choice in headers.get("accept-encoding", "").lower().split(","):
        coding, _, weight = choice.replace(" ", "").partition(";")
        if coding == "gzip":
            return weight not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def _has_it_already(headers: Headers, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return "*" in known or f'"{etag}"' in known or f'"{etag}-gzip"' in known


routes: list[ControllerRouterHandler] = [import_seat_map, list_seat_maps, get_seat_map, get_seat_map_by_id]
