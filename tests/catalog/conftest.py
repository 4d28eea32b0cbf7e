"""The people of these tests."""

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    """Somebody who sells events."""
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def rival(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    """Another organizer."""
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def admin(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    """Who runs the house."""
    return await person(app, client, db, Role.ADMIN)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    """Somebody who only buys."""
    return await person(app, client, db, Role.USER)


@pytest.fixture
def stranger(client: httpx.AsyncClient) -> Person:
    """Somebody without an account."""
    return Person(client, None, None)
