"""What every test may ask for: a real PostgreSQL with durable settings, migrated, and a pool to it."""

import shutil
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import pytest

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.postgres import Database

pytest_plugins = ["web"]


@pytest.fixture(scope="session")
def postgres() -> Generator[EmbeddedPostgres]:
    """One server for the whole session; it ends with us even when we are killed."""
    folder = Path(tempfile.mkdtemp(prefix="boxoffice-tests-"))
    # pytest's own temporary folders are closed to the user who runs the server when we are root.
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "data") as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dsn(postgres: EmbeddedPostgres) -> str:
    """The DSN of a database that has all migrations."""
    from boxoffice.migrations import migrate  # noqa: PLC0415  the tests of the server need no schema

    migrate(postgres.dsn)
    return postgres.dsn


@pytest.fixture(scope="session")
async def db(dsn: str) -> AsyncGenerator[Database]:
    """A pool as the application has one. A test owns its event, so all share the database."""
    database = Database(dsn, connections_max=20)
    await database.open()
    yield database
    await database.close()
