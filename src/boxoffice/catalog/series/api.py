"""HTTP of series of events."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.catalog.channels.selling import ChannelNameTaken, TooManyChannels, create_channel_of_series
from boxoffice.catalog.event_lists import VIEWER
from boxoffice.catalog.schemas import ROW_ID_MAX, NewChannel
from boxoffice.catalog.series import nights as series
from boxoffice.catalog.series.nights import SeriesHasChanged, ShownSeries
from boxoffice.catalog.series.schemas import NewSeries, Series, SeriesChange, SeriesChannel, SeriesSummary
from boxoffice.kit import idempotency
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.text import LINE_CHARACTERS_MAX, LINE_PATTERN

_SeriesId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]

_IfMatch = Annotated[
    str | None,
    HeaderParameter(
        name="If-Match",
        description="The `ETag` of the series as you know it: change that one, or answer 412.",
    ),
]

_ORGANIZER = (NotSignedIn, NotAllowed)


@post(
    "/series",
    operation_id="CreateSeries",
    summary="Make an event for each of many nights",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def create(
    data: JSONBody[NewSeries],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    once: NamedDependency[Once | None],
) -> Response[Series]:
    """Make a draft for each of `starts`, all or none, at the time the clock there shows."""
    return idempotency.respond(await series.create_series(db, user, data, once), once)


@get(
    "/series",
    operation_id="ListSeries",
    summary="Find your series",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, InvalidInput, UnknownCursor),
)
async def list_own(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    q: Annotated[
        str | None,
        QueryParameter(
            max_length=LINE_CHARACTERS_MAX, pattern=LINE_PATTERN, description="Words in the title."
        ),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[SeriesSummary]]:
    """List the series of yours, newest first. `GET /events?mine=true&series_id=` lists the nights of one."""
    page = await series.list_series(db, user, q, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/series/{series_id:int}",
    operation_id="GetSeries",
    summary="See a series",
    tags=["Catalog"],
    dependencies=VIEWER,
    responses={
        200: ResponseSpec(Series, description="The series; its `ETag` is for `If-Match` when you change it."),
        **documents(NotFound, NotSignedIn),
    },
)
async def show(
    series_id: _SeriesId,
    viewer: NamedDependency[Identity | None],
    db: NamedDependency[Database],
) -> Response[Series]:
    """Show a series and its published events; to its organizer, all of them."""
    return _answer(await series.get_series(db, viewer, series_id))


@patch(
    "/series/{series_id:int}",
    operation_id="UpdateSeries",
    summary="Change all events of a series",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, NotFound, SeriesHasChanged),
)
async def update(
    series_id: _SeriesId,
    data: JSONBody[SeriesChange],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    if_match: _IfMatch = None,
) -> Response[Series]:
    """Change every event of a series of yours that is neither cancelled nor begun: all of them or none.

    With `If-Match`, nobody's change is lost, of the series or of one of its events.
    """
    return _answer(await series.update_series(db, user, series_id, data, if_match=if_match))


@post(
    "/series/{series_id:int}/publish",
    status_code=200,
    operation_id="PublishSeries",
    summary="Put all events of a series on sale",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, NotFound, InvalidInput),
)
async def publish(
    series_id: _SeriesId, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[Series]:
    """Publish every draft of a series of yours, or none. Publishing twice is publishing once."""
    return _answer(await series.publish_series(db, user, series_id))


@post(
    "/series/{series_id:int}/channels",
    operation_id="CreateChannelOfSeries",
    summary="Make a sales channel for a series",
    tags=["Channels"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, NotFound, ChannelNameTaken, TooManyChannels),
)
async def create_channel(
    series_id: _SeriesId,
    data: JSONBody[NewChannel],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
) -> Response[SeriesChannel]:
    """Make a channel in every event that is neither cancelled nor begun, all with one key, shown this once.

    Each event has it for itself: there it is changed, withdrawn, and given another key.
    """
    answer = await create_channel_of_series(db, user, series_id, data)
    return Response(answer, headers={"Cache-Control": "no-store"})


def _answer(shown: ShownSeries) -> Response[Series]:
    headers = {"ETag": shown.etag, "Cache-Control": "private, no-cache"}
    return Response(shown.series, status_code=200, headers=headers)


routes: list[ControllerRouterHandler] = [create, list_own, show, update, publish, create_channel]
