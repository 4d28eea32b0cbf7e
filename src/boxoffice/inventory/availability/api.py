"""HTTP of availability: what is still to be had."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import Example
from litestar.params import HeaderParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.inventory.availability.document import Availability
from boxoffice.inventory.availability.live import LiveAvailability
from boxoffice.inventory.availability.viewers import Viewer
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.prerendered import Prerendered
from boxoffice.kit.problems import documents

# PostgreSQL's bigint: a version beyond it is one that no journal has.
_VERSION_MAX = 2**63 - 1

# Litestar heeds only its own markers on a parameter, not the bounds of a msgspec `Meta`.
_After = Annotated[
    int | None,
    QueryParameter(ge=0, le=_VERSION_MAX, description="The `version` of the document you have."),
]
_LastEventId = Annotated[
    str | None,
    HeaderParameter(name="Last-Event-ID", description="The last `id` you got; it outranks `after`."),
]

_STREAM_EXAMPLE = """retry: 2481

id: 18
event: delta
data: {"version":18,"held":[214,215],"areas":[{"area_id":0,"places_left":310}],"categories":[...]}

id: 18
event: terms
data: {"version":18,"revision":3,"state":"PUBLISHED","starts_at":"2027-06-12T18:30:00Z",...}

"""


@get(
    "/events/{event_id:int}/availability",
    operation_id="GetAvailability",
    summary="What is still to be had",
    tags=["Bookings"],
    responses={
        200: ResponseSpec(Availability, description="The state of every seat, and counts."),
        304: ResponseSpec(None, description="You have it already."),
        **documents(NotFound),
    },
)
async def get_availability(
    event_id: EventIdInPath, availability: NamedDependency[LiveAvailability]
) -> Prerendered:
    """Show the state of every seat and how many places are left, a fifth of a second old as a rule.

    Send the `ETag` back in `If-None-Match`, and ask for gzip. An event that was cancelled says so.
    """
    return await availability.document(event_id)


@get(
    "/events/{event_id:int}/availability/stream",
    operation_id="WatchAvailability",
    summary="Follow what is still to be had",
    tags=["Bookings"],
    responses={
        200: ResponseSpec(
            str,
            description="Server-Sent Events: `delta`, `terms` and `reset`.",
            media_type="text/event-stream",  # pyright: ignore[reportArgumentType]  any string is allowed
            examples=[Example(value=_STREAM_EXAMPLE)],
            generate_examples=False,
        ),
        **documents(NotFound, InvalidInput),
    },
)
async def watch_availability(
    event_id: EventIdInPath,
    availability: NamedDependency[LiveAvailability],
    after: _After = None,
    last_event_id: _LastEventId = None,
) -> Viewer:
    """Tell of every change as it happens (Server-Sent Events).

    1. Get the document, then open this stream with `?after=` its `version`.
    2. A `delta` names the seats that changed, in `free`, `held`, `sold` or `not_for_sale` as they are now,
       and the `categories`, `ticket_types` and `areas` whose counts changed; what is empty is left out.
       Its `id` is its `version`: pass over those that are not newer than what you have.
    3. `terms` comes at the beginning and when the event or a price changes: state, sale window, prices.
    4. At a `reset` close the stream and begin again with 1; if its `seat_map_id` is another than yours, get
       that map first: seats were added or taken away.

    A stream that breaks is resumed with `Last-Event-ID`, as browsers do by themselves.
    """
    return await availability.watch(event_id, _version(after, last_event_id))


def _version(after: int | None, last_event_id: str | None) -> int | None:
    """The version the client knows; for an id that is none of ours, one that no journal has."""
    if last_event_id is None:
        return after
    if last_event_id.isascii() and last_event_id.isdigit():
        return min(int(last_event_id[:20]), _VERSION_MAX)
    return _VERSION_MAX


routes: list[ControllerRouterHandler] = [get_availability, watch_availability]
