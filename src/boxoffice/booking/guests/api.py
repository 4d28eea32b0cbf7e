"""HTTP of an event's bookings, for its team."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from litestar.response import Stream
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.booking.guests import listing
from boxoffice.booking.guests.schemas import GuestBooking
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.kit.spreadsheet import TABLE, answer_of
from boxoffice.kit.text import LINE_PATTERN

# An address has no more characters (RFC 5321).
_EMAIL_CHARACTERS_MAX = 254

_Buyer = Annotated[
    str | None,
    QueryParameter(
        max_length=_EMAIL_CHARACTERS_MAX,
        pattern=LINE_PATTERN,
        description="Of the buyer with this e-mail address.",
    ),
]


@get(
    "/events/{event_id:int}/bookings",
    operation_id="ListEventBookings",
    summary="List the bookings of an event",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, InvalidInput, UnknownCursor),
)
async def list_event_bookings(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    buyer: _Buyer = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[GuestBooking]]:
    """List who has booked what, newest first, those that are over included: who calls is found by address."""
    page = await listing.list_bookings(db, user, event_id, buyer=buyer, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/events/{event_id:int}/bookings.csv",
    operation_id="ExportEventBookings",
    summary="Who has which place, as a table",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses={200: TABLE, **documents(NotSignedIn, NotAllowed, NotFound)},
)
async def export_event_bookings(
    db: NamedDependency[Database], user: NamedDependency[Identity], event_id: EventIdInPath
) -> Stream:
    """Write a row for each place that is held or sold, newest bookings first.

    UTF-8 with a byte order mark; prices are all-in, with a decimal point. A cell that a spreadsheet would
    take for a formula begins with an apostrophe.
    """
    lines = await listing.export_bookings(db, user, event_id)
    return answer_of(lines, f"bookings-{event_id}")


routes: list[ControllerRouterHandler] = [list_event_bookings, export_event_bookings]
