"""Which rows there are: the phases of each, and what is found out by comparing them."""

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec
import psutil

from bench.accounting import Accountant
from bench.best import SHARES_SOLD, best_found, measure_best
from bench.figures import Figure, Finding
from bench.growth import (
    EMPTY,
    HALLS,
    WORKERS,
    Past,
    growth_found,
    measure_event,
    measure_hall,
    measure_workers,
)
from bench.invoices import measure_invoices
from bench.latency import Pace, latency_found
from bench.memory import measure_memory
from bench.overload import measure_overload, measure_pause
from bench.peers import Peer, measure_peer
from bench.plan import Kind
from bench.refused import measure_refusals, refusals_found
from bench.rows import Load, measure_holds, measure_sales
from bench.sell_out import measure_sell_out
from bench.stage import Stage
from bench.storm import Storm, storm_found

# Where the peers do best on few cores, and where connections begin to cost.
PGBENCH_CLIENTS = (16, 64)

SALE_CONNECTIONS = 64

# The sandbox calls its shop over connections of its own, of which its client keeps this many.
SANDBOX_CONNECTIONS = 32
SANDBOX_SALES_MAX = 1_500

# A phase by its round's number, which is its seed.
Measure = Callable[[int], Awaitable[Figure | list[Finding]]]


class Options(msgspec.Struct, frozen=True, kw_only=True):
    """How much is measured."""

    rows: list[str]
    connections: list[int]
    seconds: float
    holds: int
    rounds: int
    workers: int
    past: int


class Bench(msgspec.Struct, frozen=True):
    """What every row is given."""

    options: Options
    stage: Stage
    accountant: Accountant
    server: psutil.Process


def _holds(bench: Bench) -> list[Measure]:
    stage, accountant, options = bench.stage, bench.accountant, bench.options

    def ours(connections: int, seed: int) -> Awaitable[Figure]:
        return measure_holds(stage, accountant, connections, Load(options.seconds, options.holds, seed))

    def theirs(peer: Peer, clients: int, _seed: int) -> Awaitable[Figure]:
        return measure_peer(stage, accountant, peer, clients, options.seconds)

    return [
        *[partial(ours, connections) for connections in options.connections],
        *[partial(theirs, peer, clients) for peer in Peer for clients in PGBENCH_CLIENTS],
    ]


def _sale(bench: Bench) -> list[Measure]:
    options = bench.options

    def sales(kind: Kind, connections: int, count: int, seed: int) -> Awaitable[Figure]:
        load = Load(options.seconds, count, seed)
        return measure_sales(bench.stage, bench.accountant, kind, connections, load)

    return [
        partial(sales, Kind.SALE, SALE_CONNECTIONS, options.holds),
        partial(sales, Kind.SANDBOX_SALE, SANDBOX_CONNECTIONS, min(options.holds, SANDBOX_SALES_MAX)),
        partial(measure_invoices, bench.stage, bench.accountant),
    ]


def _refused(bench: Bench) -> list[Measure]:
    def refusals(connections: int, seed: int) -> Awaitable[Figure]:
        return measure_refusals(bench.stage, bench.accountant, connections, bench.options.seconds, seed)

    return [partial(refusals, connections) for connections in (64, 256)]


def _best(bench: Bench) -> list[Measure]:
    def best(kind: Kind, share_sold: float, seed: int) -> Awaitable[Figure]:
        return measure_best(bench.stage, bench.accountant, kind, share_sold, bench.options.seconds, seed)

    return [partial(best, kind, share) for share in SHARES_SOLD for kind in (Kind.HOLD, Kind.BEST)]


def _growth(bench: Bench) -> list[Measure]:
    stage, accountant, seconds = bench.stage, bench.accountant, bench.options.seconds

    def hall(seats: int, seed: int) -> Awaitable[Figure]:
        return measure_hall(stage, accountant, seats, seconds, seed)

    def workers(count: int, seed: int) -> Awaitable[Figure]:
        return measure_workers(stage, count, seconds, seed)

    def event(seed: int) -> Awaitable[Figure]:
        return measure_event(stage, accountant, EMPTY, seconds, seed)

    return [
        *[partial(hall, seats) for seats in HALLS],
        *[partial(workers, count) for count in WORKERS],
        event,
    ]


def _growth_of_the_past(bench: Bench) -> list[Measure]:
    past = Past(bench.options.past)
    return [partial(past.measure, bench.stage, bench.accountant, bench.options.seconds)]


def _latency(bench: Bench) -> list[Measure]:
    pace = Pace(bench.stage, bench.accountant, bench.options.seconds)
    return [pace.measure_peak, pace.measure_half]


def _memory(bench: Bench) -> list[Measure]:
    return [partial(measure_memory, bench.stage)]


def _sell_out(bench: Bench) -> list[Measure]:
    return [partial(measure_sell_out, bench.stage, bench.accountant)]


def _overload(bench: Bench) -> list[Measure]:
    return [
        partial(measure_overload, bench.stage, bench.accountant, bench.options.seconds),
        partial(measure_pause, bench.stage, bench.accountant, bench.server),
    ]


def _storm(bench: Bench) -> list[Measure]:
    storm = Storm(bench.stage, bench.accountant, bench.options.seconds)
    return [storm.measure_quiet, storm.measure_storm]


ROWS: dict[str, Callable[[Bench], list[Measure]]] = {
    "holds": _holds,
    "sale": _sale,
    "refused": _refused,
    "best": _best,
    "growth": _growth,
    "latency": _latency,
    "memory": _memory,
    "sell-out": _sell_out,
    "overload": _overload,
    "storm": _storm,
}

LAST = {"growth": _growth_of_the_past}

TITLES = {
    "holds": "Holds of two named seats",
    "sale": "Full sales of two seats",
    "refused": "Refusals: two named seats that are gone",
    "best": "Holds of four seats side by side, of 50,000",
    "growth": "Holds of two named seats, 256 connections, as things grow",
    "storm": "Holds beside 200 log-ins at once",
    "latency": "Latency at half of the peak rate, from the moment a request was due",
}


def findings_of(figures: list[Figure]) -> list[Finding]:
    """What the figures come to, one beside the other."""
    return [
        *refusals_found(figures),
        *best_found(figures),
        *growth_found(figures),
        *latency_found(figures),
        *storm_found(figures),
    ]
