"""The span of a request, around everything else that happens to it."""

import re
from collections.abc import Awaitable
from typing import Any

from litestar.types import ASGIApp, Message, Receive, Send
from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import Span, SpanKind, set_span_in_context

from boxoffice.kit.streams import STREAM
from boxoffice.kit.traces.spans import NOWHERE, Spans, answered, fail, told_by

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Of a path's variable parts these are names of things; any other may be a secret, and stays a placeholder.
_HARMLESS = re.compile(r"[0-9]{1,20}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


class TracedRequests:
    """ASGI middleware: traces every request but those whose path begins with one of `untraced`."""

    def __init__(self, app: ASGIApp, spans: Spans, untraced: tuple[str, ...]) -> None:
        self._app = app
        self._spans = spans
        self._untraced = untraced

    def __call__(self, scope: Any, receive: Receive, send: Send) -> Awaitable[None]:
        """Past whatever is not kept without a step of its own: most requests, under load."""
        if scope["type"] != "http" or scope["path"].startswith(self._untraced):
            return self._app(scope, receive, send)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        carrier = _carrier(scope["headers"])
        if carrier is None and not self._spans.draws(method, SpanKind.SERVER):
            return self._app(scope, receive, send)
        context = NOWHERE if carrier is None else told_by(carrier)
        return self._below(context, method, scope, receive, send)

    async def _below(self, context: Context, method: str, scope: Any, receive: Receive, send: Send) -> None:
        known = {"http.request.method": method, "url.scheme": scope["scheme"]}
        span = self._spans.tracer.start_span(method, context, SpanKind.SERVER, known, record_exception=False)
        token = attach(set_span_in_context(span))
        try:
            if span.is_recording():
                await self._record(span, method, scope, receive, send)
            else:
                # Its log lines are found by the caller's trace all the same.
                await self._app(scope, receive, send)
        finally:
            detach(token)

    async def _record(self, span: Span, method: str, scope: Any, receive: Receive, send: Send) -> None:
        status = 0

        async def send_noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                for name, value in message["headers"]:
                    if name == b"x-request-id":
                        span.set_attribute("boxoffice.request_id", value.decode())
                if STREAM in scope:
                    # It goes on for hours, and what is done for it then is not this request any more.
                    _end(span, method, scope, status)
            await send(message)

        try:
            await self._app(scope, receive, send_noted)
        except BaseException as error:
            if span.is_recording():
                fail(span, error)
            raise
        finally:
            if STREAM not in scope or not status:
                _end(span, method, scope, status)


def _end(span: Span, method: str, scope: Any, status: int) -> None:
    route = scope.get("path_template")
    if route:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
        span.set_attribute("url.path", told_path(scope["path"], route))
    if status:
        answered(span, status, faults_from=500)
    span.end()


def _carrier(headers: Any) -> dict[str, str] | None:
    """What the caller says of its own trace; of two that contradict each other, nothing.

    `tracestate` is not taken: it is text that anybody may write, and would be told to the peer.
    """
    told = [value for name, value in headers if name == b"traceparent"]
    return {"traceparent": told[0].decode("latin-1")} if len(told) == 1 else None


def told_path(path: str, route: str) -> str:
    """The path with every part that could be a secret as its route has it."""
    given, named = path.split("/"), route.split("/")
    if len(given) != len(named):
        return route
    return "/".join(
        part if "{" not in name or _HARMLESS.fullmatch(part) else name
        for part, name in zip(given, named, strict=True)
    )
