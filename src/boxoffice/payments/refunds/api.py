"""HTTP of refunds: what an organizer gives back."""

from typing import Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.refusals import (
    AlreadyAdmitted,
    BookingIsOver,
    NothingToRefund,
    NotOfThisBooking,
)
from boxoffice.kit import idempotency
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.payments.refunds import failed as failed_refunds
from boxoffice.payments.refunds import giving_back as refunding
from boxoffice.payments.refunds.failed import NotFailed
from boxoffice.payments.refunds.giving_back import MoreThanIsLeft
from boxoffice.payments.schemas import NewRefund, RefundView


@post(
    "/bookings/{booking_id:uuid}/refunds",
    operation_id="RefundBooking",
    summary="Give money back for a booking",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(
        NotSignedIn, NotAllowed, NotFound, BookingIsOver, NothingToRefund, MoreThanIsLeft,
        NotOfThisBooking, AlreadyAdmitted, *BODY_REFUSALS, *idempotency.REFUSALS,
    ),
    dependencies=ONCE,
)  # fmt: skip
async def refund(
    data: JSONBody[NewRefund],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    once: NamedDependency[Once | None],
    booking_id: FromPath[UUID],
) -> Response[RefundView]:
    """Give an amount back, or single places with what they cost, or, without either, all that is left.

    Of places and of a whole booking the tickets are void and the places free.
    Never more than was captured and is not given back yet. The provider is told in the background.
    """
    given = await refunding.refund_booking(db, sales, user, booking_id, data, once)
    return idempotency.respond(given, once)


@get(
    "/bookings/{booking_id:uuid}/refunds",
    operation_id="ListRefunds",
    summary="See what goes back for a booking",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, InvalidInput, UnknownCursor),
)
async def show(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[RefundView]]:
    """List the refunds of a booking of one's own, or of an event that one may see, the oldest first."""
    page = await refunding.list_refunds(db, user, booking_id, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@post(
    "/bookings/{booking_id:uuid}/refunds/{refund_id:uuid}/try-again",
    operation_id="TryRefundAgain",
    summary="Have a refund that failed tried again",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, NotFailed),
    status_code=200,
)
async def try_again(
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
    refund_id: FromPath[UUID],
) -> RefundView:
    """Ask the provider once more for a refund that is FAILED."""
    return await failed_refunds.try_again(db, user, booking_id, refund_id)


@post(
    "/bookings/{booking_id:uuid}/refunds/{refund_id:uuid}/settle",
    operation_id="SettleRefund",
    summary="Say that a refund that failed was given otherwise",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, NotFailed),
    status_code=200,
)
async def settle(
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
    refund_id: FromPath[UUID],
) -> RefundView:
    """Say that you have given the buyer what the provider could not, such as by bank transfer.

    The provider still has that money: it is owed to the organizer then, or the house's if the house says so.
    """
    return await failed_refunds.settle(db, user, booking_id, refund_id)


routes: list[ControllerRouterHandler] = [refund, show, try_again, settle]
