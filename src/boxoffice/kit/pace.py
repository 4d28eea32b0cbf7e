"""Not too much at once: so many turns in a second, evenly, in this process."""

import asyncio
import time


class Pace:
    """Gives turns in the order in which they are asked for."""

    def __init__(self, per_second: float) -> None:
        self._gap = 1 / per_second
        self._next_at = 0.0

    async def turn(self) -> None:
        """Wait until it is this caller's turn."""
        at = max(self._next_at, time.monotonic())
        self._next_at = at + self._gap
        await asyncio.sleep(at - time.monotonic())
