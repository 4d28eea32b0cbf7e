"""The application with passwords that cost next to nothing, and browsers that talk to it."""

import asyncio
import uuid
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import pytest
import pytest_asyncio
from argon2 import Parameters
from argon2.low_level import Type
from litestar import Litestar

from accounts.browser import Browser
from boxoffice.accounts import parts
from boxoffice.accounts.passwords import Passwords
from boxoffice.app import create_app
from boxoffice.kit.settings import Settings

CHEAP = Parameters(
    type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=1, memory_cost=8, parallelism=1
)


def _cheap_passwords(threads: int) -> Passwords:
    return Passwords(threads, CHEAP)


@asynccontextmanager
async def _running(settings: Settings, dsn: str) -> AsyncGenerator[Litestar]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "Passwords", _cheap_passwords)
        application = create_app(settings, dsn)
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
async def quick_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application as it is on a developer's machine, over plain HTTP."""
    async with _running(Settings(jobs_inside=False), dsn) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def rival_app(dsn: str) -> AsyncGenerator[Litestar]:
    """A second process of the same service, with a pool of its own."""
    async with _running(Settings(jobs_inside=False), dsn) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def https_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application behind TLS."""
    async with _running(
        Settings(jobs_inside=False, public_url="https://Tickets.example.org:443"), dsn
    ) as application:
        yield application


@pytest.fixture
def new_browser(quick_app: Litestar) -> Callable[[], Browser]:
    """Browsers of strangers, each with an address of its own."""
    return lambda: Browser(quick_app, email=f"{uuid.uuid4().hex}@example.org")


@pytest.fixture
def browser(new_browser: Callable[[], Browser]) -> Browser:
    """The browser of a stranger."""
    return new_browser()


@pytest_asyncio.fixture
async def ada(browser: Browser) -> Browser:
    """The browser of somebody who has an account and is logged in."""
    assert (await browser.register()).status_code == 201
    assert (await browser.log_in()).status_code == 200
    return browser
