"""The row `memory`: what a sold-out event of 50,000 seats takes in a process, and how long to load."""

import asyncio
import statistics
import sys

import msgspec

from bench.asking import groups
from bench.cold_load import Loaded
from bench.figures import Finding
from bench.stage import SEATS, Stage

ROW = "memory"

MORE_EVENTS = 4

GOAL_MB = 8.0
GOAL_LOAD_MS = 200.0


async def measure_memory(stage: Stage, seed: int) -> list[Finding]:
    """Load a small event first, for the code itself; then one that is sold out, then others like it.

    What the first load needed for a moment and gave back to the allocator, the others grow into.
    """
    small = await stage.new_event(1_000)
    sold_out = [await stage.new_event() for _ in range(1 + MORE_EVENTS)]
    for event_id in sold_out:
        await stage.sell(event_id, [first for _, first in groups([event_id], seed)], 2)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.cold_load", stage.postgres.dsn, *map(str, [small, *sold_out])),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    if process.returncode != 0:
        raise SystemExit("boxoffice: the process that loads events failed.")
    _, first, *more = msgspec.json.decode(said, type=list[Loaded])
    mean = Loaded(
        seconds=statistics.mean(loaded.seconds for loaded in more),
        bytes=round(statistics.mean(loaded.bytes for loaded in more)),
        sold=min(loaded.sold for loaded in more),
    )
    return [
        *_findings("a sold-out event and its hall", first),
        *_findings(f"one of {MORE_EVENTS} more events of this hall", mean),
    ]


def _findings(what: str, loaded: Loaded) -> list[Finding]:
    faults = [] if loaded.sold == SEATS else [f"{loaded.sold} seats were loaded as sold, not {SEATS}"]
    return [
        Finding(
            row=ROW,
            name=f"memory of {what}",
            value=loaded.bytes / 1e6,
            unit="MB",
            goal=GOAL_MB,
            faults=faults,
        ),
        Finding(
            row=ROW,
            name=f"cold load of {what}",
            value=loaded.seconds * 1000,
            unit="ms",
            goal=GOAL_LOAD_MS,
        ),
    ]
