"""A short way past the framework for the few hottest routes: the same use cases, the same answers.

Everything usual is answered here: a body in one piece that fits, from somebody who is signed in where
that is asked for. Everything else (no token, an idempotency key, another content type, a body that does
not decode or is too large) is handed on to the framework as if nobody had touched it, so that there is
one place that words those refusals. See decision 0013.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Protocol

import msgspec
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.kit.problems import PROBLEM_JSON, content_of, unavailable_content

# A booking with a hundred seats fits four times; what is larger takes the way through the framework.
BODY_BYTES_MAX = 8_192

Headers = Iterable[tuple[bytes, bytes]]


class LeanRequest(msgspec.Struct, frozen=True):
    """What a lean route is given: who asks, the variable part of the path, the headers, and the body.

    `body` is the decoded struct, or the raw bytes of a route that wants none.
    """

    identity: Any
    part: Any
    headers: Headers
    body: Any


class LeanRoute(msgspec.Struct, frozen=True):
    """A POST route: its path around one variable part, if it has one, and who answers it.

    `read` turns the variable part into what `answer` wants; a `ValueError` hands the request on. With
    `body` None the bytes are handed over as they came, and nobody need be signed in. `is_hopeless` looks
    at the bytes of a body that nobody has the time to read: a 503 costs a fifth of an answer then.
    """

    template: str
    before: str
    after: str | None
    read: Callable[[str], Any]
    body: type[msgspec.Struct] | None
    status: int
    answer: Callable[[LeanRequest], Awaitable[msgspec.Struct | None]]
    is_hopeless: Callable[[bytes], bool] | None = None

    def part_of(self, path: str) -> str | None:
        """The variable part of a path that is this route's; None for another path."""
        if self.after is None:
            return "" if path == self.before else None
        if not path.startswith(self.before) or not path.endswith(self.after):
            return None
        return path[len(self.before) : len(path) - len(self.after)]


# Made once: whoever reads it is one of very many.
_TOO_MANY = msgspec.json.encode(
    unavailable_content(Unavailable("Too many people want this at once. Try again shortly."))
)
_RETRY_AFTER = (b"retry-after", str(Unavailable().retry_after).encode())


class _Decoder(Protocol):
    def decode(self, buf: bytes, /) -> Any: ...


class LeanDoor:
    """ASGI: answers what it can by itself and hands everything else to `app`."""

    def __init__(
        self, app: ASGIApp, routes: Sequence[LeanRoute], find_identity: Callable[[Scope], Any | None]
    ) -> None:
        self.app = app
        self._find_identity = find_identity
        self._routes: list[tuple[LeanRoute, _Decoder | None]] = [
            (route, None if route.body is None else msgspec.json.Decoder(route.body)) for route in routes
        ]
        self._encoder = msgspec.json.Encoder()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path = scope["path"]
            for route, decoder in self._routes:
                part = route.part_of(path)
                if part is not None:
                    await self._try(route, decoder, part, scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _try(
        self,
        route: LeanRoute,
        decoder: _Decoder | None,
        part: str,
        scope: Any,
        receive: Receive,
        send: Send,
    ) -> None:
        headers = scope["headers"]
        size = _size_of_body(headers, is_json=decoder is not None)
        if size is None:
            await self.app(scope, receive, send)
            return
        first: Any = await receive()
        if route.is_hopeless is not None and route.is_hopeless(first.get("body", b"")):
            scope["path_template"] = route.template
            await _send(send, 503, PROBLEM_JSON.encode(), _TOO_MANY, _RETRY_AFTER)
            return
        identity = None if decoder is None else self._find_identity(scope)
        if decoder is not None and identity is None:
            await self.app(scope, _again(first, receive), send)
            return
        try:
            content = _whole(first, size)
            body = content if decoder is None else decoder.decode(content)
            request = LeanRequest(identity, route.read(part), headers, body)
        # RecursionError: a body of nothing but brackets. UnicodeDecodeError is a ValueError.
        except (msgspec.MsgspecError, ValueError, RecursionError):
            await self.app(scope, _again(first, receive), send)
            return
        scope["path_template"] = route.template
        try:
            answer = await route.answer(request)
        except Exception as error:  # noqa: BLE001  the framework, which would word it, is behind this door
            await self._refuse(scope["path"], error, send)
        else:
            content = b"" if answer is None else self._encoder.encode(answer)
            await _send(send, route.status, None if answer is None else b"application/json", content)

    async def _refuse(self, path: str, error: Exception, send: Send) -> None:
        content = content_of(error, path=path, method="POST")
        more: list[tuple[bytes, bytes]] = []
        if isinstance(error, Unavailable):
            more.append((b"retry-after", str(error.retry_after).encode()))
        if isinstance(error, Refusal) and error.status == 401:
            more.append((b"www-authenticate", b"Bearer"))
        await _send(send, content["status"], PROBLEM_JSON.encode(), self._encoder.encode(content), *more)


def _size_of_body(headers: Headers, *, is_json: bool) -> int | None:
    """The length of a body that is small enough and, where it must be, announced as JSON; else None.

    None, too, when the request is to be done once: that is the framework's work.
    """
    size, kinds = None, 0
    for name, value in headers:
        if name == b"content-type":
            if is_json and value != b"application/json":
                return None
            kinds += 1
        elif name == b"content-length":
            size = int(value) if value.isdigit() and len(value) <= 4 else None
        elif name == b"idempotency-key":
            return None
    fits = kinds > 0 or not is_json
    return size if fits and size is not None and size <= BODY_BYTES_MAX else None


def _whole(message: Any, size: int) -> bytes:
    """The body, if all of it came at once; raises `ValueError`.

    Its length says whether it is all: a server may promise more and then send an empty piece.
    """
    body = message.get("body", b"") if message["type"] == "http.request" else None
    if body is None or len(body) != size:
        raise ValueError("the body comes in pieces")
    return body


def _again(first: Any, receive: Receive) -> Receive:
    """Receive what was received before, then go on."""
    waiting = [first]

    async def receive_again() -> HTTPReceiveMessage:
        return waiting.pop() if waiting else await receive()  # pyright: ignore[reportReturnType]  what came, comes

    return receive_again


async def _send(
    send: Send, status: int, media_type: bytes | None, body: bytes, *more: tuple[bytes, bytes]
) -> None:
    headers = [*more]
    if media_type is not None:
        headers += [(b"content-type", media_type), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
