"""The sandbox's checkout page: plain HTML, buttons for all that can happen, no script."""

from collections.abc import Mapping
from html import escape

from boxoffice.kit.money import in_words
from boxoffice.payments.provider import DisputeState
from boxoffice.payments.sandbox.provider import BankChoice, Checkout, Choice
from boxoffice.payments.sandbox.queries import CheckoutState

_LABELS = {
    Choice.PAY: "Pay",
    Choice.AUTHORISE: "Pay by card: authorised now, captured by the shop",
    Choice.DECLINE: "Decline the card",
    Choice.PAY_LATE: "Pay after the hold has expired",
    Choice.PAY_TWICE: "Pay, and send the webhook twice",
    Choice.PAY_UNREPORTED: "Pay, and lose the webhook",
    Choice.PAY_WRONG_AMOUNT: "Pay one cent too much",
    Choice.PAY_WRONG_CURRENCY: "Pay in another currency",
}

_DISPUTE_LABELS = {
    BankChoice.DISPUTE: "The buyer's bank disputes it",
    BankChoice.DISPUTE_HALF: "The buyer's bank disputes half of it",
    BankChoice.REFUND_FAILS: "The last refund comes back",
    BankChoice.REFUND_FAILS_FOR_GOOD: "The last refund comes back, for the card is gone",
}

_DECISION_LABELS = {
    BankChoice.WIN: "The bank decides for the shop",
    BankChoice.LOSE: "The bank decides for the buyer",
}

_DISPUTES = {
    DisputeState.OPEN: "The buyer's bank has it, and has not decided.",
    DisputeState.WON: "The buyer's bank has decided for the shop.",
    DisputeState.LOST: "The buyer's bank has given it to the buyer.",
}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 4rem auto; padding: 0 1rem;
       color: #1d2733 }
.amount { font-size: 2rem; font-weight: 600; margin: .5rem 0 1.5rem }
button { display: block; width: 100%; margin: .5rem 0; padding: .7rem; font: inherit; border-radius: .4rem;
         border: 1px solid #1d3557; background: #fff; color: #1d3557; cursor: pointer }
form:first-of-type button { background: #1d3557; color: #fff }
.note { color: #5b6673 }
"""


# Its style, and a button that sends a form to us; a page that has paid leads nowhere else.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


# Nothing was paid yet.
_WAITING = (CheckoutState.OPEN, CheckoutState.DECLINED)


def render_page(checkout: Checkout) -> str:
    """The page for this checkout, as it stands."""
    amount = escape(in_words(checkout.asked.amount, checkout.asked.currency))
    body = _buttons(checkout) if checkout.state in _WAITING else _result(checkout)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox checkout</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<style>{_STYLE}</style></head><body>"
        f'<p class="note">Sandbox: no money moves here.</p><h1>{escape(checkout.asked.description)}</h1>'
        f'<p class="amount">{amount}</p>{body}</body></html>'
    )


def _buttons(checkout: Checkout) -> str:
    declined = checkout.state is CheckoutState.DECLINED
    note = '<p class="note">The card was declined. Try again.</p>' if declined else ""
    return note + _forms(checkout, _LABELS)


def _forms(checkout: Checkout, labels: Mapping[Choice, str] | Mapping[BankChoice, str]) -> str:
    return "".join(
        f'<form method="post" action="{escape(checkout.token)}/{choice}"><button>{label}</button></form>'
        for choice, label in labels.items()
    )


def _result(checkout: Checkout) -> str:
    if checkout.state is CheckoutState.CLOSED:
        return "<p>Closed: nobody can pay here any more.</p>"
    if checkout.state is CheckoutState.AUTHORISED:
        return "<p>Authorised. The shop has not captured it yet.</p>"
    dispute = "" if checkout.dispute is None else f"<p>{_DISPUTES[checkout.dispute]}</p>"
    is_open = checkout.dispute is DisputeState.OPEN
    return _paid(checkout) + dispute + _forms(checkout, _DECISION_LABELS if is_open else _DISPUTE_LABELS)


def _paid(checkout: Checkout) -> str:
    if checkout.state is CheckoutState.REFUNDED:
        return "<p>Paid, and refunded in full.</p>"
    if checkout.delivered_at is not None:
        return "<p>Paid. The shop has been told.</p>"
    seconds = round(checkout.late_in.total_seconds())
    return f"<p>Paid. The shop will know in about {seconds} seconds at the latest; reload to see.</p>"
