"""HTTP of tickets: look at them, show them, scan them."""

from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIResponse, Operation
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.tickets import check_in, show, signing_keys
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.qr import QrFormat
from boxoffice.tickets.schemas import CheckIn, NewCheckIn, Ticket, TicketKeySet, Tickets

# A QR code changes only with its ticket's generation. Five minutes save the scrolling phone a
# request; `private` keeps tickets out of shared caches.
_QR_CACHE_CONTROL = "private, max-age=300"

# Keys change with the installation's secret, which is rare; an hour is how late a gate may learn.
_KEYS_CACHE_CONTROL = "public, max-age=3600"


@get(
    "/bookings/{booking_id:uuid}/tickets",
    operation_id="ListBookingTickets",
    summary="The tickets of a booking",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def list_booking_tickets(
    booking_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    ticket_keys: NamedDependency[TicketKeys],
) -> Tickets:
    """List one ticket for every place, in the booking's order; none before it is confirmed."""
    return await show.list_booking_tickets(db, ticket_keys, user, booking_id)


@get(
    "/tickets/{ticket_id:uuid}",
    operation_id="GetTicket",
    summary="One ticket",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def get_ticket(
    ticket_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    ticket_keys: NamedDependency[TicketKeys],
) -> Ticket:
    """Show a ticket to the buyer of its booking, with the code to be scanned at the gate."""
    return await show.get_ticket(db, ticket_keys, user, ticket_id)


@dataclass
class _ShowsTwoPictures(Operation):
    """Litestar describes one media type a status; this operation answers 200 with either of two."""

    def __post_init__(self) -> None:
        assert self.responses is not None
        answer = self.responses["200"]
        assert isinstance(answer, OpenAPIResponse)
        assert answer.content is not None
        answer.content[QrFormat.PNG.media_type] = answer.content[QrFormat.SVG.media_type]


@get(
    "/tickets/{ticket_id:uuid}/qr",
    operation_id="GetTicketQr",
    operation_class=_ShowsTwoPictures,
    summary="A ticket's QR code",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses={
        200: ResponseSpec(
            bytes,
            description="The image, as SVG or PNG.",
            media_type=QrFormat.SVG.media_type,
            generate_examples=False,
        ),
        **documents(NotFound, NotSignedIn, InvalidInput, show.TicketIsVoid),
    },
)
async def get_ticket_qr(
    ticket_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    ticket_keys: NamedDependency[TicketKeys],
    request: Request[Any, Any, Any],
    format: Annotated[  # noqa: A002  problem documents name a parameter as the handler does
        QrFormat | None, QueryParameter(description="Wins over `Accept`, for browsers and e-mail.")
    ] = None,
) -> Response[bytes]:
    """Draw the code, as SVG unless `format` says `png` or `Accept` names only PNG.

    The image is drawn here; no other service sees the code.
    """
    wanted = format or _accepted(request.headers.get("accept", ""))
    image = await show.draw_ticket(db, ticket_keys, user, ticket_id, wanted)
    headers = {"Cache-Control": _QR_CACHE_CONTROL, "Vary": "Accept, Authorization"}
    return Response(image, media_type=wanted.media_type, headers=headers)


def _accepted(accept: str) -> QrFormat:
    """SVG whenever the client can show it; preferences between the two are not weighed."""
    named = accept.lower()
    if QrFormat.PNG.media_type in named and QrFormat.SVG.media_type not in named:
        return QrFormat.PNG
    return QrFormat.SVG


@get(
    "/ticket-keys",
    operation_id="ListTicketKeys",
    summary="Public keys for offline gates",
    tags=["Tickets"],
    responses=documents(),
)
async def list_ticket_keys(
    db: NamedDependency[Database], ticket_keys: NamedDependency[TicketKeys]
) -> Response[TicketKeySet]:
    """Show the public keys that ticket codes are signed with, as a JSON Web Key Set (RFC 8037).

    A code is Base32 (RFC 4648, no padding) of 91 bytes, big-endian: version 1 (1 byte), key id (4),
    event id (4), ticket id (16), generation (2), then the Ed25519 signature (64) of the 27 bytes before
    it. `kid` is the key id in hexadecimal. A gate without a connection verifies the signature and the
    event, and remembers the ticket ids it has let in.
    """
    shown = await signing_keys.show_ticket_keys(db, ticket_keys)
    return Response(shown, headers={"Cache-Control": _KEYS_CACHE_CONTROL})


@post(
    "/events/{event_id:int}/check-ins",
    status_code=200,
    operation_id="CheckIn",
    summary="Scan a ticket at the gate",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, *BODY_REFUSALS),
)
async def create_check_in(
    event_id: EventIdInPath,
    data: JSONBody[NewCheckIn],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    ticket_keys: NamedDependency[TicketKeys],
) -> CheckIn:
    """Admit the holder of a code exactly once. For who may scan at the event; devices send their API key.

    Every scan that could be judged answers 200, whatever was scanned: scanners branch on `result`,
    show `detail`, and keep 4xx for a wrong set-up (no access, no such event, a malformed request) and
    503 for "scan again". Only ADMITTED lets somebody in; a second scan is ALREADY_ADMITTED with
    the time of the first.
    """
    return await check_in.check_in(db, ticket_keys, user, event_id, data.code)


routes: list[ControllerRouterHandler] = [
    list_booking_tickets,
    get_ticket,
    get_ticket_qr,
    list_ticket_keys,
    create_check_in,
]
