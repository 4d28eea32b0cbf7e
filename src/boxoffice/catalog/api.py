"""HTTP of the catalog."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, patch, post
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import structs

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.catalog import event_changes, event_tags, events, venues
from boxoffice.catalog.channels.keys import ChannelKey, WrongChannelKey
from boxoffice.catalog.event_changes import (
    EventHasChanged,
    EventIsArchived,
    EventIsCancelled,
    EventIsPublished,
    FrozenOncePublished,
)
from boxoffice.catalog.event_lists import VIEWER, provide_filters
from boxoffice.catalog.event_tags import IfMatch, IfNoneMatch
from boxoffice.catalog.rows import EventFilter
from boxoffice.catalog.schemas import (
    ROW_ID_MAX,
    Event,
    EventChange,
    EventSummary,
    NewEvent,
    NewVenue,
    Venue,
)
from boxoffice.kit import idempotency
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.text import LINE_CHARACTERS_MAX, LINE_PATTERN

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
_VenueId = Annotated[int, PathParameter(ge=1, le=ROW_ID_MAX)]

_ORGANIZER = (NotSignedIn, NotAllowed)


@post(
    "/venues",
    operation_id="CreateVenue",
    summary="Make a venue",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def create_venue(
    data: JSONBody[NewVenue],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    once: NamedDependency[Once | None],
) -> Response[Venue]:
    """Make a venue of yours; its seat maps come next."""
    return idempotency.respond(await venues.create_venue(db, user, data, once), once)


@get(
    "/venues",
    operation_id="ListVenues",
    summary="Find your venues",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, InvalidInput, UnknownCursor),
)
async def list_venues(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    q: Annotated[
        str | None,
        QueryParameter(
            max_length=LINE_CHARACTERS_MAX,
            pattern=LINE_PATTERN,
            description="Words in the name or the city.",
        ),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[Venue]]:
    """List the venues of yours, newest first."""
    page = await venues.list_venues(db, user, q, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/venues/{venue_id:int}",
    operation_id="GetVenue",
    summary="See a venue",
    tags=["Catalog"],
    responses=documents(NotFound),
)
async def get_venue(venue_id: _VenueId, db: NamedDependency[Database]) -> Venue:
    """Show a venue to anybody."""
    return await venues.get_venue(db, venue_id)


@post(
    "/events",
    operation_id="CreateEvent",
    summary="Make an event",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ORGANIZER, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def create_event(
    data: JSONBody[NewEvent],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    once: NamedDependency[Once | None],
) -> Response[Event]:
    """Make a draft at a venue of yours; publish it when it is ready."""
    return idempotency.respond(await events.create_event(db, user, data, once), once)


@get(
    "/events",
    operation_id="ListEvents",
    summary="Find events",
    tags=["Catalog"],
    dependencies={**VIEWER, "filters": Provide(provide_filters)},
    responses=documents(InvalidInput, UnknownCursor, NotSignedIn),
)
async def list_events(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    viewer: NamedDependency[Identity | None],
    filters: NamedDependency[EventFilter],
    *,
    mine: Annotated[
        bool, QueryParameter(description="Your own events in every state, past ones too.")
    ] = False,
    archived: Annotated[
        bool, QueryParameter(description="With `mine`: those that are archived instead of the others.")
    ] = False,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[EventSummary]]:
    """List published events in the order in which they start."""
    if mine:
        if viewer is None:
            raise NotSignedIn
        filters = structs.replace(filters, organizer_id=viewer.user_id, archived=archived)
    elif archived:
        detail = "Only your own events can be listed once they are archived: add `mine=true`."
        raise InvalidInput(errors=[FieldError(parameter="archived", detail=detail)])
    page = await events.list_events(db, filters, own=mine, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/events/{event_id:int}",
    operation_id="GetEvent",
    summary="See an event",
    tags=["Catalog"],
    dependencies=VIEWER,
    responses={
        200: ResponseSpec(Event, description="The event; its `ETag` is for `If-Match` when you change it."),
        304: ResponseSpec(None, description="You have it already."),
        **documents(NotFound, NotSignedIn, WrongChannelKey, InvalidInput),
    },
)
async def get_event(
    event_id: EventIdInPath,
    viewer: NamedDependency[Identity | None],
    db: NamedDependency[Database],
    if_none_match: IfNoneMatch = None,
    channel_key: ChannelKey = None,
) -> Response[Event | None]:
    """Show an event; a draft only to its organizer. With a channel's key, at its prices and sale times."""
    event = await events.get_event(db, viewer, event_id, channel_key)
    if channel_key is not None:
        return Response(event, headers={"Cache-Control": "private, no-store"})
    headers = event_tags.headers_of(event) | {"Vary": "X-Channel-Key"}
    if if_none_match is not None and event_tags.shows(if_none_match, event):
        return Response(None, status_code=304, headers=headers)
    return Response(event, headers=headers)


@patch(
    "/events/{event_id:int}",
    operation_id="UpdateEvent",
    summary="Change an event",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(
        *BODY_REFUSALS, *_ORGANIZER, NotFound, FrozenOncePublished, EventIsCancelled, EventIsArchived,
        EventHasChanged,
    ),
)  # fmt: skip
async def update_event(
    event_id: EventIdInPath,
    data: JSONBody[EventChange],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    if_match: IfMatch = None,
) -> Response[Event]:
    """Change an event of yours; what is left out stays. With `If-Match`, nobody's change is lost.

    Once it is published, its seat map, currency, time zone, start and end are frozen: tickets say them.
    """
    event = await event_changes.update_event(db, user, event_id, data, if_match=if_match)
    return Response(event, headers=event_tags.headers_of(event))


@delete(
    "/events/{event_id:int}",
    operation_id="DeleteEvent",
    summary="Delete a draft",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, NotFound, EventIsPublished, EventIsCancelled),
)
async def delete_event(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> None:
    """Delete a draft of yours."""
    await event_changes.delete_event(db, user, event_id)


@post(
    "/events/{event_id:int}/publish",
    status_code=200,
    operation_id="PublishEvent",
    summary="Put an event on sale",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, NotFound, InvalidInput, EventIsCancelled),
)
async def publish_event(
    event_id: EventIdInPath, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Event:
    """Publish a draft of yours: everybody sees it, and its sale begins at `sale_starts_at` or now.

    Every category that has places needs a price. Publishing twice is publishing once.
    """
    return await event_changes.publish_event(db, user, event_id)


routes: list[ControllerRouterHandler] = [
    create_venue,
    list_venues,
    get_venue,
    create_event,
    list_events,
    get_event,
    update_event,
    delete_event,
    publish_event,
]
