"""A lane for requests that nobody minds to wait with: a rush of them holds nobody up who is selling.

Two hundred people who log in at once are two hundred tasks of an event loop, and a hold that comes after them
would wait for all of them to be begun, 0.3 ms each. Here they wait before anything is done for them, and one
is let through every few milliseconds, so that between two of them everybody else has their turn.
"""

import asyncio
from collections import deque
from typing import Any, Protocol

import msgspec
from litestar.types import ASGIApp, Receive, Scope, Send

from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.problems import PROBLEM_JSON, unavailable_content

# To begin one takes 0.3 ms, so a rush takes a sixth of a process at most, and 500 a second come through:
# fifty times as many as can be hashed.
PAUSE_SECONDS = 0.002

# The last of them waits two seconds here; whoever comes after is asked to come again.
WAITING_MAX = 1_000


class Line(Protocol):
    """What those who come through wait in next."""

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now is turned away."""
        ...


class SlowLane:
    """ASGI: has requests for these paths take turns, and hands everything else to `app` at once.

    When the line behind it is full, what would be said there is said here, at a tenth of the price.
    """

    def __init__(self, app: ASGIApp, paths: frozenset[str], line: Line, refusal: Unavailable) -> None:
        self.app = app
        self._paths = paths
        self._line = line
        self._body = msgspec.json.encode(unavailable_content(refusal))
        self._headers = [
            (b"content-type", PROBLEM_JSON.encode()),
            (b"content-length", str(len(self._body)).encode()),
            (b"retry-after", str(refusal.retry_after).encode()),
        ]
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._is_free = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in self._paths:
            is_full = self._line.is_full or len(self._waiting) >= WAITING_MAX
            if not is_full:
                await self._turn()
                is_full = self._line.is_full
            if is_full:
                await self._refuse(scope, send)
                return
        await self.app(scope, receive, send)

    async def _refuse(self, scope: Any, send: Send) -> None:
        metrics.TURNED_AWAY.labels("password line full").inc()
        scope["path_template"] = scope["path"]
        await send({"type": "http.response.start", "status": 503, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body, "more_body": False})

    async def _turn(self) -> None:
        loop = asyncio.get_running_loop()
        if self._is_free:
            self._is_free = False
            loop.call_later(PAUSE_SECONDS, self._let_one_through)
            return
        turn = loop.create_future()
        self._waiting.append(turn)
        await turn

    def _let_one_through(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            # Somebody who hung up takes no turn.
            if not turn.done():
                turn.set_result(None)
                asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._let_one_through)
                return
        self._is_free = True
