"""Payments as clients see them, from their rows."""

from boxoffice.kit.money import Money
from boxoffice.payments.checkout import StartedPayment
from boxoffice.payments.queries import PaymentRow
from boxoffice.payments.schemas import PaymentView


def view_of_started(payment: StartedPayment) -> PaymentView:
    """A payment that was just started, with the secret that its buyer pays with."""
    return view_of_payment(payment, payment.client_secret)


def view_of_payment(payment: PaymentRow, client_secret: str | None = None) -> PaymentView:
    """A payment as it stands."""
    return PaymentView(
        id=payment.id,
        booking_id=payment.booking_id,
        provider=payment.provider,
        state=payment.state,
        amount=Money(payment.amount, payment.currency),
        checkout_url=payment.checkout_url,
        created_at=payment.created_at,
        client_secret=client_secret,
    )
