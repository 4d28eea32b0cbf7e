"""HTTP of changing the seat map of an event that is on sale."""

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog import event_tags
from boxoffice.catalog.event_changes import EventHasChanged, EventIsArchived, EventIsCancelled
from boxoffice.catalog.event_tags import IfMatch
from boxoffice.catalog.seat_maps.of_events import SeatMapOfADraft
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.refusals import EventCancelled, PlacesInTheWay
from boxoffice.inventory.seat_map_changes import changing
from boxoffice.inventory.seat_map_changes.schemas import SeatMapDifference, WantedSeatMap
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_REFUSALS = (
    NotSignedIn,
    NotAllowed,
    NotFound,
    SeatMapOfADraft,
    EventIsArchived,
    EventIsCancelled,
    EventCancelled,
    EventHasChanged,
    *BODY_REFUSALS,
)


@post(
    "/events/{event_id:int}/seat-map/preview",
    status_code=200,
    operation_id="PreviewSeatMap",
    summary="See what another seat map would change",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_REFUSALS),
)
async def preview(
    event_id: EventIdInPath,
    data: JSONBody[WantedSeatMap],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    if_match: IfMatch = None,
) -> Response[SeatMapDifference]:
    """Compare the map of an event of yours with another version of its venue's. Nothing changes.

    Seats are the same if zone, row and number are. The answer says which are kept, moved, added and removed,
    which change their category and their price with it, and which are in the way: removed, but held, sold or
    blocked. Send its `ETag` in `If-Match` of the change, so that you get what you have seen.
    """
    difference, event = await changing.preview_seat_map(db, sales, user, event_id, data, if_match)
    return Response(difference, status_code=200, headers=event_tags.headers_of(event))


@post(
    "/events/{event_id:int}/seat-map",
    status_code=200,
    operation_id="ChangeSeatMap",
    summary="Give an event on sale another seat map",
    tags=["Catalog"],
    security=[{"access_token": []}],
    responses=documents(*_REFUSALS, PlacesInTheWay),
)
async def change(
    event_id: EventIdInPath,
    data: JSONBody[WantedSeatMap],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    if_match: IfMatch = None,
) -> Response[SeatMapDifference]:
    """Sell another version of the venue's map from now on. Nobody loses a place: 409 names those in the way.

    The event gets a map of its own, in which every seat that stays has the id it had. Kept places keep the
    price that was paid. What is removed can be neither seen nor had; what is added is on sale at once, and
    categories that the event has no price for need one in `prices`. Changing twice is changing once.
    """
    difference, event = await changing.change_seat_map(db, sales, user, event_id, data, if_match)
    return Response(difference, status_code=200, headers=event_tags.headers_of(event))


routes: list[ControllerRouterHandler] = [preview, change]
