"""A body must be whole soon: whoever sends it a byte at a time is told 408 and keeps nobody waiting.

The HTTP server bounds the time for headers but not for bodies. A timer for each request would cost more than
looking once a second at those whose body is on its way.
"""

import asyncio
import time
from typing import Any

from litestar.types import Receive

from boxoffice.kit.problems import BodyTooSlow

# The largest seat map, 24 MB, at 10 Mbit a second.
BODY_SECONDS_MAX = 20.0

# Who is late is told at most this much later.
_LOOK_SECONDS = 0.5


class SlowBodies:
    """Those whose body is on its way, and since when."""

    def __init__(self, seconds: float = BODY_SECONDS_MAX) -> None:
        self._seconds = seconds
        self._deadlines: dict[asyncio.Task[Any], float] = {}
        self._late: set[asyncio.Task[Any]] = set()
        self._is_looking = False

    def timed(self, receive: Receive) -> Receive:
        """Receive the same, or raise `BodyTooSlow` when the body takes too long.

        The time runs from the first piece that is asked for; waiting for a disconnect is not bounded.
        """
        deadline = 0.0
        is_whole = False

        async def receive_in_time() -> Any:
            nonlocal deadline, is_whole
            task = asyncio.current_task()
            if is_whole or task is None:
                return await receive()
            deadline = self._deadlines[task] = deadline or time.monotonic() + self._seconds
            if not self._is_looking:
                self._is_looking = True
                asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
            try:
                message = await receive()
            except asyncio.CancelledError:
                if task not in self._late:
                    raise
                task.uncancel()
                raise BodyTooSlow from None
            finally:
                del self._deadlines[task]
                if self._late:
                    self._late.discard(task)
            is_whole = not message.get("more_body", False)
            return message

        return receive_in_time

    def _look(self) -> None:
        now = time.monotonic()
        for task, deadline in self._deadlines.items():
            if deadline <= now and task not in self._late:
                self._late.add(task)
                task.cancel()
        self._is_looking = bool(self._deadlines)
        if self._is_looking:
            asyncio.get_running_loop().call_later(_LOOK_SECONDS, self._look)
