"""Hear of what other processes have committed, within milliseconds: LISTEN, on a connection of its own.

A notice can be missed while the connection is away, so whoever listens also says how to make up for that.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import asyncpg
import structlog

from boxoffice.kit import vanished_hosts
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.outages import Outage

# How soon a lost connection is tried again.
RECONNECT_SECONDS = 0.5

# A connection whose other end has vanished says nothing: asked this often, it is given up a moment later.
HEARTBEAT_SECONDS = 5.0
HEARTBEAT_ANSWER_SECONDS_MAX = 2

# A process that starts knows what there is before it answers, unless PostgreSQL is away: then it starts all
# the same, and can do nothing that matters.
FIRST_SECONDS_MAX = 3.0

_log = structlog.get_logger()


@asynccontextmanager
async def listening(
    dsn: str, channel: str, hear: Callable[[str], None], catch_up: Callable[[], Awaitable[None]]
) -> AsyncGenerator[None]:
    """While the block runs, `hear` is called with what each notice of the channel says.

    `catch_up` is called whenever the connection was made, at the start too: after we listen, so that nothing
    is missed between the two. It may raise `Unavailable`.
    """
    ready = asyncio.Event()
    task = asyncio.create_task(_listen_for_ever(dsn, channel, hear, catch_up, ready))
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(ready.wait(), FIRST_SECONDS_MAX)
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _listen_for_ever(
    dsn: str,
    channel: str,
    hear: Callable[[str], None],
    catch_up: Callable[[], Awaitable[None]],
    ready: asyncio.Event,
) -> None:
    outage = Outage("no notices, PostgreSQL is away", "notices come again")

    def connected() -> None:
        outage.over(channel=channel)
        ready.set()

    while True:
        try:
            await _listen(dsn, channel, hear, catch_up, connected)
        except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, Unavailable) as error:
            outage.failed(error, channel=channel)
        except Exception:  # noqa: BLE001  logged with its traceback
            # Whatever it was: who does not hear that a session ended lets a thief in.
            _log.exception("notices broke off", channel=channel)
        # What was tried in vain was tried: a start does not wait for PostgreSQL.
        ready.set()
        await asyncio.sleep(RECONNECT_SECONDS)


async def _listen(
    dsn: str,
    channel: str,
    hear: Callable[[str], None],
    catch_up: Callable[[], Awaitable[None]],
    connected: Callable[[], None],
) -> None:
    def heard(_connection: object, _process: int, _channel: str, said: object) -> None:
        hear(str(said))

    def over(_connection: object) -> None:
        lost.set()

    connection = await asyncpg.connect(
        dsn,
        timeout=HEARTBEAT_ANSWER_SECONDS_MAX,
        connection_class=vanished_hosts.Connection,
        server_settings={"application_name": "boxoffice notices"},
    )
    lost = asyncio.Event()
    try:
        connection.add_termination_listener(over)
        await connection.add_listener(channel, heard)
        await catch_up()
        connected()
        while not lost.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(lost.wait(), HEARTBEAT_SECONDS)
            if not lost.is_set():
                await connection.fetchval("SELECT 1", timeout=HEARTBEAT_ANSWER_SECONDS_MAX)
    finally:
        connection.terminate()
