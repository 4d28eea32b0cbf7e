"""The same calls against localstripe, a peer that others have written: the part of the API that it has."""

import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from uuid import uuid4

import httpx
import pytest

from boxoffice.kit.settings import Settings
from boxoffice.payments.provider import Asked, Charge, DueRefund, FactKind
from boxoffice.payments.stripe.provider import Stripe
from payments.stripe_peer import SECRET_KEY, WEBHOOK_SECRET
from server import free_port, wait_until

# It writes all it has to one file in /tmp at every call, which stays, and which another user cannot write.
_PROGRAM = """
from localstripe import resources, server
resources.Store.dump_to_disk = lambda store: None
server.start()
"""

_CARD = {
    "type": "card",
    "card[number]": "4242424242424242",
    "card[exp_month]": "12",
    "card[exp_year]": "2035",
    "card[cvc]": "123",
}


@pytest.fixture
def localstripe() -> Generator[str]:
    """The address of a localstripe that lasts for the test."""
    port = free_port()
    command = [sys.executable, "-c", _PROGRAM, "--port", str(port), "--from-scratch"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        assert process.poll() is None
        try:
            return httpx.get(f"{url}/v1/events", auth=(SECRET_KEY, "")).is_success
        except httpx.TransportError:
            return False

    try:
        wait_until(answers, 20)
        yield url
    finally:
        process.terminate()
        process.wait()


async def test_open_ask_refund_and_close_are_understood_by_a_foreign_peer(localstripe: str):
    provider = Stripe(
        Settings(
            stripe_secret_key=SECRET_KEY, stripe_webhook_secret=WEBHOOK_SECRET, stripe_api_url=localstripe
        )
    )
    paid, left = [await _open(provider) for _ in range(2)]
    assert await provider.ask(paid) is None
    async with httpx.AsyncClient(base_url=f"{localstripe}/v1", auth=(SECRET_KEY, "")) as buyer:
        await _pay(buyer, paid)

    fact = await provider.ask(paid)

    assert fact is not None
    assert (fact.kind, fact.payment_id, fact.amount, fact.currency) == (
        FactKind.CAPTURED,
        paid.payment_id,
        5000,
        "EUR",
    )
    await provider.give_back(paid)
    closed = await provider.close_checkout(left)
    assert closed is not None
    assert closed.kind is FactKind.CANCELLED
    await provider.give_back(left)
    await provider.close()


async def _open(provider: Stripe) -> DueRefund:
    payment_id = uuid4()
    opened = await provider.open_checkout(Charge(payment_id, 5000, "EUR", "An evening", datetime.now(UTC)))
    assert opened.client_secret
    return DueRefund(payment_id, "stripe", opened.reference, 5000, "EUR", payment_id, 5000)


async def _pay(buyer: httpx.AsyncClient, payment: Asked) -> None:
    customer = (await buyer.post("/customers", data={"email": "buyer@example.org"})).json()["id"]
    card = (await buyer.post("/payment_methods", data=_CARD)).json()["id"]
    intent = f"/payment_intents/{payment.reference}"
    for path, form in (
        (f"/payment_methods/{card}/attach", {"customer": customer}),
        (intent, {"payment_method": card, "customer": customer}),
        (f"{intent}/confirm", {}),
    ):
        answer = await buyer.post(path, data=form)
        assert answer.status_code == 200, answer.text
