"""Fixtures that talk to the application over HTTP semantics, in this process, with a real database."""

from collections.abc import AsyncGenerator

import httpx
import pytest_asyncio
from litestar import Litestar

from boxoffice.app import create_app
from boxoffice.kit.settings import Settings


@pytest_asyncio.fixture(scope="session")
async def app(dsn: str) -> AsyncGenerator[Litestar]:
    """The application with its lifespan running."""
    application = create_app(Settings(), dsn)
    async with application.lifespan():
        yield application


@pytest_asyncio.fixture
async def client(app: Litestar) -> AsyncGenerator[httpx.AsyncClient]:
    """A client without cookies or tokens, fresh for every test."""
    transport = httpx.ASGITransport(app)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as opened:
        yield opened
