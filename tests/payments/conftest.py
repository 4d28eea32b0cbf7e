"""A buyer with a held booking, over HTTP in process."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from uuid import UUID

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from shows import Show, insert_user, open_show


class Basket(msgspec.Struct, frozen=True):
    """What a buyer holds, and the headers that say who is asking."""

    show: Show
    buyer_id: int
    booking_id: UUID
    headers: dict[str, str]


Holder = Callable[..., Awaitable[Basket]]


def headers_of(user_id: int, role: Role = Role.USER) -> dict[str, str]:
    """The headers of somebody who is signed in."""
    settings = Settings()
    token = Tokens(settings.secret, settings.access_token_minutes).issue(user_id, role)
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def basket(db: Database, client: httpx.AsyncClient) -> Holder:
    """Hold seats 3 and 4 of a new show for a new buyer."""

    async def hold(*, price: int = 2500, hold_seconds: int = 600) -> Basket:
        show = await open_show(db, price=price, hold_seconds=hold_seconds)
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
