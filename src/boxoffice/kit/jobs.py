"""Background jobs on PostgreSQL (PgQueuer): enqueued in the transaction of their cause.

A job runs at least once and may run twice, so every handler must be repeatable. One that fails is
tried again for ever, ever more slowly: what must happen in the end does.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

import asyncpg
import msgspec
import structlog
from pgqueuer import Queries, QueueManager
from pgqueuer.adapters.drivers.asyncpg import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job, TracebackRecord
from pgqueuer.types import JOB_STATUS

from boxoffice.kit import metrics, vanished_hosts
from boxoffice.kit.outages import Outage
from boxoffice.kit.postgres import Transaction

# The first repetition comes after a second, then two, four ...
RETRY_SECONDS_MIN = 1

# ... but never later than this: an outage of a provider ends, and then things should move.
RETRY_SECONDS_MAX = 300

# How soon the worker tries again after losing PostgreSQL.
RECONNECT_SECONDS = 1.0

# Who has not answered by then will not.
CONNECT_SECONDS_MAX = 3

# A job that starts on its own when nobody says so (a deferred one) starts at most this late.
POLL_SECONDS = 5

# Whose worker has said nothing of it for so long, that job is somebody else's. Workers say so twice as often.
LOST_SECONDS = 30.0

# So often the connection is asked whether anybody is there, and given up when no answer comes: the longest
# statement about jobs is done by then. Of a vanished host the kernel tells sooner (kit/vanished_hosts.py), if
# nothing on the way acknowledges what it swallows.
HEARTBEAT_SECONDS = 10.0
HEARTBEAT_ANSWER_SECONDS_MAX = 30.0

# What a lost connection is to those who use it. The last is the driver's own confusion, when PostgreSQL is
# killed in the middle of a statement.
_LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)

Handler = Callable[[bytes], Awaitable[None]]

_log = structlog.get_logger()


async def enqueue(
    tx: Transaction, name: str, payload: msgspec.Struct, *, delay: timedelta | None = None
) -> None:
    """Have the job done once the transaction has committed, and `delay` after that."""
    queries = Queries(AsyncpgDriver(tx.connection))  # pyright: ignore[reportArgumentType]  a pool's proxy is a connection
    await queries.enqueue(name, msgspec.json.encode(payload), execute_after=delay)


async def enqueue_all(
    tx: Transaction, name: str, jobs: Sequence[tuple[msgspec.Struct, timedelta | None]]
) -> None:
    """Have many jobs of one kind done, each with its delay, for the price of one statement."""
    if not jobs:
        return
    queries = Queries(AsyncpgDriver(tx.connection))  # pyright: ignore[reportArgumentType]  see above
    await queries.enqueue(
        [name] * len(jobs),
        [msgspec.json.encode(payload) for payload, _ in jobs],
        [0] * len(jobs),
        execute_after=[delay for _, delay in jobs],
    )


async def run_jobs(dsn: str, handlers: Mapping[str, Handler]) -> None:
    """Do jobs until cancelled; any number of processes may. Comes back by itself, whatever goes wrong."""
    outage = Outage("jobs wait for PostgreSQL", "jobs have PostgreSQL again")
    while True:
        try:
            connection = await asyncpg.connect(
                dsn,
                timeout=CONNECT_SECONDS_MAX,
                connection_class=vanished_hosts.Connection,
                server_settings={"application_name": "boxoffice jobs"},
            )
            outage.over()
            try:
                await _run_on(connection, handlers)
            finally:
                connection.terminate()
        except _LOST as error:
            outage.failed(error)
        except Exception:  # noqa: BLE001  logged with its traceback
            # What else a lost connection does to those who use it nobody can list, and refunds must go on.
            _log.exception("jobs broke off")
        await asyncio.sleep(RECONNECT_SECONDS)


async def _run_on(connection: asyncpg.Connection, handlers: Mapping[str, Handler]) -> None:
    driver = AsyncpgDriver(connection)
    queue = QueueManager(_Repeating(connection, driver))

    def stop(_connection: object) -> None:
        queue.shutdown.set()

    connection.add_termination_listener(stop)
    for name, handler in handlers.items():
        # A series that begins at 1 has not risen for Prometheus.
        metrics.JOBS.labels(name, "failed")
        queue.entrypoint(name)(_repeated(name, handler))
    watching = asyncio.create_task(_give_up_in_time(connection, driver))
    try:
        await queue.run(
            dequeue_timeout=timedelta(seconds=POLL_SECONDS),
            heartbeat_timeout=timedelta(seconds=LOST_SECONDS),
            # Nobody reads its statistics, nor deletes them.
            log_aggregation_interval=timedelta(0),
        )
    finally:
        watching.cancel()
    if not connection.is_closed():
        return
    raise ConnectionError("the connection was closed")


class _Repeating(Queries):
    """Deletes a job when it is done, and never else: PgQueuer would also when it was cut off, or has failed.

    It is cut off when the process ends while it lets its jobs end. When a repetition cannot be written, such
    as when the disk is full, the connection is given up. Either way the job is taken again once its worker is
    missed.
    """

    def __init__(self, connection: asyncpg.Connection, driver: AsyncpgDriver) -> None:
        super().__init__(driver)
        self._connection = connection

    async def log_jobs(self, job_status: list[tuple[Job, JOB_STATUS, TracebackRecord | None]]) -> None:
        done = [each for each in job_status if each[1] == "successful"]
        if done:
            await super().log_jobs(done)

    async def retry_job(self, job: Job, delay: timedelta, traceback_record: TracebackRecord | None) -> None:
        try:
            await super().retry_job(job, delay, traceback_record)
        except Exception:
            self._connection.terminate()
            raise


async def _give_up_in_time(connection: asyncpg.Connection, driver: AsyncpgDriver) -> None:
    """Whoever waits for this connection, or for its turn, then hears that it is lost."""
    try:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            async with asyncio.timeout(HEARTBEAT_ANSWER_SECONDS_MAX):
                await driver.fetch("SELECT 1")
    except _LOST:
        connection.terminate()


def again_in(attempts: int) -> int:
    """After so many seconds something is tried again that has failed so often."""
    return min(RETRY_SECONDS_MIN * 2 ** min(attempts, 16), RETRY_SECONDS_MAX)


def _repeated(name: str, handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        try:
            await handler(job.payload or b"")
        except Exception as error:
            metrics.JOBS.labels(name, "failed").inc()
            seconds = again_in(job.attempts)
            _log.warning("job failed", job=name, attempts=job.attempts, again_in=seconds, error=repr(error))
            raise RetryRequested(delay=timedelta(seconds=seconds), reason=repr(error)) from error
        metrics.JOBS.labels(name, "done").inc()

    return run
