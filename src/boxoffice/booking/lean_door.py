"""POST /bookings without the framework around it: the same rules, the same answers, half the CPU.

Everything usual is answered here: a JSON body that fits, from somebody who is signed in. Everything else
(no token, another content type, a body that does not decode or is too large) is handed on to the
framework as if nobody had touched it, so that there is one place that words those refusals.
"""

from collections.abc import Iterable

import msgspec
from litestar.types import ASGIApp, HTTPReceiveMessage, Receive, Scope, Send

from boxoffice.accounts.guards import find_identity
from boxoffice.accounts.tokens import Tokens
from boxoffice.booking.holds import hold_places
from boxoffice.booking.schemas import NewBooking
from boxoffice.booking.views import view_of_booking
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import PROBLEM_JSON, content_of

PATH = "/api/v1/bookings"

# A booking with a hundred seats fits four times; what is larger takes the way through the framework.
BODY_BYTES_MAX = 8_192

_decoder = msgspec.json.Decoder(NewBooking)
_encoder = msgspec.json.Encoder()


class LeanDoor:
    """ASGI: answers what it can by itself and hands everything else to `app`."""

    def __init__(self, app: ASGIApp, *, tokens: Tokens, sales: GroupCommit, db: Database) -> None:
        self.app = app
        self.tokens = tokens
        self.sales = sales
        self.db = db

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH or scope["method"] != "POST":
            await self.app(scope, receive, send)
            return
        identity = find_identity(scope["headers"], self.tokens)
        size = _size_of_json(scope["headers"])
        if identity is None or size is None:
            await self.app(scope, receive, send)
            return
        first = await receive()
        wanted = _decode(first, size)
        if wanted is None:
            await self.app(scope, _again(first, receive), send)
            return
        scope["path_template"] = PATH
        try:
            held = await hold_places(self.sales, buyer_id=identity.user_id, wanted=wanted)
            view = await view_of_booking(self.db, held.booking, held.explanation)
        except Exception as error:  # noqa: BLE001  the framework, which would word it, is behind this door
            content = content_of(error, path=PATH, method="POST")
            more = (
                [(b"retry-after", str(error.retry_after).encode())] if isinstance(error, Unavailable) else []
            )
            await _answer(send, content["status"], PROBLEM_JSON, content, *more)
        else:
            await _answer(send, 201, "application/json", view)


def _size_of_json(headers: Iterable[tuple[bytes, bytes]]) -> int | None:
    """The length of a body that is announced as JSON and small enough; None for any other."""
    size, is_json = None, False
    for name, value in headers:
        if name == b"content-type":
            is_json = value == b"application/json"
        elif name == b"content-length":
            size = int(value) if value.isdigit() and len(value) <= 4 else None
    return size if is_json and size is not None and size <= BODY_BYTES_MAX else None


def _decode(message: object, size: int) -> NewBooking | None:
    """The body, if all of it came at once and it fits.

    Its length says whether it is all: a server may promise more and then send an empty piece.
    """
    if not isinstance(message, dict) or message.get("type") != "http.request":
        return None
    body = message.get("body", b"")
    if len(body) != size:
        return None
    try:
        return _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def _again(first: object, receive: Receive) -> Receive:
    """Receive what was received before, then go on."""
    waiting = [first]

    async def receive_again() -> HTTPReceiveMessage:
        return waiting.pop() if waiting else await receive()  # pyright: ignore[reportReturnType]  what came, comes

    return receive_again


async def _answer(
    send: Send, status: int, media_type: str, content: object, *more: tuple[bytes, bytes]
) -> None:
    body = _encoder.encode(content)
    headers = [
        (b"content-type", media_type.encode()),
        (b"content-length", str(len(body)).encode()),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body, "more_body": False})
