"""A connection rests before it goes back to the pool, and nobody is worse off for it."""

import asyncio

import pytest

from boxoffice.kit.connections import Connections
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database


async def _pid(connections: Connections) -> int:
    async with connections.taken() as connection:
        return await connection.fetchval("SELECT pg_backend_pid()")


async def test_who_waits_for_the_pool_gets_the_connection_that_comes_free(dsn: str):
    db = Database(dsn, connections_max=1)
    await db.open()
    # One rests, and all others wait where it does not.
    assert await db.find(int, "SELECT 0") == 0
    assert await asyncio.gather(*[db.find(int, "SELECT $1::int", n) for n in range(50)]) == [*range(50)]
    await db.close()


async def test_a_connection_that_was_cut_while_it_rested_is_not_handed_over(db: Database, dsn: str):
    connections = Connections(dsn, connections_max=1)
    await connections.open()
    pid = await _pid(connections)
    await db.find(bool, "SELECT pg_terminate_backend($1, 5000)", pid)
    # The end of the connection is on its way to us.
    await asyncio.sleep(0.05)
    assert await _pid(connections) != pid
    await connections.close()


async def test_the_rest_ends_and_the_pool_has_it_back(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("boxoffice.kit.connections.REST_SECONDS", 0.01)
    connections = Connections(dsn, connections_max=1, max_inactive_connection_lifetime=0.01)
    await connections.open()
    pid = await _pid(connections)
    await asyncio.sleep(0.2)
    assert await _pid(connections) != pid
    await connections.close()


async def test_who_still_works_when_it_closes_gives_the_connection_to_the_pool(dsn: str):
    connections = Connections(dsn, connections_max=1)
    await connections.open()
    async with connections.taken() as connection:
        closing = asyncio.create_task(connections.close())
        await asyncio.sleep(0)
        assert await connection.fetchval("SELECT 1") == 1
    await closing
    with pytest.raises(Unavailable):
        await _pid(connections)
