"""Fixtures that talk to the application over HTTP semantics, in this process, with a real database."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
import pytest_asyncio
from argon2 import Parameters
from argon2.low_level import Type
from litestar import Litestar

from accounts.mailbox import Mailbox
from boxoffice import parts as every_part
from boxoffice.accounts import parts
from boxoffice.accounts.passwords import Passwords
from boxoffice.app import create_app
from boxoffice.kit.drawing import Drawing
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings

if TYPE_CHECKING:
    from boxoffice.kit.traces.traces import Traces

CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1
)


def _cheap_passwords(count: int, *, apart: bool) -> Passwords:
    assert apart
    # Threads start sooner than processes.
    return Passwords(count, CHEAP)


@asynccontextmanager
async def running(settings: Settings, dsn: str, traces: "Traces | None" = None) -> AsyncGenerator[Litestar]:
    """The application with its lifespan running, and passwords that cost next to nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "Passwords", _cheap_passwords)
        # On cores that other tests want a process that gives way may come too late.
        patch.setattr(every_part, "Drawing", partial(Drawing, apart=False))
        application = create_app(settings, dsn, traces)
    started, stop = asyncio.get_running_loop().create_future(), asyncio.Event()

    async def live() -> None:
        async with application.lifespan():
            started.set_result(None)
            await stop.wait()

    # Litestar's lifespan must end in the task it began in; a session's fixture ends in another one.
    life = asyncio.create_task(live())
    await asyncio.wait([life, started], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        await life
    yield application
    stop.set()
    await life


@pytest_asyncio.fixture(scope="session")
async def app(dsn: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Litestar]:
    """The application as it is on a developer's machine, without background jobs."""
    # Tests ask more than people do, some of them with one account.
    settings = Settings(
        jobs_inside=False, requests_per_account=0, files_url=tmp_path_factory.mktemp("files").as_uri()
    )
    async with running(settings, dsn) as application:
        yield application


@pytest_asyncio.fixture
async def client(app: Litestar) -> AsyncGenerator[httpx.AsyncClient]:
    """A client without cookies or tokens, fresh for every test."""
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as opened:
        yield opened


@pytest_asyncio.fixture(scope="session")
async def mailbox(db: Database) -> AsyncGenerator[Mailbox]:
    """A real SMTP server."""
    box = Mailbox(db)
    box.controller.start()
    yield box
    box.controller.stop()
