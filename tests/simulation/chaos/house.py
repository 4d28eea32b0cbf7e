"""Our side of the chaos run: real programs on one PostgreSQL, and somebody who kills them."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil

from payments.stripe_peer import SECRET_KEY, WEBHOOK_SECRET
from server import START_SECONDS_MAX, Server, free_port, started
from simulation.chaos.leash import Leash
from simulation.chaos.plan import Plan

# Of so many kills the victim is PostgreSQL itself.
_POSTGRES = 0.12

# Soon enough for whoever waits for programs to be back, seldom enough to leave the cores to them.
_LOOK_SECONDS = 0.3

# What a server says of each of its processes that we have killed, and of refunds that banks send back.
_OUR_DOING = ("Unexpected exit from worker", "a refund has failed")

# What the queue of jobs says of those that it had when its connection went.
_QUEUE_CUT_OFF = ("Exception while processing entrypoint", "Flush failed, requeuing")


class Program:
    """A program that is started again whenever it has ended."""

    def __init__(
        self,
        leash: Leash,
        folder: Path,
        dsn: str,
        stripe_url: str,
        command: str,
        *,
        processes: int,
        jobs: bool,
    ) -> None:
        self._leash = leash
        self.command = command
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.server: Server | None = None
        self._folder, self._dsn, self._stripe_url = folder, dsn, stripe_url
        self.processes, self._jobs = processes, jobs
        self._life = ExitStack()

    def start(self) -> None:
        """Return once it does its work."""
        self._life.close()
        server = self._life.enter_context(
            started(
                self._folder,
                command=(self.command,),
                port=self.port,
                workers=self.processes,
                dsn=self._dsn,
                wait=False,
                jobs_inside=self._jobs,
                requests_per_address=0,
                stripe_secret_key=SECRET_KEY,
                stripe_webhook_secret=WEBHOOK_SECRET,
                stripe_api_url=self._stripe_url,
                log_level="warning",
            )
        )
        self._leash.hold(server.process.pid)
        self._life.callback(self._leash.let_go, server.process.pid)
        if self.command == "serve":
            server.wait_until_ready()
        self.server = server

    def stop(self) -> None:
        """End it for good, as everything here ends; fail when something of it is left."""
        if self.server is not None:
            self.server.kill()
        self.server = None
        self._life.close()

    def log(self) -> str:
        """What all of its lives have said."""
        path = self._folder / f"boxoffice-{self.port}.log"
        return path.read_text() if path.exists() else ""


class House:
    """All programs."""

    def __init__(self, programs: list[Program], seed: int, kill_postgres: Callable[[], None] | None) -> None:
        self.programs = programs
        self._kill_postgres = kill_postgres
        self.kills: Counter[str] = Counter()
        self._chance = random.Random(f"{seed}:kills")
        self.starting: set[asyncio.Task[None]] = set()

    @property
    def urls(self) -> list[str]:
        """Where it can be asked."""
        return [each.url for each in self.programs if each.command == "serve"]

    async def kill_again_and_again(self, seconds: float, kills_max: int | None) -> None:
        """`kill -9` of any of them, so many seconds after what was killed before is back, until cancelled.

        Whoever kills sooner than a busy machine can start programs sees nothing but programs that start.
        """
        while kills_max is None or self.kills.total() < kills_max:
            await self.come_back()
            await asyncio.sleep(seconds * self._chance.uniform(0.6, 1.4))
            if self._kill_postgres is not None and self._chance.random() < _POSTGRES:
                self.kills["PostgreSQL"] += 1
                self._kill_postgres()
            else:
                await self.kill_one(self._chance.choice(self.programs))

    async def kill_one(self, program: Program) -> None:
        """Kill one of its processes, or all; what does not come back by itself is started again.

        The only server there is loses one process at a time: starting it anew takes seconds.
        """
        server = program.server
        if server is None:
            return
        workers = server.workers() if program.command == "serve" else []
        if workers and (len(self.programs) == 1 or self._chance.random() < 0.6):
            self.kills["a process of a server"] += 1
            try:
                self._chance.choice(workers).kill()
            except psutil.NoSuchProcess:
                return
            return
        self.kills["a whole server" if workers else "a worker"] += 1
        program.server = None
        await asyncio.to_thread(server.kill)
        task = asyncio.create_task(asyncio.to_thread(program.start))
        self.starting.add(task)

    async def come_back(self) -> None:
        """Return once all that was killed is there again; raises what has kept one from it."""
        for task in tuple(self.starting):
            # Whoever stops killing in the middle of this wants it back none the less.
            await asyncio.shield(task)
            self.starting.discard(task)
        async with asyncio.timeout(START_SECONDS_MAX):
            while not await asyncio.to_thread(self._is_whole):
                await asyncio.sleep(_LOOK_SECONDS)

    def _is_whole(self) -> bool:
        return all(
            program.server is not None
            and (
                program.command != "serve"
                or (len(program.server.workers()) == program.processes and program.server.is_whole())
            )
            for program in self.programs
        )

    def faults(self) -> list[str]:
        """What the logs say that is wrong with us.

        While PostgreSQL is away the queue of jobs says so at every job that it has; they are done afterwards.
        """
        expected = (*_OUR_DOING, *_QUEUE_CUT_OFF) if self.kills["PostgreSQL"] else _OUR_DOING
        return [
            _in_short(line)
            for program in self.programs
            for line in program.log().splitlines()
            if ("Traceback" in line or '"level": "error"' in line)
            and not any(words in line for words in expected)
        ]


@asynccontextmanager
async def open_house(
    plan: Plan, folder: Path, dsn: str, stripe_url: str, kill_postgres: Callable[[], None] | None
) -> AsyncGenerator[House]:
    """Every program runs; at the end of the block none does, nor when this process is killed."""
    leash = Leash(folder.parent)
    programs = [
        Program(leash, folder, dsn, stripe_url, "serve", processes=plan.processes, jobs=number == 0)
        for number in range(plan.servers)
    ]
    if plan.servers > 1:
        programs.append(Program(leash, folder, dsn, stripe_url, "worker", processes=1, jobs=True))
    house = House(programs, plan.seed, kill_postgres)
    try:
        await asyncio.gather(*[asyncio.to_thread(each.start) for each in programs])
        yield house
    finally:
        await asyncio.gather(*house.starting, return_exceptions=True)
        for each in programs:
            each.stop()
        leash.close()


def _in_short(line: str) -> str:
    """The event of a line of a log, and the last line of its traceback."""
    try:
        said = msgspec.json.decode(line, type=dict[str, Any])
    except msgspec.DecodeError:
        return line
    return f"{said['event']}: {str(said.get('exception', '')).rpartition(chr(10))[2]}"
