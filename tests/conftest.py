"""What every test may ask for: a real PostgreSQL with durable settings, migrated, and a pool to it."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator, Generator
from pathlib import Path

import asyncpg
import pytest
from hypothesis import HealthCheck, settings

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.postgres import Database
from boxoffice.kit.postgres_data import APP_NAME

pytest_plugins = ["web"]

# Where it is forbidden, as in many images for containers, every process of pytest would compile all tests
# anew (six seconds), and every program that a test starts what has changed since the last installation.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

# How long an example takes says nothing where other tests are busy beside it.
settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")

# Files that take longest, by the clock. They come first, so that none of them is what all others wait for.
LONGEST = (
    "fuzzing/test_fuzzing.py",
    "simulation/chaos/test_chaos.py",
    "simulation/test_simulation.py",
    "test_serve.py",
    "journeys/test_crash.py",
    "journeys/test_demo.py",
    "journeys/test_bad_input.py",
    "payments/test_cases.py",
    "kit/test_embedded_postgres.py",
    "catalog/images/test_refusals.py",
)


def pytest_configure() -> None:
    """Give programs that tests start the signals of a terminal, though we are in the background of a shell.

    Two are ignored there, and under nohup, and stay so in what one starts. Here both still do nothing.
    """
    for each in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_IGN:
            signal.signal(each, _do_nothing)


def _do_nothing(_signal: int, _frame: object) -> None:
    pass


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest; end with two real servers, which do all jobs as long as they live."""
    here = Path(__file__).parent
    rank = {here / name: number for number, name in enumerate(LONGEST)}
    last = {item.path for item in items if "two_servers" in getattr(item, "fixturenames", ())}
    items.sort(key=lambda item: len(rank) + 1 if item.path in last else rank.get(item.path, len(rank)))


@pytest.fixture(scope="session")
def postgres() -> Generator[EmbeddedPostgres]:
    """One server for the whole session; it ends with us even when we are killed."""
    folder = Path(tempfile.mkdtemp(prefix="boxoffice-tests-")).resolve()
    # pytest's own temporary folders are closed to the user who runs the server when we are root.
    folder.chmod(0o711)
    try:
        with EmbeddedPostgres(folder / "data") as server:
            yield server
    finally:
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def dsn(postgres: EmbeddedPostgres) -> str:
    """The application's DSN of a database that has all migrations."""
    # The tests of the server need no schema.
    from boxoffice.migrations.rights import Login, grant_rights  # noqa: PLC0415
    from boxoffice.migrations.run import migrate  # noqa: PLC0415

    migrate(postgres.dsn)
    grant_rights(postgres.dsn, Login(APP_NAME, None))
    # Tests below HTTP name buyers 1, 2, 3: leave these numbers to them.
    asyncio.run(_execute(postgres.dsn, "ALTER TABLE users ALTER COLUMN id RESTART WITH 1000000"))
    return postgres.app_dsn


async def _execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


@pytest.fixture(scope="session")
async def db(dsn: str) -> AsyncGenerator[Database]:
    """A pool as the application has one. A test owns its event, so all share the database."""
    database = Database(dsn, connections_max=20)
    await database.open()
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def owner_db(dsn: str, postgres: EmbeddedPostgres) -> AsyncGenerator[Database]:
    """The same database, as the owner of its tables: who may do what the application may not."""
    database = Database(postgres.dsn, connections_max=2)
    await database.open()
    yield database
    await database.close()
