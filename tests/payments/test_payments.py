"""Paying: the checkout, signed reports, late and doubled ones, and money that goes back."""

import asyncio
import hashlib
import hmac
import time
from typing import Any
from uuid import uuid4

import httpx
import msgspec
import pytest

from boxoffice.kit.keys import derive_key
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.payments.provider import Charge
from boxoffice.payments.sandbox.provider import Choice
from boxoffice.payments.sandbox.seals import SIGNATURE_HEADER, SIGNATURE_SECONDS_MAX
from payments.conftest import Basket, Holder, headers_of
from shows import insert_user

KEY = derive_key(Settings().secret, "sandbox webhook")


def report(payment: dict[str, Any], *, kind: str = "CAPTURED", report_id: str | None = None) -> bytes:
    """A webhook's body for this payment."""
    return msgspec.json.encode(
        {
            "id": report_id or str(uuid4()),
            "kind": kind,
            "payment_id": payment["id"],
            "amount": payment["amount"]["amount"],
            "currency": payment["amount"]["currency"],
        }
    )


async def tell(client: httpx.AsyncClient, body: bytes, *, age: int = 0, key: bytes = KEY) -> httpx.Response:
    """Deliver a webhook, signed `age` seconds ago."""
    stamp = str(int(time.time()) - age)
    signature = hmac.new(key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return await client.post(
        "/payment-events/sandbox", content=body, headers={SIGNATURE_HEADER: f"t={stamp},v1={signature}"}
    )


async def start(client: httpx.AsyncClient, held: Basket) -> dict[str, Any]:
    """Start a payment for what is held."""
    answer = await client.post(f"/bookings/{held.booking_id}/payments", json={}, headers=held.headers)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def state_of(client: httpx.AsyncClient, held: Basket, payment: dict[str, Any]) -> tuple[str, str]:
    """The states of the booking and the payment, as their buyer sees them."""
    booking = await client.get(f"/bookings/{held.booking_id}", headers=held.headers)
    found = await client.get(f"/payments/{payment['id']}", headers=held.headers)
    return booking.json()["state"], found.json()["state"]


async def test_asking_twice_gives_the_same_checkout(client: httpx.AsyncClient, basket: Holder):
    held = await basket()

    first, second = await start(client, held), await start(client, held)

    assert first == second


async def test_only_the_buyer_of_a_held_booking_can_pay(
    db: Database, client: httpx.AsyncClient, basket: Holder
):
    held = await basket()
    stranger = headers_of(await insert_user(db))
    answer = await client.post(f"/bookings/{held.booking_id}/payments", json={}, headers=stranger)
    assert answer.status_code == 404
    answer = await client.post(f"/bookings/{uuid4()}/payments", json={}, headers=stranger)
    assert answer.status_code == 404
    answer = await client.post(f"/bookings/{held.booking_id}/payments", json={})
    assert answer.status_code == 401
    payment = await start(client, held)
    assert (await client.get(f"/payments/{payment['id']}", headers=stranger)).status_code == 404


async def test_what_is_free_or_over_has_nothing_to_pay(client: httpx.AsyncClient, basket: Holder):
    free, over = await basket(price=0), await basket(hold_seconds=1)
    await over.show.wait_for_holds_to_end()

    for held, state in ((free, "CONFIRMED"), (over, "EXPIRED")):
        answer = await client.post(f"/bookings/{held.booking_id}/payments", json={}, headers=held.headers)
        assert answer.status_code == 409
        assert answer.json()["type"] == "/problems/nothing-to-pay"
        assert answer.json()["state"] == state


async def test_an_unknown_provider_is_named(client: httpx.AsyncClient, basket: Holder):
    held = await basket()
    answer = await client.post(
        f"/bookings/{held.booking_id}/payments", json={"provider": "cowries"}, headers=held.headers
    )
    assert answer.status_code == 422
    assert answer.json()["providers"] == ["sandbox"]


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "t=1,v1=x",
        "nonsense",
        "t=99999999999999999999999,v1=00",
        "t=٣,v1=ü",
        "t=-1,v1=" + "0" * 64,
    ],
)
async def test_a_report_without_the_providers_signature_changes_nothing(
    client: httpx.AsyncClient, basket: Holder, header: str
):
    held = await basket()
    payment = await start(client, held)

    answer = await client.post(
        "/payment-events/sandbox",
        content=report(payment),
        headers=[(SIGNATURE_HEADER.encode(), header.encode())],
    )

    assert answer.status_code == 401
    assert await state_of(client, held, payment) == ("PENDING", "PENDING")


async def test_a_signature_counts_for_its_body_its_key_and_its_time_only(
    client: httpx.AsyncClient, basket: Holder
):
    held = await basket()
    payment = await start(client, held)

    assert (await tell(client, report(payment), key=b"another key")).status_code == 401
    assert (await tell(client, report(payment), age=SIGNATURE_SECONDS_MAX + 5)).status_code == 401
    assert (await tell(client, b"{}")).status_code == 422
    assert (await tell(client, b"\xff")).status_code == 422
    assert (await client.post("/payment-events/nobody", content=report(payment))).status_code == 404
    assert await state_of(client, held, payment) == ("PENDING", "PENDING")
    assert (await tell(client, report(payment), age=SIGNATURE_SECONDS_MAX - 5)).status_code == 204


async def test_a_report_for_a_payment_nobody_asked_for_is_not_taken(
    client: httpx.AsyncClient, basket: Holder
):
    held = await basket()
    payment = await start(client, held)
    assert (await tell(client, report({**payment, "id": str(uuid4())}))).status_code == 404


async def test_two_clicks_on_pay_charge_once(dsn: str, client: httpx.AsyncClient, basket: Holder):
    held = await basket()
    payment = await start(client, held)
    parts = Parts(Settings(), dsn)
    async with parts.running():
        assert parts.sandbox is not None
        clicks = await asyncio.gather(
            *[parts.sandbox.choose(_token(payment), Choice.PAY_LATE) for _ in range(5)]
        )
    assert len({checkout.charge for checkout in clicks}) == 1


async def test_a_checkout_page_shows_its_buttons_and_what_became_of_it(
    dsn: str, client: httpx.AsyncClient, basket: Holder
):
    held = await basket()
    payment = await start(client, held)
    path = payment["checkout_url"].removeprefix("http://localhost:8000")
    page = await client.get(f"http://testserver{path}", headers={"accept": "text/html"})
    assert page.status_code == 200
    for choice in Choice:
        assert f"/{choice}" in page.text
    assert "50.00 EUR" in page.text
    token = path.rpartition("/")[2]
    for wrong in (
        "no-such-token",
        "%",
        token[:-4],
        token[:40] + ("A" if token[40] != "A" else "B") + token[41:],
    ):
        missing = await client.get(f"http://testserver/sandbox/checkouts/{wrong}")
        assert missing.status_code == 404, wrong
    assert (await client.post(f"http://testserver{path}/steal")).status_code == 404
    plain = await client.get(f"http://testserver{path}")
    assert plain.json() == {"state": "OPEN", "shop_told": False}


async def test_opening_a_checkout_again_is_the_same_checkout(dsn: str, basket: Holder):
    held = await basket()
    parts = Parts(Settings(), dsn)
    async with parts.running():
        assert parts.sandbox is not None
        row = await parts.db.get(_Expiry, "SELECT expires_at FROM bookings WHERE id = $1", held.booking_id)
        charge = Charge(uuid4(), 5000, "EUR", "An evening", row.expires_at)
        assert await parts.sandbox.open_checkout(charge) == await parts.sandbox.open_checkout(charge)


class _Expiry(msgspec.Struct, frozen=True):
    expires_at: Any


def _token(payment: dict[str, Any]) -> str:
    return payment["checkout_url"].rpartition("/")[2]
