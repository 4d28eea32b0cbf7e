"""A server process of the simulation: its own pool and inventories, and a life that can end at any await."""

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Generator
from functools import partial
from typing import Any, Generic, TypeVar

import asyncpg

from boxoffice.inventory.batch import Decided
from boxoffice.inventory.state import FREE, HELD, SOLD, Inventory
from boxoffice.kit.postgres import Transaction
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.payments.provider import Providers
from simulation.bank import Bank

T = TypeVar("T")

# Fewer than there are shows: batches of different events wait for a connection now and then.
CONNECTIONS_MAX = 4


class _Watched(Generic[T]):
    """Work that is looked at whenever it waits for something; it may then be made to wait longer."""

    def __init__(self, work: Coroutine[Any, Any, T], at_await: Callable[[], float]) -> None:
        self._work = work
        self._at_await = at_await

    def __await__(self) -> Generator[Any, Any, T]:
        step: Callable[[], Any] = partial(self._work.send, None)
        while True:
            try:
                waited_for = step()
            except StopIteration as end:
                return end.value
            stall = self._at_await()
            try:
                sent = yield waited_for
                if stall:
                    yield from asyncio.sleep(stall).__await__()
                step = partial(self._work.send, sent)
            except BaseException as error:  # noqa: BLE001  whatever it is, it is the work's
                step = partial(self._work.throw, error)


class Process(Parts):
    """What a process is made of, with the same parts as the real one, and ways to do it harm."""

    def __init__(self, name: str, dsn: str, bank: Bank) -> None:
        super().__init__(Settings(database_connections=CONNECTIONS_MAX), dsn)
        self.name = name
        self.providers = Providers(*bank.tills)
        self.dead = False
        self.corrupted = False
        # What happens at an await to come: how many awaits until then, and what.
        self.fates: list[tuple[int, Callable[[], float]]] = []
        # What happens when the next batch has written everything and is about to commit.
        self.before_commit: list[Callable[[], float]] = []
        self.sales._consequences = [  # pyright: ignore[reportPrivateUsage]
            *self.sales._consequences,  # pyright: ignore[reportPrivateUsage]
            self._reach_commit,
        ]
        self._tasks: set[asyncio.Task[Any]] = set()
        self._run = self.sales._run  # pyright: ignore[reportPrivateUsage]
        self.sales._run = self._run_mortally  # pyright: ignore[reportPrivateUsage, reportAttributeAccessIssue]
        self._life: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Return once it takes commands."""
        started = asyncio.Event()
        self._life = asyncio.create_task(self._live(started))
        await started.wait()

    async def _live(self, started: asyncio.Event) -> None:
        async with self.running():
            started.set()
            await asyncio.Future()

    def spare(self) -> None:
        """Nothing more is going to happen to it."""
        self.fates.clear()
        self.before_commit.clear()

    async def stop(self) -> None:
        """End in good order: batches in flight first."""
        self.spare()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._life is not None:
            self._life.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._life

    def kill(self) -> float:
        """End as by `kill -9`: connections are cut where they are, and nothing is done any more."""
        self.dead = True
        self.spare()
        pool = self._pool()
        if pool is not None:
            pool.terminate()
        for task in (*self._tasks, *self._batches(), self._life):
            if task is not None:
                task.cancel()
        return 0

    def cut_connections(self, chance: random.Random, share: float = 0.6) -> float:
        """Lose this share of the connections, from our side, whatever they are being used for."""
        for connection in self._connections():
            if chance.random() < share:
                # The line breaks; that the driver is told nothing is what makes it a fault.
                connection._transport.abort()  # pyright: ignore[reportPrivateUsage]
        return 0

    def backends(self) -> list[int]:
        """PostgreSQL's processes that serve us."""
        return [connection.get_server_pid() for connection in self._connections()]

    def corrupt(self, event_id: int, chance: random.Random) -> bool:
        """Have some seats in memory say something else; False when there is nothing in memory."""
        inventory = self.inventory(event_id)
        if inventory is None:
            return False
        self.corrupted = True
        for seat_id in chance.sample(range(len(inventory.seats)), min(4, len(inventory.seats))):
            inventory.seats[seat_id] = chance.choice((FREE, FREE, HELD, SOLD))
        return True

    def inventory(self, event_id: int) -> Inventory | None:
        """What it knows of an event."""
        line = self.sales._lines.get(event_id)  # pyright: ignore[reportPrivateUsage]
        return line.inventory if line else None

    def call(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Do something for a client, as long as we live."""
        task = asyncio.create_task(self._for_a_client(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # Work that was cancelled before it began was never awaited, and Python would complain.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _for_a_client(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await self._mortally(work)
        except Exception:
            # Whatever a dead process makes of its broken connections, nobody hears of it.
            if not self.dead:
                raise

    async def _run_mortally(self, event_id: int, line: Any) -> None:
        await self._mortally(self._run(event_id, line))

    async def _mortally(self, work: Coroutine[Any, Any, T]) -> T:
        return await _Watched(work, self._at_await)

    async def _reach_commit(self, _tx: Transaction, _decided: Decided) -> None:
        if self.before_commit:
            self.before_commit.pop()()

    def _at_await(self) -> float:
        due = [fate for awaits, fate in self.fates if awaits <= 0]
        self.fates = [(awaits - 1, fate) for awaits, fate in self.fates if awaits > 0]
        return max((fate() for fate in due), default=0)

    def _pool(self) -> asyncpg.Pool | None:
        return self.db._connections._pool  # pyright: ignore[reportPrivateUsage]

    def _connections(self) -> list[asyncpg.Connection]:
        pool: Any = self._pool()
        found = [holder._con for holder in pool._holders] if pool is not None else []
        return [connection for connection in found if connection is not None and not connection.is_closed()]

    def _batches(self) -> list[asyncio.Task[None]]:
        lines = self.sales._lines.values()  # pyright: ignore[reportPrivateUsage]
        return [line.running for line in lines if line.running is not None]
