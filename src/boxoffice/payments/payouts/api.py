"""HTTP of payouts: the house writes down what it has paid, and organizers see it."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.kit import idempotency
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.payments.payouts import recording
from boxoffice.payments.payouts.recording import AlreadyReturned, MoreThanIsDue
from boxoffice.payments.payouts.schemas import ORGANIZER_ID_MAX, NewPayout, NewReturn, PayoutView

_Organizer = Annotated[
    int | None, QueryParameter(ge=1, le=ORGANIZER_ID_MAX, description="Only those to this organizer.")
]


@post(
    "/payouts",
    operation_id="RecordPayout",
    summary="Write down what was paid to an organizer",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, MoreThanIsDue, *BODY_REFUSALS, *idempotency.REFUSALS),
    dependencies=ONCE,
)
async def record(
    data: JSONBody[NewPayout], db: NamedDependency[Database], once: NamedDependency[Once | None]
) -> Response[PayoutView]:
    """Say that the house has paid an organizer from its own bank account: this much is not due any more.

    Never more than is due. What events owe, because refunds came after their payout, is settled first; then
    the oldest dues are.
    """
    return idempotency.respond(await recording.record_payout(db, data, once), once)


@post(
    "/payouts/{payout_id:uuid}/return",
    operation_id="ReturnPayout",
    summary="Write down that a payout came back",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, AlreadyReturned, *BODY_REFUSALS),
    status_code=200,
)
async def give_back(
    data: JSONBody[NewReturn], db: NamedDependency[Database], payout_id: FromPath[UUID]
) -> PayoutView:
    """Say that the bank has sent a payout back, or that it was written down by mistake: it is due again."""
    return await recording.return_payout(db, payout_id, data)


@get(
    "/payouts",
    operation_id="ListPayouts",
    summary="List what the house has paid",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, UnknownCursor, InvalidInput),
)
async def list_all(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    organizer_id: _Organizer = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[PayoutView]]:
    """List the payouts to all organizers, or to one, newest first; those that came back included."""
    page = await recording.list_payouts(db, organizer_id, cursor, limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/organizers/me/payouts",
    operation_id="ListMyPayouts",
    summary="List what you were paid",
    tags=["Payouts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, UnknownCursor, InvalidInput),
)
async def list_mine(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[PayoutView]]:
    """List what the house has paid to you, newest first; those that came back included."""
    page = await recording.list_payouts(db, user.user_id, cursor, limit)
    return Response(page, headers=link_headers(request, page))


routes: list[ControllerRouterHandler] = [record, give_back, list_all, list_mine]
