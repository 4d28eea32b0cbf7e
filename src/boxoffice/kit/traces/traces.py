"""The traces of one process: what its parts are made of where traces are on, and where their spans go."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from importlib.metadata import version
from uuid import uuid4

from litestar.types import ASGIApp
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from pgqueuer.ports.tracing import TRACER

from boxoffice.kit.gathering import Answer, Asked
from boxoffice.kit.jobs import Handler
from boxoffice.kit.traces.calls import CallSpans, TracedOutbound
from boxoffice.kit.traces.jobs import JobSpans, noting_failures
from boxoffice.kit.traces.requests import TracedRequests
from boxoffice.kit.traces.sending import Sender
from boxoffice.kit.traces.sharing import SharedWork, TracedGathering
from boxoffice.kit.traces.spans import Ids, Spans, add_ids
from boxoffice.kit.traces.statements import TracedDatabase

_NAME = "boxoffice"


class Traces:
    """Made once in each process, after it has begun: its thread does not survive a fork.

    Sampling, limits and the address of the peer are what the standard's variables say (OTEL_*).
    """

    def __init__(self) -> None:
        ours = Resource(
            {
                "service.name": _NAME,
                "service.version": version(_NAME),
                "service.instance.id": str(uuid4()),
                "telemetry.sdk.language": "python",
                "telemetry.sdk.name": "opentelemetry",
                "telemetry.sdk.version": version("opentelemetry-sdk"),
            }
        )
        ids = Ids()
        self._sender = Sender(OTLPSpanExporter())
        self._provider = TracerProvider(
            resource=ours.merge(OTELResourceDetector().detect()),
            shutdown_on_exit=False,
            id_generator=ids,
        )
        self._provider.add_span_processor(self._sender)
        tracer = self._provider.get_tracer(_NAME, version(_NAME))
        self.spans = Spans(tracer, self._provider.sampler, ids)
        self.calls = CallSpans(self.spans)
        # For log lines, whichever parts they come from.
        self.add_ids = add_ids
        TRACER.tracer = JobSpans(self.spans)

    async def close(self) -> None:
        """Send the last spans, for a second at most."""
        TRACER.tracer = None
        await asyncio.to_thread(self._provider.shutdown)

    def requests(self, app: ASGIApp, untraced: tuple[str, ...]) -> TracedRequests:
        """The application, with a span around each request."""
        return TracedRequests(app, self.spans, untraced)

    def database(self, dsn: str, *, connections_max: int) -> TracedDatabase:
        """A database with spans for statements."""
        return TracedDatabase(self.spans, dsn, connections_max=connections_max)

    def gathering(
        self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]
    ) -> TracedGathering[Asked, Answer]:
        """A gathering that says who waited for what."""
        return TracedGathering(self.spans, work)

    def outbound(self) -> TracedOutbound:
        """Calls with spans."""
        return TracedOutbound(self.spans)

    def shared_work(self) -> SharedWork:
        """For what else is done for many at once."""
        return SharedWork(self.spans)

    def jobs(self, handlers: Mapping[str, Handler]) -> dict[str, Handler]:
        """The handlers, which tell their spans when they fail."""
        return noting_failures(handlers)
