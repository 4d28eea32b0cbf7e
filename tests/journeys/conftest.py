"""Real servers: two installations of `boxoffice serve` on the PostgreSQL of the tests."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from server import Server, data_folder, free_port, started


@pytest.fixture(scope="session")
def two_servers(dsn: str) -> Generator[tuple[Server, Server]]:
    """Two server processes that know of each other only through PostgreSQL.

    They would first do what all tests before them have left to do: ten refunds a second, for a minute.
    """
    asyncio.run(forget_jobs(dsn))
    with (
        data_folder() as one,
        data_folder() as other,
        _served(one, dsn) as first,
        _served(other, dsn) as second,
    ):
        yield first, second


async def forget_jobs(dsn: str) -> None:
    """What tests have left to do is not done by who comes after them."""
    connection = await asyncpg.connect(dsn)
    await connection.execute("DELETE FROM pgqueuer")
    await connection.close()


@contextmanager
def _served(folder: Path, dsn: str) -> Generator[Server]:
    folder.mkdir()
    port = free_port()
    with started(folder, port=port, workers=1, dsn=dsn, public_url=f"http://127.0.0.1:{port}") as server:
        yield server
