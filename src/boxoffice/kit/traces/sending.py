"""Ended spans on their way out: a bounded line, and a thread that sends what is in it.

Nothing that serves a request ever waits for it. The SDK's own neither counts what it drops nor ends in time.
"""

import logging
import os
import threading
from collections import deque
from collections.abc import Mapping

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from boxoffice.kit import metrics
from boxoffice.kit.outages import Outage

# What is sent when it is not full before; OTEL_BSP_SCHEDULE_DELAY is the standard's name for it.
DELAY_SECONDS = 5.0

# Spans in line, at 2 KB each; OTEL_BSP_MAX_QUEUE_SIZE. What comes when it is full is dropped.
WAITING_MAX = 2_048

# Spans of one message; OTEL_BSP_MAX_EXPORT_BATCH_SIZE.
TOGETHER_MAX = 512

# A process that ends waits so long for the last ones. Then they are dropped: nobody's restart is to hang.
LAST_SECONDS_MAX = 0.9

# What can become of a span; the figures begin at 0 for each.
OUTCOMES = ("delivered", "not delivered", "queue full", "late")

_EXPORTER_LOG = "opentelemetry.exporter"


class Sender(SpanProcessor):
    """Sends spans in the order in which they ended, from a thread of this process."""

    def __init__(self, exporter: SpanExporter, environment: Mapping[str, str] = os.environ) -> None:
        self._exporter = exporter
        for outcome in OUTCOMES:
            metrics.SPANS.labels(outcome)
        self._waiting_max = _number(environment, "OTEL_BSP_MAX_QUEUE_SIZE", WAITING_MAX)
        together = _number(environment, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", TOGETHER_MAX)
        self._together_max = min(together, self._waiting_max)
        milliseconds = _number(environment, "OTEL_BSP_SCHEDULE_DELAY", int(DELAY_SECONDS * 1000))
        self._delay = milliseconds / 1000
        # Its ends are safe to use from two threads.
        self._waiting: deque[ReadableSpan] = deque()
        self._wake = threading.Event()
        self._is_over = False
        self._outage = Outage("traces cannot be delivered", "traces are delivered again")
        self._reason = _LastWord()
        _listen(self._reason)
        self._thread = threading.Thread(target=self._send_for_ever, name="traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Put a span in line, or drop it."""
        if self._is_over:
            metrics.SPANS.labels("late").inc()
        elif len(self._waiting) >= self._waiting_max:
            metrics.SPANS.labels("queue full").inc()
        else:
            self._waiting.append(span)
            if len(self._waiting) >= self._together_max:
                self._wake.set()

    def shutdown(self) -> None:
        """Send what is left, as far as that takes no longer than `LAST_SECONDS_MAX`; drop the rest."""
        self._is_over = True
        self._wake.set()
        self._thread.join(LAST_SECONDS_MAX)
        # Ends a pause between two attempts; one that is under way ends with the process.
        self._exporter.shutdown()
        _drop(self._take(self._waiting_max), "late")

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Have what is in line sent now; whether that was begun."""
        self._wake.set()
        return not self._is_over

    def _send_for_ever(self) -> None:
        while not self._is_over:
            self._wake.wait(self._delay)
            self._wake.clear()
            while spans := self._take(self._together_max):
                self._send(spans)

    def _send(self, spans: list[ReadableSpan]) -> None:
        try:
            result = self._exporter.export(spans)
        except Exception as error:  # noqa: BLE001  whatever it is, the next ones are to be tried
            self._outage.failed(error)
            _drop(spans, "not delivered")
            return
        if result is SpanExportResult.SUCCESS:
            metrics.SPANS.labels("delivered").inc(len(spans))
            self._outage.over()
        else:
            self._outage.failed(ConnectionError(self._reason.said))
            _drop(spans, "not delivered")

    def _take(self, count: int) -> list[ReadableSpan]:
        taken: list[ReadableSpan] = []
        while self._waiting and len(taken) < count:
            taken.append(self._waiting.popleft())
        return taken


class _LastWord(logging.Handler):
    """What the exporter said last of a failure; it says so to the log only, and at each attempt."""

    said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said = record.getMessage()


def _listen(handler: logging.Handler) -> None:
    log = logging.getLogger(_EXPORTER_LOG)
    log.handlers, log.propagate = [handler], False


def _drop(spans: list[ReadableSpan], reason: str) -> None:
    if spans:
        metrics.SPANS.labels(reason).inc(len(spans))


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    """What an operator has set; the standard has us ignore what is no number."""
    text = environment.get(name, "")
    return int(text) if text.isdecimal() and int(text) > 0 else default
