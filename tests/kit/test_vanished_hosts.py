"""PostgreSQL's machine vanishes without a word, and whoever waits for it is told so and goes on."""

import asyncio
import secrets
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

import pytest
import pytest_asyncio

from boxoffice.kit import jobs, notices, postgres, vanished_hosts
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.jobs import enqueue, run_jobs
from boxoffice.kit.notices import listening
from boxoffice.kit.postgres import Database
from kit.test_jobs import Note


class Relay:
    """A way to PostgreSQL by TCP. Silent, it swallows what is sent, says nothing, and closes nothing."""

    def __init__(self, socket_path: str) -> None:
        self._socket_path = socket_path
        self.silent = False
        self.port = 0
        self._knocks = 0
        self._knock = asyncio.Condition()

    def silence(self) -> None:
        """Swallow everything from now on."""
        self.silent, self._knocks = True, 0

    async def knocked(self, times: int) -> None:
        """So many connections were made since it is silent."""
        async with self._knock:
            await self._knock.wait_for(lambda: self._knocks >= times)

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Take connections while the block runs."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield
            self.silent = False

    async def _carry(self, here: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        async with self._knock:
            self._knocks += 1
            self._knock.notify_all()
        there, on = await asyncio.open_unix_connection(self._socket_path)
        with suppress(OSError):
            await asyncio.gather(self._pump(here, on), self._pump(there, back))

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            if not self.silent:
                writer.write(data)
        writer.close()


@pytest_asyncio.fixture
async def relay(dsn: str) -> AsyncGenerator[tuple[Relay, str]]:
    """With the address of the tests' database on that way."""
    url = urlsplit(dsn)
    asked = {name: values[0] for name, values in parse_qs(url.query).items()}
    made = Relay(f"{asked['host']}/.s.PGSQL.{asked.get('port', 5432)}")
    async with made.running():
        yield made, f"postgresql://{url.username}@127.0.0.1:{made.port}{url.path}"


async def test_jobs_and_notices_go_on_when_another_host_answers(
    relay: tuple[Relay, str], db: Database, monkeypatch: pytest.MonkeyPatch
):
    """The host acknowledges what it swallows, as a broken router does, so the kernel knows of nothing.

    Seen to wait for ever without `_give_up_in_time`.
    """
    way, dsn = relay
    for module, name, seconds in (
        (jobs, "HEARTBEAT_SECONDS", 0.1),
        (jobs, "HEARTBEAT_ANSWER_SECONDS_MAX", 0.3),
        (jobs, "RECONNECT_SECONDS", 0.05),
        (notices, "HEARTBEAT_SECONDS", 0.1),
        (notices, "HEARTBEAT_ANSWER_SECONDS_MAX", 0.3),
        (notices, "RECONNECT_SECONDS", 0.05),
    ):
        monkeypatch.setattr(module, name, seconds)
    name = f"note_{secrets.token_hex(4)}"
    done: asyncio.Queue[bytes] = asyncio.Queue()
    caught_up: asyncio.Queue[None] = asyncio.Queue()

    async def catch_up() -> None:
        await caught_up.put(None)

    async def work() -> None:
        async with db.transaction() as tx:
            await enqueue(tx, name, Note("carry on"))

    async with listening(dsn, name, _heard, catch_up), asyncio.timeout(20):
        working = asyncio.create_task(run_jobs(dsn, {name: done.put}))
        await work()
        await done.get()
        await caught_up.get()
        way.silence()
        await work()
        # Both have asked in vain: one cancels and comes again, the other comes again and again.
        await way.knocked(4)
        way.silent = False
        await done.get()
        await caught_up.get()
        working.cancel()
        await asyncio.wait([working])


async def test_a_request_is_told_and_the_next_one_is_answered(
    relay: tuple[Relay, str], monkeypatch: pytest.MonkeyPatch
):
    way, dsn = relay
    monkeypatch.setattr(postgres, "STATEMENT_SECONDS_MAX", 0.01)
    database = Database(dsn, connections_max=1)
    await database.open()
    async with asyncio.timeout(10):
        with pytest.raises(Unavailable):
            async with database.transaction() as tx:
                await tx.get(int, "SELECT 1")
                way.silence()
                await tx.get(int, "SELECT 1")
        way.silent = False
        assert await database.get(int, "SELECT 1") == 1
    await database.close()


async def test_the_kernel_is_told_of_every_connection_that_stays(
    relay: tuple[Relay, str], monkeypatch: pytest.MonkeyPatch
):
    """What it then does was seen with an interface that was taken down: 6.3 seconds, and 22 without."""
    _, dsn = relay
    watched: list[socket.socket] = []
    idle_option: int = getattr(socket, "TCP_KEEPIDLE", None) or getattr(socket, "TCP_KEEPALIVE")  # noqa: B009
    options = (idle_option, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
    watch = vanished_hosts.watch

    def seen(connected: socket.socket) -> None:
        watch(connected)
        watched.append(connected)

    monkeypatch.setattr(vanished_hosts, "watch", seen)
    database = Database(dsn, connections_max=1)
    await database.open()
    assert await database.get(int, "SELECT 1") == 1
    working = asyncio.create_task(run_jobs(dsn, {}))
    async with asyncio.timeout(20):
        while len(watched) < 2:
            await asyncio.sleep(0.01)
        async with listening(dsn, "nobody_speaks_here", _heard, _nothing_missed):
            assert len(watched) == 3
            for each in watched:
                assert each.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
                idle, again, times = [each.getsockopt(socket.IPPROTO_TCP, option) for option in options]
                assert idle + again * times == vanished_hosts.SILENT_SECONDS_MAX
    working.cancel()
    await asyncio.wait([working])
    await database.close()


async def _nothing_missed() -> None:
    pass


def _heard(_said: str) -> None:
    pass
