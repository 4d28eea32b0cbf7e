"""The application with passwords that cost next to nothing, and browsers that talk to it."""

import uuid
from collections.abc import AsyncGenerator, Callable

import pytest
import pytest_asyncio
from litestar import Litestar

from accounts.browser import Browser
from boxoffice.kit.settings import Settings
from web import running

NewBrowser = Callable[[], Browser]


@pytest_asyncio.fixture(scope="session")
async def quick_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application as it is on a developer's machine, over plain HTTP."""
    async with running(Settings(jobs_inside=False), dsn) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def rival_app(dsn: str) -> AsyncGenerator[Litestar]:
    """A second process of the same service, with a pool of its own."""
    async with running(Settings(jobs_inside=False), dsn) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def https_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application behind TLS."""
    async with running(
        Settings(jobs_inside=False, public_url="https://Tickets.example.org:443"), dsn
    ) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def proxied_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application behind a proxy on the same machine."""
    async with running(Settings(jobs_inside=False, trusted_proxies="127.0.0.1"), dsn) as application:
        yield application


@pytest_asyncio.fixture(scope="session")
async def strict_app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application of an operator who wants second factors."""
    async with running(Settings(jobs_inside=False, second_factor_required=True), dsn) as application:
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
