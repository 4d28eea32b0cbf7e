"""Connections to PostgreSQL: the driver's pool, and a moment's rest before one goes back to it.

Taking a connection from the pool and giving it back takes 40 us, as much as a short statement. Under load the
next user comes at once, so a connection rests for up to a second in between, and is handed over for nothing.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from boxoffice.kit import vanished_hosts
from boxoffice.kit.errors import Unavailable

# A request that waits longer than this for a connection is better told to come back.
ACQUIRE_SECONDS_MAX = 3.0

# Short beside the five minutes after which the pool closes a connection that nobody wanted.
REST_SECONDS = 1.0

Connection = PoolConnectionProxy


class Connections:
    """At most `connections_max`, opened on demand, so that starting never waits for PostgreSQL."""

    def __init__(self, dsn: str, *, connections_max: int, **options: Any) -> None:
        self._dsn = dsn
        self._connections_max = connections_max
        self._options = options
        self._pool: asyncpg.Pool | None = None
        self._resting: list[Connection] = []
        self._waiting = 0
        self._end_of_rest: asyncio.TimerHandle | None = None
        self._letting_go: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Make the pool. No connection is made yet."""
        self._pool = await asyncpg.create_pool(
            self._dsn,
            min_size=0,
            max_size=self._connections_max,
            timeout=ACQUIRE_SECONDS_MAX,
            connection_class=vanished_hosts.Connection,
            reset=_keep_session,
            **self._options,
        )

    async def close(self) -> None:
        """Give the connections back; those still at work are cut after a moment."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        if self._end_of_rest is not None:
            self._end_of_rest.cancel()
        try:
            async with asyncio.timeout(ACQUIRE_SECONDS_MAX):
                await self._let_go(pool)
                await pool.close()
        except (OSError, TimeoutError, asyncpg.PostgresError):
            pool.terminate()

    @asynccontextmanager
    async def taken(self) -> AsyncGenerator[Connection]:
        """A connection for the length of the block.

        Raises `TimeoutError` when none comes free in time, what the driver raises when there is none to be
        had, and `Unavailable` before `open` and after `close`.
        """
        pool = self._pool
        if pool is None:
            raise Unavailable("The database is not open. Try again shortly.")
        connection = await self._take(pool)
        try:
            yield connection
        except BaseException:
            # In the middle of something, perhaps: the pool sees to that.
            await pool.release(connection)
            raise
        # Those who wait, wait for the pool.
        if self._waiting or self._pool is None or not _is_open(connection):
            await pool.release(connection)
            return
        self._resting.append(connection)
        if self._end_of_rest is None:
            loop = asyncio.get_running_loop()
            self._end_of_rest = loop.call_later(REST_SECONDS, self._begin_to_let_go, pool)

    async def _take(self, pool: asyncpg.Pool) -> Connection:
        while self._resting:
            connection = self._resting.pop()
            if _is_open(connection):
                return connection
            await pool.release(connection)
        self._waiting += 1
        try:
            return await pool.acquire(timeout=ACQUIRE_SECONDS_MAX)
        finally:
            self._waiting -= 1

    def _begin_to_let_go(self, pool: asyncpg.Pool) -> None:
        self._end_of_rest = None
        self._letting_go = asyncio.get_running_loop().create_task(self._let_go(pool))

    async def _let_go(self, pool: asyncpg.Pool) -> None:
        resting, self._resting = self._resting, []
        for connection in resting:
            await pool.release(connection)


def _is_open(connection: Connection) -> bool:
    try:
        return not connection.is_closed()
    except asyncpg.InterfaceError:
        # The pool has it back already, for it was lost.
        return False


async def _keep_session(_connection: Connection) -> None:
    """Nothing of ours changes a session's settings, so a released connection needs no RESET ALL."""
