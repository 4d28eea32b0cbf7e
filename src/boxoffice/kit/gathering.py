"""Group commit for questions and plain rows: while one statement is in flight, the next one's gather.

Under load many requests share a round trip, and those that write share a commit; alone, a request waits
for nobody.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from boxoffice.kit.errors import Unavailable

# So many share one statement. More would gain little, and keep the first of them waiting.
GATHERED_MAX = 200

# A longer line than two seconds' work only makes everybody late.
WAITING_MAX = 5_000

Asked = TypeVar("Asked")
Answer = TypeVar("Answer")


class Gathering(Generic[Asked, Answer]):
    """Answers what is asked with as few calls of `work` as there is time for.

    `work` gets everything that has gathered and gives an answer for each, in order. When it fails on
    several, each is tried alone, so that one cannot fail its neighbours.
    """

    def __init__(self, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        self._work = work
        self._waiting: deque[tuple[Asked, asyncio.Future[Answer]]] = deque()
        self._running: asyncio.Task[None] | None = None

    async def ask(self, asked: Asked) -> Answer:
        """The answer. Raises what `work` raised for it, and `Unavailable` when too many wait."""
        if len(self._waiting) >= WAITING_MAX:
            raise Unavailable("Too many want this at once. Try again shortly.")
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((asked, future))
        if self._running is None:
            # In nobody's name: what is gathered is many people's.
            self._running = asyncio.create_task(self._run(), context=Context())
        return await future

    async def _run(self) -> None:
        try:
            while self._waiting:
                taken = [self._waiting.popleft() for _ in range(min(len(self._waiting), GATHERED_MAX))]
                # Whoever has gone is not asked for any more.
                await self._answer([each for each in taken if not each[1].done()])
        finally:
            self._running = None

    async def _answer(self, taken: list[tuple[Asked, asyncio.Future[Answer]]]) -> None:
        if not taken:
            return
        try:
            answers = await self._work([asked for asked, _ in taken])
        except Exception as error:  # noqa: BLE001  every fault must end in an answer for each who waits
            if len(taken) == 1 or isinstance(error, Unavailable):
                for _, future in taken:
                    _fail(future, error)
                return
            for each in taken:
                await self._answer([each])
            return
        for (_, future), answer in zip(taken, answers, strict=True):
            if not future.done():
                future.set_result(answer)


def _fail(future: asyncio.Future[Answer], error: Exception) -> None:
    """Give one waiting client its own error; one object raised in many places would grow a traceback."""
    if future.done():
        return
    if isinstance(error, Unavailable):
        error = Unavailable(error.detail, error.retry_after)
    future.set_exception(error)
