"""The row `latency`: how long a hold takes when the server is half as busy as it can be."""

import msgspec

from bench.accounting import Accountant
from bench.asking import WARM_UP_HOLDS, Asked, ask, groups
from bench.checks import false_holds
from bench.figures import Figure, Finding
from bench.phase import odd_answers
from bench.plan import Kind
from bench.stage import Stage

ROW = "latency"

CONNECTIONS = 256

GOAL_P99_MS = 25.0

_HALF = "half of the peak rate"


class Pace:
    """Measures the peak of a round, then half of it."""

    def __init__(self, stage: Stage, accountant: Accountant, seconds: float) -> None:
        self._stage = stage
        self._accountant = accountant
        self._seconds = seconds
        self._peak = 0.0

    async def measure_peak(self, seed: int) -> Figure:
        """As many holds as the server can do."""
        figure = await self._measure(f"the peak, {CONNECTIONS} connections", seed, None)
        self._peak = figure.rate
        return figure

    async def measure_half(self, seed: int) -> Figure:
        """Half as many, evenly."""
        return await self._measure(_HALF, seed, self._peak / 2)

    async def _measure(self, name: str, seed: int, per_second: float | None) -> Figure:
        event_id = await self._stage.new_event()
        asked = Asked(
            row=ROW,
            name=name,
            kind=Kind.HOLD,
            connections=CONNECTIONS,
            seconds=self._seconds,
            wanted=groups([event_id], seed),
            warm_up=WARM_UP_HOLDS,
            each=1,
            per_second=per_second,
        )
        measured = await ask(self._stage, self._accountant, asked)
        faults = [
            *odd_answers(Kind.HOLD, measured.result),
            *await false_holds(self._stage.db, [event_id], measured.result),
        ]
        return msgspec.structs.replace(measured.figure, faults=faults)


def latency_found(figures: list[Figure]) -> list[Finding]:
    """The goal of this row."""
    return [
        Finding(row=ROW, name=f"p99 at {_HALF}", value=figure.p99_ms, unit="ms", goal=GOAL_P99_MS)
        for figure in figures
        if figure.row == ROW and figure.name == _HALF and figure.p99_ms is not None
    ]
