"""The sandbox's checkout page: plain HTML, four buttons, no script."""

from html import escape

from boxoffice.kit.money import in_words
from boxoffice.payments.sandbox import Checkout, Choice
from boxoffice.payments.sandbox_queries import CheckoutState

_LABELS = {
    Choice.PAY: "Pay",
    Choice.DECLINE: "Decline the card",
    Choice.PAY_LATE: "Pay after the hold has expired",
    Choice.PAY_TWICE: "Pay, and send the webhook twice",
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


def render_page(checkout: Checkout) -> str:
    """The page for this checkout, as it stands."""
    amount = escape(in_words(checkout.asked.amount, checkout.asked.currency))
    body = _result(checkout) if checkout.charge is not None else _buttons(checkout)
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
    forms = "".join(
        f'<form method="post" action="{escape(checkout.token)}/{choice}"><button>{label}</button></form>'
        for choice, label in _LABELS.items()
    )
    return note + forms


def _result(checkout: Checkout) -> str:
    if checkout.state is CheckoutState.REFUNDED:
        return "<p>Paid, and refunded in full.</p>"
    if checkout.delivered_at is not None:
        return "<p>Paid. The shop has been told.</p>"
    seconds = round(checkout.late_in.total_seconds())
    return f"<p>Paid. The shop will be told in about {seconds} seconds; reload to see.</p>"
