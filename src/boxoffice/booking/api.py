"""HTTP of bookings: hold, look, renew, exchange, cancel."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.booking import queries
from boxoffice.booking.cancelling import cancel_booking
from boxoffice.booking.holds import answers_of, exchange_places, hold_places, renew_hold
from boxoffice.booking.schemas import BookingView, NewBooking, NewExchange
from boxoffice.booking.views import view_of_booking, view_of_row
from boxoffice.catalog.channels.keys import WrongChannelKey
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.refusals import (
    AreasFull,
    BookingIsOver,
    CompanionSeatsAlone,
    EventCancelled,
    HeldLongEnough,
    NoSuchSeatsLeft,
    NothingLeftToHold,
    NothingToRefund,
    NotYourPlaces,
    PaidBookingIsFinal,
    PlacesHidden,
    PromoCodeForOthers,
    PromoCodeNotYet,
    PromoCodeOver,
    PromoCodeSpent,
    PromoCodeUsedByYou,
    PromoCodeUsedUp,
    SaleClosed,
    SaleNotOpen,
    SeatsBlocked,
    SeatsKept,
    SeatsTaken,
    SingleSeatLeft,
    TicketTypesFull,
    TooLateToCancel,
    TooManyPlaces,
    UnknownPromoCode,
    UsedBookingIsFinal,
)
from boxoffice.kit import idempotency
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.ids import event_of
from boxoffice.kit.paging import (
    PAGE_ITEMS,
    Cursor,
    Limit,
    Page,
    UnknownCursor,
    decode_cursor,
    link_headers,
    page_of,
)
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

# Why a code is not good, when places are held and when a booking with one takes others.
_PROMO_CODE = (
    UnknownPromoCode, PromoCodeNotYet, PromoCodeOver, PromoCodeUsedUp, PromoCodeUsedByYou, PromoCodeSpent
)  # fmt: skip


@post(
    "/bookings",
    operation_id="HoldPlaces",
    summary="Hold places",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses=documents(
        NotSignedIn, NotFound, SeatsTaken, SeatsBlocked, AreasFull, TicketTypesFull, TooManyPlaces,
        NoSuchSeatsLeft, PlacesHidden, SeatsKept, CompanionSeatsAlone, SingleSeatLeft, SaleNotOpen,
        SaleClosed, EventCancelled, WrongChannelKey, *_PROMO_CODE, PromoCodeForOthers, *BODY_REFUSALS,
        *idempotency.REFUSALS,
    ),
    dependencies=ONCE,
)  # fmt: skip
async def create(
    data: JSONBody[NewBooking],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    once: NamedDependency[Once | None],
) -> Response[BookingView]:
    """Hold the places for the buyer until `expires_at`: every one or none. 409 names those that are gone.

    What costs nothing is CONFIRMED at once. What the event asks can be answered along with it.
    """
    answers = await answers_of(db, data, once)
    held = await hold_places(sales, buyer_id=user.user_id, wanted=data, once=once, answers=answers)
    return idempotency.respond(await view_of_booking(db, sales, held.booking, held.explanation), once)


@get(
    "/bookings/{booking_id:uuid}",
    operation_id="GetBooking",
    summary="Look at a booking",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def show(
    db: NamedDependency[Database], user: NamedDependency[Identity], booking_id: FromPath[UUID]
) -> BookingView:
    """Show a booking of one's own."""
    row = await queries.find_booking(db, event_of(booking_id), booking_id, user.user_id)
    if row is None:
        raise NotFound
    return await view_of_row(db, row)


@get(
    "/bookings",
    operation_id="ListBookings",
    summary="List one's bookings",
    tags=["Bookings"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, UnknownCursor, InvalidInput),
)
async def list_own(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[BookingView]]:
    """List one's own bookings, newest first."""
    before = decode_cursor(cursor, UUID) if cursor else None
    page = page_of(await queries.list_bookings(db, user.user_id, before, limit + 1), limit, _position)
    views = [await view_of_row(db, row) for row in page.items]
    shown = Page(items=views, next_cursor=page.next_cursor)
    return Response(shown, headers=link_headers(request, shown))


@post(
    "/bookings/{booking_id:uuid}/cancel",
    operation_id="CancelBooking",
    summary="Cancel a booking",
    tags=["Bookings"],
    security=[{"access_token": []}],
    status_code=200,
    responses=documents(
        NotSignedIn, NotFound, BookingIsOver, PaidBookingIsFinal, TooLateToCancel, UsedBookingIsFinal,
        NothingToRefund, EventCancelled,
    ),
)  # fmt: skip
async def cancel(
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
) -> BookingView:
    """Give the places back. Cancelling twice is the same as once.

    A paid booking can be cancelled by the policy it was made under; then a refund starts. Without one it is
    final. `GET /bookings/{id}/cancellation` says beforehand what comes back.
    """
    booking = await cancel_booking(db, sales, buyer_id=user.user_id, booking_id=booking_id)
    return await view_of_booking(db, sales, booking)


@post(
    "/bookings/{booking_id:uuid}/renew",
    operation_id="RenewHold",
    summary="Hold the places for longer",
    tags=["Bookings"],
    security=[{"access_token": []}],
    status_code=200,
    responses=documents(NotSignedIn, NotFound, BookingIsOver, HeldLongEnough, EventCancelled),
)
async def renew(
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
) -> BookingView:
    """Start the time of a PENDING booking anew; three times the event's hold at most, from its beginning."""
    return await view_of_booking(
        db, sales, await renew_hold(sales, buyer_id=user.user_id, booking_id=booking_id)
    )


@post(
    "/bookings/{booking_id:uuid}/exchange",
    operation_id="ExchangePlaces",
    summary="Give places back, take others",
    tags=["Bookings"],
    security=[{"access_token": []}],
    status_code=200,
    responses=documents(
        NotSignedIn, NotFound, BookingIsOver, NotYourPlaces, NothingLeftToHold, SeatsTaken, SeatsBlocked,
        AreasFull, TicketTypesFull, TooManyPlaces, PlacesHidden, SeatsKept, CompanionSeatsAlone,
        SingleSeatLeft, SaleNotOpen, SaleClosed, EventCancelled, *_PROMO_CODE, *BODY_REFUSALS,
        *idempotency.REFUSALS,
    ),
    dependencies=ONCE,
)  # fmt: skip
async def exchange(
    data: JSONBody[NewExchange],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    once: NamedDependency[Once | None],
    booking_id: FromPath[UUID],
) -> Response[BookingView]:
    """Change the places of a PENDING booking in one step: all of it happens or nothing.

    What is taken costs what it costs now; a booking that costs nothing then is CONFIRMED at once. A place may
    be given back and taken again, as another ticket type. Nobody else can have it in between.
    """
    booking = await exchange_places(
        sales, buyer_id=user.user_id, booking_id=booking_id, wanted=data, once=once
    )
    return idempotency.respond(await view_of_booking(db, sales, booking), once)


def _position(row: queries.BookingRow) -> UUID:
    return row.id


routes: list[ControllerRouterHandler] = [create, show, list_own, renew, exchange, cancel]
