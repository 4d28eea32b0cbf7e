"""A buyer with a held booking, over HTTP in process; a shop that is paid through Stripe."""

from collections.abc import AsyncGenerator, Generator
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from payments.baskets import Basket, Holder, headers_of
from payments.stripe_http import stripe_peer
from payments.stripe_peer import SECRET_KEY, WEBHOOK_SECRET, StripePeer
from payments.stripe_shop import Shop
from shows import insert_user, open_show
from web import running


@pytest.fixture
def basket(db: Database, client: httpx.AsyncClient) -> Holder:
    """Hold seats 3 and 4 of a new show for a new buyer."""

    async def hold(*, price: int = 2500, hold_seconds: int = 600, currency: str = "EUR") -> Basket:
        show = await open_show(db, price=price, hold_seconds=hold_seconds, currency=currency)
        buyer_id = await insert_user(db)
        headers = headers_of(buyer_id)
        answer = await client.post(
            "/bookings", json={"event_id": show.event_id, "seat_ids": [3, 4]}, headers=headers
        )
        assert answer.status_code == 201, answer.text
        return Basket(show, buyer_id, UUID(answer.json()["id"]), headers)

    return hold


@pytest.fixture
async def parts(dsn: str) -> AsyncGenerator[Parts]:
    """The parts of one process."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


@pytest.fixture
async def rival(dsn: str) -> AsyncGenerator[Parts]:
    """The parts of another."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


@pytest.fixture(scope="module")
def settings_of_peer() -> Generator[tuple[StripePeer, Settings]]:
    """A peer for the module, and an installation that pays there."""
    with stripe_peer() as opened:
        yield (
            opened,
            Settings(
                jobs_inside=False,
                stripe_secret_key=SECRET_KEY,
                stripe_webhook_secret=WEBHOOK_SECRET,
                stripe_api_url=opened.url,
            ),
        )


@pytest_asyncio.fixture(scope="module")
async def stripe_app(settings_of_peer: tuple[StripePeer, Settings], dsn: str) -> AsyncGenerator[Litestar]:
    async with running(settings_of_peer[1], dsn) as application:
        yield application


@pytest.fixture
def peer(settings_of_peer: tuple[StripePeer, Settings]) -> StripePeer:
    """The peer, without faults that another test has left."""
    settings_of_peer[0].faults.clear()
    return settings_of_peer[0]


@pytest_asyncio.fixture
async def shop(
    stripe_app: Litestar, settings_of_peer: tuple[StripePeer, Settings], peer: StripePeer, dsn: str
) -> AsyncGenerator[Shop]:
    parts = Parts(settings_of_peer[1], dsn)
    transport = httpx.ASGITransport(stripe_app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with (
        parts.running(),
        httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client,
    ):
        yield Shop(client, peer, parts)
