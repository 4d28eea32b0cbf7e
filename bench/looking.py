"""`python -m bench.looking`: those who look, measured alone and beside those who book.

One worker process, so that a figure is one core's. Prints a table; nothing is written.
"""

import asyncio
import random
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Annotated

import msgspec
import psutil
import typer

from bench.__main__ import RESULTS
from bench.accounting import Accountant, tree_seconds
from bench.checks import false_holds
from bench.phase import PATIENCE_SECONDS, Measured, odd_answers, run_phase
from bench.plan import Buyer, Kind, Plan
from bench.stage import PAIRS, Stage, cluster, free_port, serving
from bench.viewer_client import Look, Seen, Task

# A share of the seats is sold first, so that the document is not all zeros.
SOLD = 10_000

# Connections that ask for the document at once.
LOOKERS = 64

# How long streams are watched doing nothing.
IDLE_SECONDS = 3.0

_VERSION = "SELECT version FROM inventories WHERE event_id = $1"

# Connections that hold seats while others look.
BUYERS = 32


class Client:
    """A client process, between being ready and being told to stop."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.seen: Seen

    async def say(self) -> None:
        """Have it go on."""
        assert self._process.stdin
        self._process.stdin.write(b"\n")
        await self._process.stdin.drain()

    async def hear(self) -> bytes:
        """Its next line."""
        assert self._process.stdout
        return await self._process.stdout.readline()


@asynccontextmanager
async def client(task: Task) -> AsyncGenerator[Client]:
    """A client that is ready; at the end of the block it is told to stop, and `seen` is there."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.viewer_client",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdin
    try:
        async with asyncio.timeout(PATIENCE_SECONDS + 2 * task.seconds):
            process.stdin.write(msgspec.json.encode(task) + b"\n")
            made = Client(process)
            if await made.hear() != b"ready\n":
                raise SystemExit("boxoffice: the viewers' client failed before it began.")
            await made.say()
            yield made
            if task.kind is Look.WATCH:
                await made.say()
            made.seen = msgspec.json.decode(await made.hear(), type=Seen)
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()


async def hold(
    stage: Stage, server: psutil.Process, event_id: int, connections: int, seconds: float, pairs: int
) -> tuple[Measured, list[str]]:
    """Hold pairs of neighbouring seats of this event in random order; what was not true of the answers."""
    firsts = random.Random(event_id).sample(range(0, 2 * PAIRS, 2), pairs)
    tokens = await stage.new_buyers(len(firsts))
    plan = Plan(
        kind=Kind.HOLD,
        port=stage.port,
        connections=connections,
        seconds=seconds,
        warm_up=0,
        buyers=[Buyer(token, [(event_id, first)]) for token, first in zip(tokens, firsts, strict=True)],
        webhook_key=b"",
    )
    accountant = Accountant(server, stage.postmaster)
    measured = await run_phase(accountant, plan, row="looking", name="holds")
    faults = await false_holds(stage.db, [event_id], measured.result)
    return measured, [*odd_answers(Kind.HOLD, measured.result), *faults]


async def measure_documents(stage: Stage, worker: psutil.Process, event_id: int, kind: Look) -> str:
    """Answers a second, and the CPU of the server and of PostgreSQL for each."""
    postgres = stage.postmaster
    task = Task(kind, stage.port, event_id, LOOKERS, 5.0)
    before, of_postgres = tree_seconds(worker), tree_seconds(postgres)
    async with client(task) as looking:
        pass
    seen = looking.seen
    app, database = tree_seconds(worker) - before, tree_seconds(postgres) - of_postgres
    return (
        f"{kind.value:5}  {seen.answers / seen.seconds:8,.0f} answers/s  "
        f"app {app / seen.answers * 1e6:5.0f} us each = {seen.answers / app:,.0f}/s of one core  "
        f"client {seen.cpu_seconds / seen.answers * 1e6:4.0f} us  "
        f"PostgreSQL {database / seen.answers * 1e6:4.1f} us  body {seen.body_bytes:,} bytes  "
        f"statuses {dict(seen.statuses)}"
    )


async def measure_booking(stage: Stage, server: psutil.Process, viewers: int, seconds: float) -> None:
    """Holds as fast as they come, with so many streams open on their event."""
    worker = worker_of(server)
    event_id = await stage.new_event()
    async with client(Task(Look.LOOK, stage.port, event_id, 1, 0.1)):
        # So that the inventory is loaded, and is not taken for the streams' memory.
        pass
    before = worker.memory_info().rss
    async with client(Task(Look.WATCH, stage.port, event_id, viewers, seconds)) as watching:
        memory = worker.memory_info().rss - before
        cpu = tree_seconds(server)
        await asyncio.sleep(IDLE_SECONDS)
        idle = (tree_seconds(server) - cpu) / IDLE_SECONDS
        version = await stage.db.get(int, _VERSION, event_id)
        measured, faults = await hold(stage, server, event_id, BUYERS, seconds, 20_000)
        last = await stage.db.get(int, _VERSION, event_id)
        # So that the last change has been told.
        await asyncio.sleep(2)
    seen, figure = watching.seen, measured.figure
    each, per = seen.events / max(viewers, 1), memory / max(viewers, 1) / 1e3
    typer.echo(
        f"{viewers:5} streams  {memory / 1e6:.0f} MB = {per:.1f} KB each, idle {idle * 100:.1f} % of a core, "
        f"statuses {dict(seen.statuses)}\n"
        f"       {figure.rate:7,.0f} holds/s  p50 {figure.p50_ms:.1f}  p95 {figure.p95_ms:.1f}  "
        f"p99 {figure.p99_ms:.1f} ms  app {figure.app_ms:.3f} ms a hold  {figure.count:,} holds  "
        f"others' CPU {figure.elsewhere:.0%}  faults {faults}\n"
        f"       {each:.1f} events heard by each, versions {version} to {last}, "
        f"ended at {dict(seen.versions)}; their client {seen.cpu_seconds:.1f} s CPU"
    )


def worker_of(server: psutil.Process) -> psutil.Process:
    """The one worker process."""
    return next(each for each in server.children() if "spawn_main" in " ".join(each.cmdline()))


async def _measured(stage: Stage, server: psutil.Process, viewers: list[int], seconds: float) -> None:
    async with stage.built():
        event_id = await stage.new_event()
        await hold(stage, server, event_id, LOOKERS, 60.0, SOLD // 2)
        for kind in (Look.LOOK, Look.CHECK):
            typer.echo(await measure_documents(stage, worker_of(server), event_id, kind))
        for count in viewers:
            await measure_booking(stage, server, count, seconds)


def main(
    viewers: Annotated[str, typer.Option(help="Open streams, phase by phase.")] = "0,5000",
    seconds: Annotated[float, typer.Option(help="How long each phase of booking lasts.")] = 5.0,
) -> None:
    """Measure documents and streams of a 50,000 seat event on one worker process."""
    port = free_port()
    RESULTS.mkdir(exist_ok=True)
    with cluster() as postgres, serving(postgres.dsn, port, 1, RESULTS / "server.log") as server:
        asyncio.run(
            _measured(Stage(postgres, port), server, [int(each) for each in viewers.split(",")], seconds)
        )


if __name__ == "__main__":
    typer.run(main)
