"""Drawing documents apart, one at a time, with a bounded line before it."""

import asyncio
from collections.abc import Callable
from typing import Any

from litestar.openapi.datastructures import ResponseSpec

from boxoffice.kit import metrics
from boxoffice.kit.apart import Apart
from boxoffice.kit.errors import Unavailable

PDF = "application/pdf"

# What a route that answers with a document says of it in the API document.
PDF_ANSWER = ResponseSpec(bytes, description="The document.", media_type=PDF, generate_examples=False)

# How many may wait for the one that draws: a ticket takes it a tenth of a second, and a hundred of them, the
# most that a document has, a second and a half.
WAITING_MAX = 30

# By then the line of those who were let in is shorter.
RETRY_AFTER_SECONDS = 5

# By then the longest document is drawn, on a core that others want.
DRAW_SECONDS_MAX = 60.0


class Drawing:
    """Draws documents, one after the other, in a process that gives way to everything else.

    A page holds the interpreter for a hundredth of a second: in a thread of ours the sale would wait for it.
    While sales fill every core nothing is drawn. The process takes 75 MB, from the first document on.
    """

    def __init__(self, *, apart: bool = True) -> None:
        self._apart = Apart(1, apart=apart)
        self._turn = asyncio.Semaphore(1)
        self._places = 1 + WAITING_MAX

    async def draw(self, work: Callable[..., bytes], *arguments: Any) -> bytes:
        """What `work` draws, a function of a module that imports little. Raises `Unavailable`."""
        if not self._places:
            metrics.TURNED_AWAY.labels("drawing line full").inc()
            raise Unavailable(
                "Too many documents are being drawn at this moment. Try again shortly.", RETRY_AFTER_SECONDS
            )
        self._places -= 1
        try:
            async with self._turn:
                return await self._apart.run(
                    work,
                    *arguments,
                    seconds_max=DRAW_SECONDS_MAX,
                    lost="Nothing can be drawn right now. Try again shortly.",
                )
        finally:
            self._places += 1

    def close(self) -> None:
        """Drop those who wait and the document at work."""
        self._apart.close()
