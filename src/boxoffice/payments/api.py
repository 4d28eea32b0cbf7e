"""HTTP of payments: start one, look at it, hear from the provider."""

from typing import Any
from uuid import UUID

from litestar import Request, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, BodyTooLarge, documents
from boxoffice.payments.checkout import (
    NothingToPay,
    QuestionsOpen,
    UnknownProvider,
    get_own_payment,
    start_payment,
)
from boxoffice.payments.desk import Desk
from boxoffice.payments.provider import CheckoutGone, Providers, UnsignedReport
from boxoffice.payments.reports import take_report
from boxoffice.payments.schemas import NewPayment, PaymentView
from boxoffice.payments.stripe.amounts import AmountNotPayable
from boxoffice.payments.views import view_of_payment, view_of_started


@post(
    "/bookings/{booking_id:uuid}/payments",
    operation_id="StartPayment",
    summary="Pay for a booking",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(
        NotSignedIn,
        NotFound,
        NothingToPay,
        QuestionsOpen,
        UnknownProvider,
        AmountNotPayable,
        CheckoutGone,
        *BODY_REFUSALS,
    ),
)
async def start(
    data: JSONBody[NewPayment],
    desk: NamedDependency[Desk],
    providers: NamedDependency[Providers],
    user: NamedDependency[Identity],
    booking_id: FromPath[UUID],
) -> PaymentView:
    """Open a checkout for a PENDING booking; asked again, the same checkout."""
    payment = await start_payment(
        desk, providers, booking_id=booking_id, buyer_id=user.user_id, provider=data.provider
    )
    return view_of_started(payment)


@get(
    "/payments/{payment_id:uuid}",
    operation_id="GetPayment",
    summary="Look at a payment",
    tags=["Payments"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def show(
    db: NamedDependency[Database], user: NamedDependency[Identity], payment_id: FromPath[UUID]
) -> PaymentView:
    """Show how far a payment of one's own has come."""
    return view_of_payment(await get_own_payment(db, payment_id, user.user_id))


@post(
    "/payment-events/{provider:str}",
    operation_id="TakePaymentEvent",
    summary="Hear from a payment provider",
    tags=["Payments"],
    status_code=204,
    responses=documents(UnsignedReport, NotFound, BodyTooLarge, InvalidInput),
)
async def take_event(
    request: Request[Any, Any, Any],
    desk: NamedDependency[Desk],
    sales: NamedDependency[GroupCommit],
    providers: NamedDependency[Providers],
    provider: FromPath[str],
) -> None:
    """Take a signed webhook. 204 means it is durable, with everything that follows from it."""
    sender = providers.find(provider)
    if sender is None:
        raise NotFound
    report = sender.read_report(request.headers, await request.body())
    if report is not None:
        await take_report(desk, sales, providers, provider, report)


routes: list[ControllerRouterHandler] = [start, show, take_event]
