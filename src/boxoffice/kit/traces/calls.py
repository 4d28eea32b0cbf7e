"""The spans of calls to other people's servers, below that of a request, a batch or a job."""

import re
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from boxoffice.kit.outbound import Outbound
from boxoffice.kit.traces.spans import Opened, Spans, answered, is_recording, to_tell

# A part of a path that has a figure in it and is this long is somebody's id, not the name of a thing.
ID_CHARACTERS_MIN = 8

# What answers this or more did not do what it was asked for.
FAULTS_FROM = 400

_ID = re.compile(rf"(?=[^/]*\d)[^/]{{{ID_CHARACTERS_MIN},}}")


class CallSpans:
    """Opens the span of a call."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans

    def of(self, method: str, url: str) -> Opened:
        """A call: its address without user, query and ids, which may let somebody in."""
        parts = urlsplit(url)
        path = _ID.sub("{id}", parts.path)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        attributes = {
            "http.request.method": method.upper(),
            "server.address": parts.hostname or "",
            "server.port": port,
            "url.template": path,
            "url.full": f"{parts.scheme}://{parts.hostname}:{port}{path}",
        }
        return self._spans.open(f"{method.upper()} {path}", attributes, SpanKind.CLIENT)


class TracedOutbound(Outbound):
    """Calls with spans, that tell whom they call about the trace they belong to."""

    def __init__(self, spans: Spans) -> None:
        super().__init__()
        self._spans = CallSpans(spans)

    async def post(self, url: str, content: bytes, headers: dict[str, str]) -> int:
        if not is_recording():
            return await super().post(url, content, headers)
        with self._spans.of("POST", url) as span:
            status = await super().post(url, content, headers | to_tell())
            answered(span, status, faults_from=FAULTS_FROM)
            return status
