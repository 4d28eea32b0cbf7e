"""A measured phase in numbers, the same for ours and for a peer."""

import statistics
from collections.abc import Iterable, Sequence

import msgspec


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """One phase. Milliseconds of CPU are per booking or sale; `client_ms` is what the load itself took.

    `elsewhere` is the share of the machine's cores that others used meanwhile: much of it means the
    rate and the latencies say little; CPU per booking suffers less. `faults` must be empty: it has
    what was answered and is not true, or what should not have been answered.
    """

    row: str
    name: str
    connections: int
    count: int
    seconds: float
    rate: float
    latency_ms: float
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None
    app_ms: float
    postgres_ms: float
    client_ms: float
    client_s_per_1000_requests: float
    elsewhere: float
    faults: list[str] = []
    repeats: int = 1

    @property
    def total_ms(self) -> float:
        """CPU of application and PostgreSQL together."""
        return self.app_ms + self.postgres_ms


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that was found out, and the most it is to be, where there is a goal. `faults` as above."""

    row: str
    name: str
    value: float
    unit: str
    goal: float | None = None
    faults: list[str] = []


def middle(figures: Iterable[Figure]) -> Figure:
    """The repetition in the middle by CPU: a real one, not an average nobody has seen. Faults of all."""
    ordered = sorted(figures, key=lambda figure: figure.total_ms)
    chosen = ordered[(len(ordered) - 1) // 2]
    return msgspec.structs.replace(
        chosen,
        rate=statistics.median(figure.rate for figure in ordered),
        faults=[fault for figure in ordered for fault in figure.faults],
        repeats=len(ordered),
    )


def median_finding(findings: Sequence[Finding]) -> Finding:
    """The one with the median value, and the faults of all."""
    return msgspec.structs.replace(
        findings[0],
        value=statistics.median(finding.value for finding in findings),
        faults=[fault for finding in findings for fault in finding.faults],
    )


def ratio(row: str, name: str, ours: Figure, beside: Figure, *, goal: float) -> Finding:
    """How many times the CPU of `beside` one of `ours` takes, PostgreSQL's included."""
    return Finding(row=row, name=name, value=ours.total_ms / beside.total_ms, unit="x", goal=goal)
