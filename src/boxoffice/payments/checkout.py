"""Starting a payment: from a held booking to the address where its buyer pays."""

import hashlib
from datetime import timedelta
from uuid import UUID

import msgspec

from boxoffice.kit.errors import FieldError, NotFound, Refusal
from boxoffice.kit.ids import derived_id, event_of
from boxoffice.kit.postgres import Database
from boxoffice.payments import queries
from boxoffice.payments.desk import Desk
from boxoffice.payments.provider import Charge, OpenCheckout, Provider, ProviderFault, Providers
from boxoffice.payments.queries import NewPaymentRow, Payable, PaymentRow

# A provider is asked what became of a payment this long before its hold ends, so that a report that
# was lost, or is slow, costs nobody the places: time for the question and a second try.
ASKED_BEFORE_EXPIRY = timedelta(seconds=30)


class NothingToPay(Refusal, status=409):
    """This booking is not waiting for a payment; `state` says what it is. If it is over, hold places anew."""

    state: str


class QuestionsOpen(Refusal, status=409):
    """The event asks what must be answered before you pay: see `/events/{id}/questions`, and answer with
    `PUT /bookings/{id}/answers`.
    """


class UnknownProvider(Refusal, status=422):
    """There is no such payment provider here; `providers` names those there are."""

    providers: list[str]
    errors: tuple[FieldError, ...] = (FieldError(pointer="/provider", detail="There is no such provider."),)


class StartedPayment(PaymentRow, frozen=True):
    """A payment and, where the buyer pays in the shop's own page, the secret for the provider's library."""

    client_secret: str | None


async def start_payment(
    desk: Desk, providers: Providers, *, booking_id: UUID, buyer_id: int, provider: str | None
) -> StartedPayment:
    """Open a checkout for a pending booking, or give the one that is open already.

    Raises `NotFound`, `NothingToPay` when the hold is over or paid for, `QuestionsOpen`, `UnknownProvider`.
    """
    name = provider or next(iter(providers.names), "")
    chosen = providers.find(name)
    if chosen is None:
        raise UnknownProvider(providers=providers.names)
    booking = await desk.find_payable(booking_id, name)
    if booking is None or booking.buyer_id != buyer_id:
        raise NotFound
    if booking.expires_at is None or booking.state != "PENDING":
        raise NothingToPay(state=booking.state)
    if booking.has_open_questions:
        raise QuestionsOpen
    payment = booking.open_payment()
    if payment is not None and payment.checkout_url is not None:
        return _started(payment)
    charge = Charge(
        payment_id=next_payment_id(booking) if payment is None else payment.id,
        amount=booking.total,
        currency=booking.currency,
        description=booking.title,
        hold_expires_at=booking.expires_at,
        reference=None if payment is None else payment.reference,
        booking_id=booking_id,
    )
    # First the provider, then our row: should we die in between, nobody has the address to pay at.
    if payment is not None:
        opened = await chosen.open_checkout(charge)
        return _started(payment, opened.client_secret)
    payment_id, opened = await _open(chosen, charge, booking)
    new = NewPaymentRow(
        event_id=booking.event_id,
        id=payment_id,
        booking_id=booking_id,
        provider=name,
        amount=booking.total,
        currency=booking.currency,
        checkout_url=opened.url,
        reference=opened.reference,
        ask_at=booking.expires_at - ASKED_BEFORE_EXPIRY,
    )
    return _started(await desk.insert_payment(new), opened.client_secret)


async def _open(provider: Provider, charge: Charge, booking: Payable) -> tuple[UUID, OpenCheckout]:
    """A new checkout, and the id of its payment.

    A fault may be kept for who asks for this payment, and its checkout may have been made. What comes next
    is another payment, so that each has one checkout at most, whatever becomes of it.
    """
    try:
        return charge.payment_id, await provider.open_checkout(charge)
    except ProviderFault:
        charge = msgspec.structs.replace(charge, payment_id=next_payment_id(booking, after_fault=True))
        return charge.payment_id, await provider.open_checkout(charge)


def next_payment_id(booking: Payable, *, after_fault: bool = False) -> UUID:
    """The id of a booking's next payment, or of another one where opening that has met a fault.

    Whoever begins to pay at the same moment makes the same one, asks the provider for the same checkout, and
    writes the same row. It has the time and the event of the booking's id, and is as random as that is.
    """
    asked = (booking.booking_id, booking.provider, booking.total, booking.currency, booking.title)
    digest = hashlib.sha256(msgspec.json.encode((*asked, booking.payment_id, after_fault))).digest()
    return derived_id(booking.booking_id, digest)


async def get_own_payment(db: Database, payment_id: UUID, buyer_id: int) -> PaymentRow:
    """The payment, if its booking is the buyer's. Raises `NotFound`."""
    payment = await queries.find_payment_of(db, event_of(payment_id), payment_id, buyer_id)
    if payment is None:
        raise NotFound
    return payment


def _started(payment: PaymentRow, client_secret: str | None = None) -> StartedPayment:
    return StartedPayment(*msgspec.structs.astuple(payment), client_secret=client_secret)
