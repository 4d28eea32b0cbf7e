"""Figures for Prometheus, summed over all processes of one `boxoffice serve`.

Several workers share one port, so any of them may be asked: prometheus-client's multiprocess mode
keeps every process's figures in mapped files and adds them up at each scrape.
"""

import asyncio
import os
import time
from bisect import bisect_left
from collections.abc import Sequence

from litestar import Response, get
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from boxoffice.kit.metrics_folder import SHARED_FOLDER_VARIABLE

# From a cache hit to the deadline of a queued command.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

# How often a process adds what it has counted of requests to the shared figures. Adding each by itself would
# be a hundredth of the CPU of a sale.
ADDED_EVERY_SECONDS = 1.0


class BulkHistogram(Histogram):
    """A histogram that takes many observations at once."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """So many observations in each bucket, of this sum."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


REQUEST_SECONDS = BulkHistogram(
    "boxoffice_request_seconds",
    "Time from the first byte in to the last byte out.",
    ["method", "route", "status"],
    buckets=_SECONDS,
)
BATCH_COMMANDS = Histogram(
    "boxoffice_batch_commands",
    "Commands decided in one commit.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
)
BATCH_SECONDS = Histogram(
    "boxoffice_batch_seconds", "Time from BEGIN to COMMIT of a batch, lock wait included.", buckets=_SECONDS
)
COMMANDS = Counter("boxoffice_commands", "Commands decided, by kind and outcome.", ["kind", "outcome"])
QUEUED = Gauge("boxoffice_queued_commands", "Commands waiting for a batch.", multiprocess_mode="livesum")
BATCHES_TAKEN_APART = Counter(
    "boxoffice_batches_taken_apart", "Batches that failed and were decided again, one command at a time."
)
TURNED_AWAY = Counter("boxoffice_turned_away", "Commands answered 503 before any work.", ["reason"])
LIMITED = Counter("boxoffice_limited", "Requests that were one too many, by limit.", ["limit"])
INVENTORY_LOADS = Counter("boxoffice_inventory_loads", "Inventories loaded from the tables.", ["reason"])
JOURNAL_READS = Counter("boxoffice_journal_reads", "Reads of an event's journal for those who only look.")
VIEWERS = Gauge("boxoffice_viewers", "Open availability streams.", multiprocess_mode="livesum")
VIEWERS_DROPPED = Counter("boxoffice_viewers_dropped", "Streams that the server ended.", ["reason"])
CAPTURES_LOST = Counter(
    "boxoffice_captures_lost",
    "Authorised payments that could not be captured; their bookings were cancelled.",
)
FACTS_ASKED_FOR = Counter(
    "boxoffice_facts_asked_for",
    "What providers said when asked, because no report had come.",
    ["provider", "kind"],
)
DISPUTES = Counter(
    "boxoffice_disputes",
    "Disputes by what became of them: those OPENED, less WON and LOST, are open now.",
    ["provider", "change"],
)
FOREIGN_MONEY = Counter(
    "boxoffice_foreign_money",
    "Reports of money at our account that is not of this house, until it is dealt with; should stay 0.",
    ["provider", "what"],
)
BOOKS_DIFFER = Counter(
    "boxoffice_books_differ",
    "What a provider's books have otherwise than ours, each round until it is dealt with; should stay 0.",
    ["provider", "what"],
)
REFUND_FACTS = Counter(
    "boxoffice_refund_facts",
    "What providers said of refunds: FAILED and tried again, GIVEN_UP for people to see, BY_HAND there.",
    ["provider", "what"],
)
SPANS = Counter("boxoffice_spans", "Spans of traces that ended, by what became of them.", ["outcome"])
JOBS = Counter("boxoffice_jobs", "Background jobs finished, by name and outcome.", ["name", "outcome"])

# What an alarm belongs on, with all it can say of a provider.
_OF_PROVIDERS = (
    (DISPUTES, ("OPENED", "WON", "LOST")),
    (FOREIGN_MONEY, ("PAYMENT", "DISPUTE")),
    (BOOKS_DIFFER, ("CAPTURED",)),
    (REFUND_FACTS, ("FAILED", "GIVEN_UP", "BY_HAND")),
)

# Methods that routes have. Any other word is a method of HTTP, too, and a client can make one up each time.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class _Requests:
    """Requests of one kind that are not in the shared figures yet."""

    __slots__ = ("_shared", "counts", "total")

    def __init__(self, shared: BulkHistogram) -> None:
        self._shared = shared
        self.counts = [0] * (len(_SECONDS) + 1)
        self.total = 0.0

    def add_up(self) -> None:
        if any(self.counts):
            self._shared.add(self.counts, self.total)
            self.counts, self.total = [0] * len(self.counts), 0.0


_requests: dict[tuple[str, str, int], _Requests] = {}
_added_at = 0.0


def observe_request(method: str, route: str, status: int, seconds: float) -> None:
    """Count a request. Routes are templates and methods few, so the number of series is bounded."""
    global _added_at  # noqa: PLW0603  one a process, as the figures are
    if method not in _METHODS:
        method = "other"
    key = (method, route, status)
    some = _requests.get(key)
    if some is None:
        some = _requests[key] = _Requests(REQUEST_SECONDS.labels(method, route, str(status)))
    some.counts[bisect_left(_SECONDS, seconds)] += 1
    some.total += seconds
    now = time.monotonic()
    if now >= _added_at:
        _added_at = now + ADDED_EVERY_SECONDS
        asyncio.get_running_loop().call_later(ADDED_EVERY_SECONDS, add_requests)


def add_requests() -> None:
    """Bring the shared figures of requests up to date with this process."""
    for some in _requests.values():
        some.add_up()


def count_from_zero(provider: str) -> None:
    """Begin the series of a provider at 0: one that begins at 1 has not risen for Prometheus."""
    for counter, says in _OF_PROVIDERS:
        for what in says:
            counter.labels(provider, what)


@get(
    "/metrics",
    operation_id="GetMetrics",
    summary="Figures for Prometheus",
    tags=["Operations"],
    media_type="text/plain",
)
async def get_metrics() -> Response[bytes]:
    """All figures in the Prometheus text format; those of requests to other processes, of a second ago."""
    add_requests()
    text = await asyncio.to_thread(_all_figures)
    return Response(text, media_type=CONTENT_TYPE_LATEST.rpartition("; charset")[0])


def _all_figures() -> bytes:
    registry = REGISTRY
    if SHARED_FOLDER_VARIABLE in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
    return generate_latest(registry)
