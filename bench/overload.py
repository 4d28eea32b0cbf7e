"""The row `overload`: far more asked than can be done, and a PostgreSQL that stands still for a while."""

import asyncio
import contextlib
import time
from collections import Counter

import msgspec
import psutil

from bench.accounting import Accountant
from bench.asking import WARM_UP_HOLDS, Asked, ask, groups
from bench.checks import false_overload
from bench.figures import Finding
from bench.phase import Measured
from bench.plan import Kind, Result
from bench.stage import Stage

ROW = "overload"

PEAK_CONNECTIONS = 256
CONNECTIONS = 2_000

# So many times more than the server can do, evenly, whether it keeps up or not.
FLOOD = 4

# More than the lines of two workers take: 5,000 commands each.
FLOOD_CONNECTIONS = 13_000

# A phase may hold more than the 25,000 pairs of one event.
EVENTS = 6

# Longer than the deadline of a hold (5 s), so that those who wait are turned away and not just late.
PAUSE_SECONDS = 8.0

# Before the pause, so that there is a rate to come back to, and after it, to see that it does.
BEFORE_SECONDS = 2.0
AFTER_SECONDS = 6.0

# What the application may grow by while PostgreSQL stands still: two full lines of commands and the
# connections of those who wait, not one answer more for every second it takes.
GOAL_GROWTH_MB = 50.0


async def measure_overload(stage: Stage, accountant: Accountant, seconds: float, seed: int) -> list[Finding]:
    """Hold with far more connections than the peak needs, beside the peak."""
    peak = await _ask(stage, accountant, PEAK_CONNECTIONS, seconds, seed)
    crowd = await _ask(stage, accountant, CONNECTIONS, seconds, seed)
    result, answers = crowd.result, _answers(crowd.result)
    share_refused = answers[503] / max(answers.total(), 1)
    faults = [*_bad(peak), *_bad(crowd)]
    goodput = (answers[201] / result.seconds) / (_answers(peak.result)[201] / peak.result.seconds)
    what = f"{CONNECTIONS:,} connections"
    rate = _answers(peak.result)[201] / peak.result.seconds
    flood = await _ask(stage, accountant, FLOOD_CONNECTIONS, seconds, seed, per_second=FLOOD * rate)
    return [
        *_flood_found(flood, rate),
        Finding(row=ROW, name=f"goodput, {what}, beside the peak", value=goodput, unit="x", faults=faults),
        Finding(row=ROW, name=f"share of 503, {what}", value=share_refused, unit=""),
        Finding(row=ROW, name=f"p50 of answered holds, {what}", value=result.latency["hold"].p50, unit="ms"),
        Finding(row=ROW, name=f"p99 of answered holds, {what}", value=result.latency["hold"].p99, unit="ms"),
        Finding(
            row=ROW, name=f"share of the cores others used, {what}", value=crowd.figure.elsewhere, unit=""
        ),
    ]


async def measure_pause(
    stage: Stage, accountant: Accountant, server: psutil.Process, seed: int
) -> list[Finding]:
    """Stop every process of PostgreSQL for some seconds while a crowd goes on asking."""
    pause = _Pause(stage.postmaster, server)
    seconds = BEFORE_SECONDS + PAUSE_SECONDS + AFTER_SECONDS
    measured = await _ask(stage, accountant, CONNECTIONS, seconds, seed, pause)
    result = measured.result
    during, after = Counter[int](), Counter[int]()
    back = AFTER_SECONDS
    for tick, status, count in sorted(result.ticks):
        # What was answered in the tenth of the stop itself was on its way.
        if pause.stopped * 10 + 1 < tick < pause.went_on * 10 - 1:
            during[status] += count
        elif tick >= pause.went_on * 10:
            after[status] += count
            if status == 201:
                back = min(back, tick / 10 + 0.1 - pause.went_on)
    faults = _bad(measured)
    if during[201]:
        faults.append(f"{during[201]} holds were answered 201 while PostgreSQL stood still")
    if not after[201]:
        faults.append("no hold was answered 201 after PostgreSQL went on")
    paused = f"PostgreSQL stopped for {PAUSE_SECONDS:g} s"
    return [
        Finding(row=ROW, name=f"answers 503 meanwhile, {paused}", value=during[503], unit="", faults=faults),
        Finding(row=ROW, name=f"answers 503 after it, {paused}", value=after[503], unit=""),
        Finding(
            row=ROW,
            name=f"memory of all our processes grew by, {paused}",
            value=pause.growth / 1e6,
            unit="MB",
            goal=GOAL_GROWTH_MB,
        ),
        Finding(row=ROW, name=f"first hold after it, {paused}", value=back, unit="s"),
    ]


def _flood_found(flood: Measured, peak: float) -> list[Finding]:
    """What became of many times more requests than can be answered; they come whether we keep up or not."""
    result, answers = flood.result, _answers(flood.result)
    what = f"{FLOOD} x the peak rate, open loop"
    return [
        Finding(
            row=ROW,
            name=f"goodput, {what}, beside the peak",
            value=answers[201] / result.seconds / peak,
            unit="x",
            faults=_bad(flood),
        ),
        Finding(
            row=ROW,
            name=f"asked, {what}, beside the peak",
            value=answers.total() / result.seconds / peak,
            unit="x",
        ),
        Finding(row=ROW, name=f"share of 503, {what}", value=answers[503] / max(answers.total(), 1), unit=""),
        Finding(row=ROW, name=f"p99 of answers 503, {what}", value=_p99(result, "503"), unit="ms"),
    ]


def _p99(result: Result, step: str) -> float:
    return result.latency[step].p99 if step in result.latency else 0.0


class _Pause:
    """Lets a phase run, stops PostgreSQL, lets it go on, and watches our memory."""

    def __init__(self, postmaster: psutil.Process, server: psutil.Process) -> None:
        self._postmaster = postmaster
        self._server = server
        self.stopped = self.went_on = 0.0
        self.growth = 0

    async def __call__(self) -> None:
        await asyncio.sleep(BEFORE_SECONDS)
        before = self._memory()
        processes = [self._postmaster, *self._postmaster.children(recursive=True)]
        try:
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.suspend()
            self.stopped = time.perf_counter()
            await asyncio.sleep(PAUSE_SECONDS / 2)
            most = self._memory()
            await asyncio.sleep(PAUSE_SECONDS / 2)
            self.growth = max(most, self._memory()) - before
        finally:
            self.went_on = time.perf_counter()
            for process in processes:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()
        await asyncio.sleep(AFTER_SECONDS)

    def _memory(self) -> int:
        family = [self._server, *self._server.children(recursive=True)]
        ours = [process for process in family if not process.name().startswith("postgres")]
        return sum(process.memory_info().rss for process in ours)


async def _ask(
    stage: Stage,
    accountant: Accountant,
    connections: int,
    seconds: float,
    seed: int,
    until: _Pause | None = None,
    per_second: float | None = None,
) -> Measured:
    event_ids = [await stage.new_event() for _ in range(EVENTS)]
    asked = Asked(
        row=ROW,
        name=ROW,
        kind=Kind.HOLD,
        connections=connections,
        seconds=seconds + (PAUSE_SECONDS if until else 0),
        wanted=groups(event_ids, seed),
        warm_up=max(WARM_UP_HOLDS, connections),
        each=1,
        per_second=per_second,
    )
    measured = await ask(stage, accountant, asked, until)
    faults = await false_overload(stage.db, event_ids, measured.result)
    return Measured(msgspec.structs.replace(measured.figure, faults=faults), measured.result)


def _answers(result: Result) -> Counter[int]:
    return Counter(result.statuses["hold"])


def _bad(measured: Measured) -> list[str]:
    """Answers other than 201 and 503, and those 503 that did not say when to come again."""
    result = measured.result
    faults = [
        f"{count} answers were {status}: {result.oddities.get(f'hold: {status}')}"
        for status, count in _answers(result).items()
        if status not in {201, 503}
    ]
    return [
        *measured.figure.faults,
        *faults,
        *([f"{result.bare} answers 503 had no Retry-After"] if result.bare else []),
    ]
