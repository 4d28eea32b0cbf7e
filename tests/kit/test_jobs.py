"""Jobs: in the transaction of their cause, repeated until they succeed, done by whoever is there."""

import asyncio
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from boxoffice.kit.jobs import Handler, enqueue, run_jobs
from boxoffice.kit.postgres import Database


class Note(msgspec.Struct, frozen=True):
    """A payload."""

    text: str


@asynccontextmanager
async def working(dsn: str, handlers: dict[str, Handler]) -> AsyncGenerator[None]:
    """A worker at work while the block lasts."""
    worker = asyncio.create_task(run_jobs(dsn, handlers))
    try:
        yield
    finally:
        worker.cancel()
        with suppress(asyncio.CancelledError):
            await worker


async def test_a_job_is_done_once_its_transaction_has_committed(db: Database, dsn: str):
    name = f"note-{secrets.token_hex(4)}"
    done: asyncio.Queue[bytes] = asyncio.Queue()

    async def handle(payload: bytes) -> None:
        await done.put(payload)

    async with working(dsn, {name: handle}):
        with pytest.raises(ZeroDivisionError):
            async with db.transaction() as tx:
                await enqueue(tx, name, Note("never"))
                raise ZeroDivisionError
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("yes"))
        async with asyncio.timeout(20):
            assert await done.get() == b'{"text":"yes"}'
    assert done.empty()


async def test_a_job_that_fails_is_done_again(db: Database, dsn: str):
    name = f"note-{secrets.token_hex(4)}"
    tries = 0
    succeeded = asyncio.Event()

    async def handle(_payload: bytes) -> None:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise ConnectionError("the provider is away")
        succeeded.set()

    async with working(dsn, {name: handle}):
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("again"))
        async with asyncio.timeout(20):
            await succeeded.wait()
    assert tries == 2


async def test_a_worker_that_loses_postgresql_comes_back(db: Database, dsn: str):
    name = f"note-{secrets.token_hex(4)}"
    done = asyncio.Event()

    async def handle(_payload: bytes) -> None:
        done.set()

    async with working(dsn, {name: handle}):
        async with asyncio.timeout(20):
            while not await _cut_job_connections(db):
                await asyncio.sleep(0.05)
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("still there"))
        async with asyncio.timeout(20):
            await done.wait()


async def _cut_job_connections(db: Database) -> int:
    return await db.get(
        int,
        """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'boxoffice jobs'
        """,
    )
