"""Starting a payment and hearing from a provider, at the lean door."""

from uuid import UUID

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import read_id
from boxoffice.kit.lean_door import LeanRequest, LeanRoute
from boxoffice.payments.checkout import start_payment
from boxoffice.payments.desk import Desk
from boxoffice.payments.provider import Providers
from boxoffice.payments.reports import take_report
from boxoffice.payments.schemas import NewPayment, PaymentView
from boxoffice.payments.views import view_of_started

# As long as a UUID is when it is written the usual way; any other way goes through the framework.
_UUID_CHARACTERS = 36


def lean_payments(desk: Desk, sales: GroupCommit, providers: Providers) -> list[LeanRoute]:
    """As `payments.api.start` and `payments.api.take_event`."""

    async def start(request: LeanRequest) -> PaymentView:
        payment = await start_payment(
            desk,
            providers,
            booking_id=request.part,
            buyer_id=request.identity.user_id,
            provider=request.body.provider,
        )
        return view_of_started(payment)

    async def take(request: LeanRequest) -> None:
        sender = providers.find(request.part)
        if sender is None:
            raise NotFound
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        report = sender.read_report(headers, request.body)
        if report is not None:
            await take_report(desk, sales, providers, request.part, report)

    return [
        LeanRoute(
            "/api/v1/bookings/{booking_id:uuid}/payments",
            "/api/v1/bookings/",
            "/payments",
            _uuid,
            NewPayment,
            201,
            start,
        ),
        LeanRoute(
            "/api/v1/payment-events/{provider:str}", "/api/v1/payment-events/", "", _name, None, 204, take
        ),
    ]


def _uuid(part: str) -> UUID:
    if len(part) != _UUID_CHARACTERS:
        raise ValueError(part)
    return read_id(part)


def _name(part: str) -> str:
    if not part.isascii() or not part.isalnum():
        raise ValueError(part)
    return part
