"""A sale, a refund and a letter of which all is told to a peer; what was said is looked at afterwards."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import httpx
import msgspec
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.settings import Settings
from boxoffice.kit.traces.switch import open_traces
from boxoffice.parts import Parts
from journeys.conftest import forget_jobs
from otlp_peer import OtlpPeer, otlp_peer
from payments.baskets import headers_of
from payments.stripe_http import stripe_peer
from payments.stripe_peer import SECRET_KEY, WEBHOOK_SECRET
from payments.stripe_shop import Shop
from shows import insert_user, open_show
from web import running

# What the shop in front says of its own trace with everything it asks for a buyer.
SHOPS_TRACE = "0af7651916cd43dd8448eb211c80319c"
SHOPS_SPAN = "b7ad6b7169203331"


class Told(msgspec.Struct):
    """What the peer was told, and what it must not have been told."""

    peer: OtlpPeer
    secrets: list[str]
    stream_began_at: int = 0


@pytest_asyncio.fixture(scope="module")
async def told(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Told]:
    """Sell, scan, give back and write a letter; then end, so that all has been told."""
    with pytest.MonkeyPatch.context() as patch, otlp_peer(patch) as peer, stripe_peer() as stripe:
        settings = Settings(
            data_folder=tmp_path_factory.mktemp("data"),
            stripe_secret_key=SECRET_KEY,
            stripe_webhook_secret=WEBHOOK_SECRET,
            stripe_api_url=stripe.url,
            sandbox_payments=True,
        )
        found = Told(peer, [SECRET_KEY.split("_", 1)[1], WEBHOOK_SECRET])
        parts = Parts(settings, dsn)
        await forget_jobs(dsn)
        async with parts.running(), running(settings, dsn, open_traces()) as app:
            transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
            headers = {"traceparent": f"00-{SHOPS_TRACE}-{SHOPS_SPAN}-01"}
            async with httpx.AsyncClient(
                transport=transport, base_url="http://testserver/api/v1", headers=headers
            ) as client:
                await _live(Shop(client, stripe, parts), app, found)
        yield found


async def _live(shop: Shop, app: Litestar, found: Told) -> None:
    held = await shop.hold()
    started = await shop.try_to_start(held)
    payment_id = started.json()["id"]
    del shop.client.headers["traceparent"]
    assert await shop.tell(shop.peer.pay(payment_id)) == 204
    await _until(lambda: _is(shop.states(held, payment_id), ("CONFIRMED", "CAPTURED")))
    tickets = (await shop.client.get(f"/bookings/{held.booking_id}/tickets", headers=held.headers)).json()
    codes = [ticket["code"] for ticket in (tickets["items"] if isinstance(tickets, dict) else tickets)]
    gate = headers_of(held.show.organizer_id, Role.ORGANIZER)
    await shop.client.post(
        f"/events/{held.show.event_id}/check-ins?code={codes[0]}", json={"code": codes[0]}, headers=gate
    )
    assert (await shop.try_to_refund(held)).is_success
    await _until(lambda: _refunded(shop, payment_id))
    await _pay_in_the_sandbox(shop, found)
    address = f"somebody-{held.booking_id}@example.org"
    person = {"email": address, "password": "row-7-on-the-aisle", "name": "Ada Lovelace-Traced"}
    await shop.client.post("/auth/register", json=person)
    await _until(lambda: _written(shop, address))
    await _rush(shop)
    found.stream_began_at = await _watch(app, held.show.event_id)
    found.secrets += [
        started.json()["client_secret"],
        *codes,
        held.headers["authorization"].split()[1],
        gate["authorization"].split()[1],
        address,
        "example.org",
        person["password"],
        "Lovelace-Traced",
        "sk_test",
    ]


async def _pay_in_the_sandbox(shop: Shop, found: Told) -> None:
    """Its checkout's address lets whoever knows it pay; its report finds nobody there."""
    held = await shop.hold()
    path = f"/bookings/{held.booking_id}/payments"
    payment = await shop.client.post(path, json={"provider": "sandbox"}, headers=held.headers)
    checkout = payment.json()["checkout_url"]
    await shop.client.post(f"http://testserver/sandbox/checkouts/{checkout.rsplit('/', 1)[1]}/decline")
    found.secrets.append(checkout.rsplit("/", 1)[1])


async def _rush(shop: Shop) -> None:
    """Three buyers at once, each in a trace of their own: while one is decided for, two wait."""
    show = await open_show(shop.parts.db)

    async def hold(number: int, buyer_id: int) -> None:
        trace = {"traceparent": f"00-{number:032x}-{number:016x}-01"}
        body = {"event_id": show.event_id, "seat_ids": [number]}
        answer = await shop.client.post("/bookings", json=body, headers=headers_of(buyer_id) | trace)
        assert answer.status_code == 201, answer.text

    buyers = [await insert_user(shop.parts.db) for _ in range(3)]
    await asyncio.gather(*(hold(number, buyer_id) for number, buyer_id in enumerate(buyers, start=1)))


async def _watch(app: Litestar, event_id: int) -> int:
    """Follow the availability until it says something, then hang up; when that was, in nanoseconds."""
    begun_at, over = 0, asyncio.Event()

    async def receive() -> Any:
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        nonlocal begun_at
        if message["type"] == "http.response.body" and not begun_at:
            begun_at = time.time_ns()
            over.set()

    path = f"/api/v1/events/{event_id}/availability/stream"
    scope: Any = {"type": "http", "method": "GET", "scheme": "http", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": b"", "root_path": "", "headers": [], "client": ("127.0.0.1", 1), "state": {}}
    await app(scope, receive, send)
    return begun_at


async def _is(question: Awaitable[Any], wanted: Any) -> bool:
    return await question == wanted


async def _refunded(shop: Shop, payment_id: str) -> bool:
    query = "SELECT state::text FROM payments WHERE id = $1::uuid"
    return await shop.parts.db.get(str, query, payment_id) == "REFUNDED"


async def _written(shop: Shop, address: str) -> bool:
    letters = (shop.parts.settings.data_folder / "mail").glob("*.eml")
    return any(address in letter.read_text() for letter in letters)


async def _until(true: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await true():
            await asyncio.sleep(0.02)
