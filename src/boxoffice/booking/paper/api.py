"""HTTP of what a buyer keeps of a booking."""

from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.booking.paper import show
from boxoffice.booking.paper.show import NeverConfirmed, NoTicketsToPrint
from boxoffice.kit.drawing import PDF, PDF_ANSWER, Drawing
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.show import TicketIsVoid

_CALENDAR = "text/calendar"


@get(
    "/tickets/{ticket_id:uuid}/pdf",
    operation_id="GetTicketPdf",
    summary="A ticket as a PDF",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses={200: PDF_ANSWER, **documents(NotSignedIn, NotFound, TicketIsVoid)},
)
async def get_ticket_pdf(
    ticket_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    drawing: NamedDependency[Drawing],
    ticket_keys: NamedDependency[TicketKeys],
) -> Response[bytes]:
    """Draw a valid ticket of one's own on a page of A4: what it is for, what was paid, and its code."""
    drawn = await show.draw_ticket(db, drawing, ticket_keys, user, ticket_id)
    return Response(drawn, media_type=PDF)


@get(
    "/bookings/{booking_id:uuid}/tickets.pdf",
    operation_id="GetBookingTicketsPdf",
    summary="The tickets of a booking as a PDF",
    tags=["Tickets"],
    security=[{"access_token": []}],
    responses={200: PDF_ANSWER, **documents(NotSignedIn, NotFound, NoTicketsToPrint)},
)
async def get_booking_tickets_pdf(
    booking_id: FromPath[UUID],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    drawing: NamedDependency[Drawing],
    ticket_keys: NamedDependency[TicketKeys],
) -> Response[bytes]:
    """Draw the valid tickets of a booking of one's own, a page each, in the order of its places."""
    drawn = await show.draw_booking(db, drawing, ticket_keys, user, booking_id)
    return Response(drawn, media_type=PDF)


@get(
    "/bookings/{booking_id:uuid}/calendar.ics",
    operation_id="GetBookingCalendar",
    summary="A booking's date for a calendar",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses={
        200: ResponseSpec(
            str, description="One event, in iCalendar.", media_type=_CALENDAR, generate_examples=False
        ),
        **documents(NotSignedIn, NotFound, NeverConfirmed),
    },
)
async def get_booking_calendar(
    booking_id: FromPath[UUID], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> Response[str]:
    """Write when and where the event of a confirmed booking is (RFC 5545), in UTC.

    Its UID is the booking's id: what is read later takes the place of what a calendar has, and is CANCELLED
    when the event or the booking is.
    """
    return Response(await show.get_calendar(db, user, booking_id), media_type=_CALENDAR)


routes: list[ControllerRouterHandler] = [get_ticket_pdf, get_booking_tickets_pdf, get_booking_calendar]
