"""What outlives a season: the database, the bank, the job runner, and a row of server processes."""

import asyncio
import contextlib
import random
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from unittest.mock import patch

import msgspec

from boxoffice.kit import metrics
from boxoffice.kit.jobs import run_jobs
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database
from boxoffice.payments.captures import CAPTURE_JOB, carry_out_capture
from boxoffice.payments.refunds import owing as refunds
from boxoffice.payments.refunds.facts import TAKE_BACK_JOB, carry_out_take_back
from boxoffice.payments.refunds.owing import REFUND_JOB, carry_out_refund
from simulation.bank import Bank
from simulation.process import Process
from simulation.record import Record


class Plan(msgspec.Struct, frozen=True):
    """What is run. The seed fixes every choice; `season` runs only that one."""

    seed: int
    steps: int
    processes: int = 3
    season: int | None = None


class World:
    """Processes come and go; the database, the bank and the record stay."""

    def __init__(self, dsn: str, db: Database, plan: Plan) -> None:
        self.dsn = dsn
        self.db = db
        self.plan = plan
        self.bank = Bank(plan.seed)
        self.record = Record()
        self.processes: list[Process] = []
        # Killed ones, whose last tasks have to be waited for.
        self.dead: list[Process] = []
        self._names = count(1)
        self._chance = random.Random(f"{plan.seed}:jobs")

    async def start_process(self) -> Process:
        """A new one, that knows nothing yet."""
        process = Process(f"process {next(self._names)}", self.dsn, self.bank)
        await process.start()
        return process

    async def bury_the_dead(self) -> None:
        """Put a new process in the place of each that was killed."""
        for index, process in enumerate(self.processes):
            if process.dead:
                self.dead.append(process)
                self.processes[index] = await self.start_process()

    async def refund(self, payload: bytes) -> None:
        """The job that gives back, done by one of the processes that live."""
        await self._do_job(
            lambda process: carry_out_refund(process.db, process.providers, Pace(1_000), payload)
        )

    async def capture(self, payload: bytes) -> None:
        """The job that takes what was authorised."""
        await self._do_job(
            lambda process: carry_out_capture(process.db, process.sales, process.providers, payload)
        )

    async def take_back(self, payload: bytes) -> None:
        """The job that cancels a booking whose money went back by hand."""
        await self._do_job(lambda process: carry_out_take_back(process.sales, payload))

    async def _do_job(self, begin: Callable[[Process], Coroutine[Any, Any, None]]) -> None:
        """A process that dies leaves its job to another one, wherever it was."""
        process = self.any_process(self._chance)
        task = process.call(begin(process))
        await asyncio.wait([task])
        if process.dead or task.cancelled():
            raise ConnectionError(f"{process.name} is dead")
        task.result()

    def any_process(self, chance: random.Random) -> Process:
        """One of those that live."""
        return chance.choice(self.processes)


@asynccontextmanager
async def open_world(dsn: str, plan: Plan) -> AsyncGenerator[World]:
    """A world with its processes, and a queue whose jobs about money they carry out."""
    db = Database(dsn, connections_max=6)
    await db.open()
    world = World(dsn, db, plan)
    world.processes = [await world.start_process() for _ in range(plan.processes)]
    handlers = {REFUND_JOB: world.refund, CAPTURE_JOB: world.capture, TAKE_BACK_JOB: world.take_back}
    jobs = asyncio.create_task(run_jobs(dsn, handlers))
    try:
        # Nobody's servers are behind the bank: refunds need not be spread over time.
        with patch.object(refunds, "REFUNDS_PER_SECOND", 1_000_000):
            yield world
    finally:
        jobs.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await jobs
        for process in (*world.processes, *world.dead):
            await process.stop()
        await db.close()


def repairs() -> dict[str, float]:
    """How often an inventory did not fit the journal, and how often a batch had to be taken apart."""
    return {
        sample.labels.get("reason", "taken apart"): sample.value
        for metric in (*metrics.INVENTORY_LOADS.collect(), *metrics.BATCHES_TAKEN_APART.collect())
        for sample in metric.samples
        if sample.name.endswith("_total")
    }
