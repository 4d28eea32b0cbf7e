"""The row `latency`: how long a hold takes when the server is half as busy as it can be."""

from bench.accounting import Accountant
from bench.asking import hold_at
from bench.figures import Figure, Finding
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
        return await hold_at(
            self._stage,
            self._accountant,
            per_second,
            row=ROW,
            name=name,
            connections=CONNECTIONS,
            seconds=self._seconds,
            seed=seed,
        )


def latency_found(figures: list[Figure]) -> list[Finding]:
    """The goal of this row."""
    return [
        Finding(row=ROW, name=f"p99 at {_HALF}", value=figure.p99_ms, unit="ms", goal=GOAL_P99_MS)
        for figure in figures
        if figure.row == ROW and figure.name == _HALF and figure.p99_ms is not None
    ]
