"""`kill -9` of every part in the middle of five hundred concurrent holds: what was answered is kept.

The buyers never stop asking while the part is killed and comes back, each with another hold as soon
as the last one is answered, so that the kill always meets hundreds of holds on their way.

Seen to fail: with `synchronous_commit = off` the kill of PostgreSQL loses hundreds of answered bookings.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import DEVELOPMENT_SECRET
from server import Server, data_folder, started
from shows import Show, open_show

BUYERS = 500
SEATS = 6000

# Enough that every buyer has been served about once and both workers are at full speed.
ANSWERS_BEFORE = 400

# Bookings that are also looked at over HTTP; the others are compared with the table.
LOOKED_AT = 40

# A recovery takes a second or two; a machine busy with other tests may need ten times that.
RECOVERY_SECONDS_MAX = 30

_TOKENS = Tokens(DEVELOPMENT_SECRET, 15)


class _Answer(msgspec.Struct):
    id: UUID


class Rush:
    """Five hundred buyers who hold two random seats each, again and again until they are told to stop."""

    def __init__(self, server: Server, show: Show) -> None:
        self.server = server
        self.show = show
        self.statuses: Counter[int] = Counter()
        self.held: dict[UUID, tuple[int, tuple[int, int]]] = {}
        self.unanswered = 0
        self.over = False
        self._chance = random.Random(show.event_id)

    async def buyer(self, number: int) -> None:
        """Buy until it is over; a lost connection is opened again."""
        while not self.over:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
            except OSError:
                await asyncio.sleep(0.05)  # as a browser would: not at once
                continue
            try:
                while not self.over:
                    await self._hold(reader, writer, number)
            except (OSError, asyncio.IncompleteReadError):
                self.unanswered += 1
            finally:
                writer.close()

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int) -> None:
        first, second = self._chance.sample(range(SEATS), 2)
        # Somebody else each time: what one person may hold is limited.
        buyer_id = number * 1_000_000 + sum(self.statuses.values()) + 1
        body = msgspec.json.encode({"event_id": self.show.event_id, "seat_ids": [first, second]})
        writer.write(
            b"POST /api/v1/bookings HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Authorization: Bearer %b\r\nContent-Length: %d\r\n\r\n%b"
            % (_TOKENS.issue(buyer_id, Role.USER).encode(), len(body), body)
        )
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = await reader.readexactly(length)
        status = int(head[9:12])
        self.statuses[status] += 1
        if status == 201:
            self.held[msgspec.json.decode(answer, type=_Answer).id] = (buyer_id, (first, second))
        elif status == 503:
            await asyncio.sleep(0.05)

    async def until(self, true: Callable[[], bool]) -> None:
        """Return once it is true."""
        async with asyncio.timeout(RECOVERY_SECONDS_MAX):
            while not true():
                await asyncio.sleep(0.002)


@asynccontextmanager
async def rush(server: Server, show: Show) -> AsyncGenerator[Rush]:
    """A rush at full speed; at the end of the block it ends, with every answer in."""
    crowd = Rush(server, show)
    buyers = [asyncio.create_task(crowd.buyer(number)) for number in range(BUYERS)]
    try:
        await crowd.until(lambda: sum(crowd.statuses.values()) >= ANSWERS_BEFORE)
        yield crowd
    finally:
        crowd.over = True
        done, late = await asyncio.wait(buyers, timeout=RECOVERY_SECONDS_MAX)
        for each in late:
            each.cancel()
    assert not late, f"{len(late)} buyers got no answer"
    for each in done:
        each.result()


async def check_everything_answered_is_kept(crowd: Rush) -> None:
    """Each 201 is stored with its seats claimed, for its buyer to see; and all promises hold."""
    claims, states = await crowd.show.claims(), await crowd.show.states()
    lost = [booking for booking in crowd.held if states.get(booking) != "PENDING"]
    assert not lost, f"{len(lost)} of {len(crowd.held)} bookings were answered and are gone"
    for booking_id, (_, seats) in crowd.held.items():
        assert [claims.get(seat) for seat in seats] == [booking_id] * 2
    await crowd.show.check_promises()
    async with httpx.AsyncClient(base_url=f"{crowd.server.url}/api/v1") as client:
        for booking_id, (buyer_id, seats) in list(crowd.held.items())[-LOOKED_AT:]:
            token = _TOKENS.issue(buyer_id, Role.USER)
            answer = await client.get(f"/bookings/{booking_id}", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == 200
            assert tuple(place["seat_id"] for place in answer.json()["places"]) == seats


@pytest.fixture(scope="module")
def folder() -> Generator[Path]:
    with data_folder() as made:
        yield made


@pytest.fixture(scope="module")
def server(folder: Path) -> Generator[Server]:
    """Two workers with their own PostgreSQL."""
    with started(folder, workers=2) as running:
        yield running


@pytest.fixture
async def show(server: Server) -> AsyncGenerator[Show]:
    """A large hall on sale."""
    db = Database(server.dsn, connections_max=2)
    await db.open()
    yield await open_show(db, seats=SEATS)
    await db.close()


async def test_a_killed_worker_is_replaced_and_nothing_answered_is_lost(server: Server, show: Show):
    victim, survivor = server.workers()

    async with rush(server, show) as crowd:
        victim.kill()
        await crowd.until(lambda: crowd.unanswered > 0)
        await crowd.until(lambda: len(server.workers()) == 2 and victim not in server.workers())
        before = crowd.statuses[201]
        await crowd.until(lambda: crowd.statuses[201] >= before + 100)

    assert survivor.is_running()
    assert set(crowd.statuses) <= {201, 409, 503}
    await check_everything_answered_is_kept(crowd)


async def test_while_a_killed_postgresql_comes_back_answers_are_503_and_nothing_answered_is_lost(
    server: Server, show: Show
):
    victim, workers = server.postmaster(), server.workers()

    async with rush(server, show) as crowd:
        victim.kill()
        await crowd.until(lambda: crowd.statuses[503] > 0)
        before = crowd.statuses[201]
        await crowd.until(lambda: crowd.statuses[201] >= before + 100)

    assert set(crowd.statuses) <= {201, 409, 503}
    assert crowd.unanswered == 0
    assert server.workers() == workers
    assert server.postmaster() != victim
    await check_everything_answered_is_kept(crowd)


async def test_a_killed_application_takes_all_its_processes_along_and_its_successor_has_everything(
    server: Server, show: Show, folder: Path
):
    processes = server.everything()
    postmaster, socket_folder = server.postmaster(), Path(httpx.URL(server.dsn).params["host"])

    def sockets() -> list[Path]:
        return list(socket_folder.glob(".s.*"))

    assert sockets()

    async with rush(server, show) as crowd:
        server.process.kill()
        await crowd.until(lambda: crowd.unanswered >= BUYERS // 2)
        crowd.over = True
    await asyncio.to_thread(server.wait_for_end, processes)

    assert postmaster in processes
    assert not (folder / "postgres" / "postmaster.pid").exists()
    assert not sockets()
    with started(folder, port=server.port, workers=2) as successor:
        crowd.server = successor
        await check_everything_answered_is_kept(crowd)
        assert successor.stop() == 0
