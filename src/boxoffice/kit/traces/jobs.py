"""The spans of jobs: each attempt is one, below what caused the job, and linked to it.

PgQueuer has a place for whoever traces it. What it brings for OpenTelemetry writes errors' messages down.
"""

from collections.abc import AsyncGenerator, Generator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from opentelemetry.trace import Link, SpanKind, get_current_span
from pgqueuer.models import Job

from boxoffice.kit.jobs import Handler
from boxoffice.kit.traces.spans import Spans, fail, is_recording, to_tell, told_by

# Where PgQueuer keeps what OpenTelemetry sends along with a job.
_SECTION = "otel"


class JobSpans:
    """What PgQueuer asks when a job is put in line and when it is done."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def trace_publish(self, entrypoints: list[str]) -> Generator[dict[str, object]]:
        """Send along what caused each job."""
        cause: dict[str, object] = {_SECTION: to_tell()} if is_recording() else {}
        for _ in entrypoints:
            yield cause

    @asynccontextmanager
    async def trace_process(self, job: Job) -> AsyncGenerator[None]:
        """One attempt. A job that nobody's trace has caused has none."""
        cause = told_by(_carrier(job))
        caused_by = get_current_span(cause).get_span_context()
        if not caused_by.trace_flags.sampled:
            yield
            return
        attributes = {
            "messaging.system": "pgqueuer",
            "messaging.destination.name": job.entrypoint,
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.message.id": str(job.id),
            "boxoffice.job.attempts": job.attempts,
        }
        name = f"process {job.entrypoint}"
        with self._spans.open(name, attributes, SpanKind.CONSUMER, cause, [Link(caused_by)]):
            yield


def noting_failures(handlers: Mapping[str, Handler]) -> dict[str, Handler]:
    """The handlers, each of which tells its span when it fails: PgQueuer, which repeats it, does not."""
    return {name: _noting(handler) for name, handler in handlers.items()}


def _noting(handler: Handler) -> Handler:
    async def run(payload: bytes) -> None:
        try:
            await handler(payload)
        except Exception as error:
            fail(get_current_span(), error)
            raise

    return run


def _carrier(job: Job) -> dict[str, Any]:
    section = job.otel_headers() or {}
    return {name: value for name, value in section.items() if isinstance(value, str)}
