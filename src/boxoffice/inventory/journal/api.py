"""HTTP of the journal: the feed for an organizer's integration, and the history of a seat."""

from datetime import datetime
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler
from msgspec import Struct, ValidationError, convert

from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.schemas import Moment
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.inventory.journal import seat_history
from boxoffice.inventory.journal.feed import JournalEntry, list_entries
from boxoffice.inventory.journal.replay import VERSION_MAX
from boxoffice.inventory.journal.seat_changes import SeatChange
from boxoffice.inventory.journal.seat_history import SeatMoment, TooFarBack
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
# Beyond any map, and small enough that the framework's own integers hold it.
_SeatId = Annotated[int, PathParameter(ge=0, le=VERSION_MAX)]


class SeatHistory(Struct, frozen=True):
    """The changes of one seat, oldest first, or, for one moment, what the seat was then and why."""

    seat_id: int
    zone: str
    row: str
    number: str
    items: list[SeatChange]
    next_cursor: str | None = None
    moment: SeatMoment | None = None


@get(
    "/events/{event_id:int}/journal",
    operation_id="ListJournal",
    summary="Follow what happens to an event's places",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, InvalidInput, UnknownCursor),
)
async def list_journal(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    after: Annotated[
        int,
        QueryParameter(
            ge=0, le=VERSION_MAX, description="The last version you have seen; `cursor` outranks it."
        ),
    ] = 0,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[JournalEntry]]:
    """List every change of an event of yours, in order and without gaps.

    To follow a sale, ask again with `after` set to the last version you have. Rows never change. A page
    of a busy time may have fewer rows than `limit`; it has `next_cursor` as long as there are more.
    """
    await refuse_foreign(db, user, event_id)
    page = await list_entries(db, event_id, after=after, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/events/{event_id:int}/seats/{seat_id:int}/history",
    operation_id="GetSeatHistory",
    summary="See what happened to a seat, and why it was not free",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound, InvalidInput, UnknownCursor, TooFarBack),
)
async def get_seat_history(
    request: Request[Any, Any, Any],
    event_id: EventIdInPath,
    seat_id: _SeatId,
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    at: Annotated[
        str | None, QueryParameter(description="A time, RFC 3339: what was the seat then, and why?")
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[SeatHistory]:
    """List the changes of a seat of an event of yours, oldest first, each with what it meant in words.

    With `at`, `moment` says what the seat was at that time, which change had made it so and which came
    next, and there are no `items`. A change counts from its own time on. A hold that was over but not
    tidied up yet is still HELD there, and `available`: it would have been free to the next buyer. A page
    may be short, or empty, and have `next_cursor`: one request reads only so much of the journal.
    """
    await refuse_foreign(db, user, event_id)
    seat_map = await _get_map(db, event_id)
    if seat_id >= seat_map.seat_count:
        raise NotFound
    page: Page[SeatChange] = Page(items=[])
    moment = None
    if at is not None:
        moment = await seat_history.find_moment(db, event_id, seat_id, _moment_of(at))
    else:
        page = await seat_history.list_changes(db, event_id, seat_id, cursor, limit)
    label = seat_map.label_of(seat_id)
    history = SeatHistory(seat_id, label.zone, label.row, label.number, page.items, page.next_cursor, moment)
    return Response(history, headers=link_headers(request, page))


async def _get_map(db: Database, event_id: int) -> SeatMap:
    terms = await find_sale_terms(db, event_id)
    if terms is None:
        raise NotFound
    return await get_seat_map(db, terms.seat_map_id)


def _moment_of(text: str) -> datetime:
    detail = "This is no RFC 3339 time with an offset, such as 2027-01-11T10:00:03Z."
    try:
        # A plus sign in a query is a space unless it is escaped, which few people know.
        moment = convert(text.replace(" ", "+"), Moment)
    except ValidationError:
        raise InvalidInput(errors=[FieldError(parameter="at", detail=detail)]) from None
    if not is_storable(moment):
        detail = f"The year must be from {YEAR_MIN} to {YEAR_MAX}."
        raise InvalidInput(errors=[FieldError(parameter="at", detail=detail)])
    return moment


routes: list[ControllerRouterHandler] = [list_journal, get_seat_history]
