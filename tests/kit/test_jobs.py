"""Jobs: in the transaction of their cause, repeated until they succeed, done by whoever is there."""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from unittest.mock import patch

import asyncpg
import msgspec
import pytest
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.errors import FailingListenerError
from structlog.testing import capture_logs

from boxoffice.kit import job_log, jobs
from boxoffice.kit.job_log import LOG_KEPT, forget_job_log
from boxoffice.kit.jobs import Handler, enqueue, enqueue_all, run_jobs
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


async def test_many_jobs_are_enqueued_at_once_each_with_its_delay(db: Database):
    name = f"note-{secrets.token_hex(4)}"
    async with db.transaction() as tx:
        await enqueue_all(tx, name, [])
        await enqueue_all(tx, name, [(Note(str(n)), timedelta(seconds=n)) for n in range(3)])
        await enqueue_all(tx, name, [(Note("now"), None)])

    waits = await db.list(
        float,
        """
        SELECT extract(epoch FROM execute_after - created)::float
          FROM pgqueuer WHERE entrypoint = $1 ORDER BY id
        """,
        name,
    )
    assert waits == pytest.approx([0, 1, 2, 0], abs=0.05)


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


async def test_a_job_outlives_a_postgresql_that_cannot_write_that_it_failed(
    db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    """Its disk is full, say. PgQueuer would delete the job as soon as there is room again."""
    name = f"note-{secrets.token_hex(4)}"
    tries, writes, done = 0, 0, asyncio.Event()
    execute = AsyncpgDriver.execute

    async def handle(_payload: bytes) -> None:
        nonlocal tries
        tries += 1
        if tries < 2:
            raise ConnectionError("the provider is away")
        done.set()

    async def full(driver: AsyncpgDriver, query: str, *arguments: object) -> str:
        nonlocal writes
        if tries and "execute_after" in query and "UPDATE" in query:
            writes += 1
            if writes < 2:
                raise asyncpg.DiskFullError("no space left on device")
        return await execute(driver, query, *arguments)

    monkeypatch.setattr(AsyncpgDriver, "execute", full)
    monkeypatch.setattr(jobs, "LOST_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.2)
    monkeypatch.setattr(jobs, "RECONNECT_SECONDS", 0.01)
    async with working(dsn, {name: handle}), asyncio.timeout(20):
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("kept"))
        await done.wait()


async def test_a_job_that_is_cut_off_is_done_again(db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch):
    """The process ends while it lets its jobs end. Seen to fail: PgQueuer took the job for cancelled."""
    name = f"note-{secrets.token_hex(4)}"
    tries, done = 0, asyncio.Event()

    async def handle(_payload: bytes) -> None:
        nonlocal tries
        tries += 1
        if tries < 2 and (task := asyncio.current_task()) is not None:
            task.cancel()
            await asyncio.sleep(0)
        done.set()

    monkeypatch.setattr(jobs, "LOST_SECONDS", 0.5)
    monkeypatch.setattr(jobs, "POLL_SECONDS", 0.2)
    async with working(dsn, {name: handle}), asyncio.timeout(20):
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("owed"))
        await done.wait()
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


async def test_a_worker_that_breaks_off_for_no_known_reason_begins_anew(
    db: Database, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    """What asyncpg and PgQueuer make of a connection in pieces is no family of errors."""
    name = f"note-{secrets.token_hex(4)}"
    faults: list[Exception] = [asyncpg.ProtocolError("a half message"), FailingListenerError()]
    done, run_on = asyncio.Event(), jobs._run_on  # pyright: ignore[reportPrivateUsage]

    async def handle(_payload: bytes) -> None:
        done.set()

    async def broken(connection: asyncpg.Connection, handlers: Mapping[str, Handler]) -> None:
        if faults:
            raise faults.pop()
        await run_on(connection, handlers)

    monkeypatch.setattr(jobs, "_run_on", broken)
    monkeypatch.setattr(jobs, "RECONNECT_SECONDS", 0.01)
    async with db.transaction() as tx:
        await enqueue(tx, name, Note("all the same"))
    async with working(dsn, {name: handle}), asyncio.timeout(20):
        await done.wait()


async def _cut_job_connections(db: Database) -> int:
    return await db.get(
        int,
        """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'boxoffice jobs'
        """,
    )


async def test_the_log_of_jobs_is_kept_for_two_weeks(db: Database, monkeypatch: pytest.MonkeyPatch):
    name = f"note-{secrets.token_hex(4)}"
    async with db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO pgqueuer_log (job_id, status, priority, entrypoint, created)
            SELECT n, 'successful', 0, $1, now() - $2::interval - (n - 1) * interval '1 minute'
              FROM generate_series(-1, 5) AS n
            """,
            name,
            LOG_KEPT,
        )
    monkeypatch.setattr(job_log, "ENTRIES_MAX", 2)

    await forget_job_log(db)

    left = "SELECT job_id FROM pgqueuer_log WHERE entrypoint = $1 ORDER BY job_id"
    assert await db.list(int, left, name) == [-1, 0]


async def test_what_a_lost_connection_does_to_the_driver_is_an_outage_and_not_a_bug(dsn: str):
    """The driver may be in a state of its own when PostgreSQL is killed in the middle of a statement."""
    broken = asyncio.Event()

    async def break_off(*_: object) -> None:
        broken.set()
        raise asyncpg.InternalClientError("cannot switch to state 12; another operation (2) is in progress")

    with patch("boxoffice.kit.jobs._run_on", break_off), capture_logs() as logs:
        working = asyncio.create_task(run_jobs(dsn, {}))
        await broken.wait()
        await asyncio.sleep(0)
        working.cancel()
    assert [each["log_level"] for each in logs] == ["warning"], logs
