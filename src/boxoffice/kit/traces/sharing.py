"""Work that is done for many at once, tied to each of those who wait for it.

Each waits in a trace of its own. The work is a span in the trace of the first who waits and is recorded;
it has a link to everybody it was done for, as the conventions for messages that come in batches have it,
and whoever waits in another trace has a link to the work.
"""

import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from types import CoroutineType, TracebackType
from typing import Any, Self

from opentelemetry.context import attach, detach
from opentelemetry.trace import Span, set_span_in_context

from boxoffice.kit.gathering import Answer, Asked, Gathering
from boxoffice.kit.traces.spans import Attributes, Spans, fail, is_recording


class SharedWork:
    """Knows the spans of those who wait, by what they asked."""

    def __init__(self, spans: Spans) -> None:
        self._spans = spans
        self._waiting: dict[int, Span] = {}

    def has_watchers(self) -> bool:
        """Whether anybody waits whose trace is kept."""
        return bool(self._waiting)

    @contextmanager
    def waiting(self, asked: object, name: str, attributes: Attributes) -> Generator[None]:
        """Wait for what was asked; the work finds this span by the very object."""
        opened = self._spans.open(name, attributes)
        self._waiting[id(asked)] = opened.span
        try:
            with opened:
                yield
        finally:
            self._waiting.pop(id(asked), None)

    def working(self, name: str, attributes: Attributes, line: Iterable[object]) -> "Working":
        """A `with` block for work that is about to be done for those in line."""
        first = next((span for asked in line if (span := self._waiting.get(id(asked)))), None)
        return Working(partial(self._begin, name, attributes), self._waiting, first)

    def _begin(self, name: str, attributes: Attributes, first: Span, began_at: int) -> Span:
        context = set_span_in_context(first)
        return self._spans.tracer.start_span(
            name, context, attributes=attributes, start_time=began_at, record_exception=False
        )


class Working:
    """Work while it is done: a span as soon as anybody is known who is recorded."""

    def __init__(
        self, begin: Callable[[Span, int], Span], waiting: Mapping[int, Span], first: Span | None
    ) -> None:
        self._begin = begin
        self._waiting = waiting
        self._first = first
        self._began_at = time.time_ns()
        self._span = None if first is None else begin(first, self._began_at)

    def __enter__(self) -> Self:
        self._token = attach(set_span_in_context(self._span)) if self._span is not None else None
        return self

    def done_for(self, taken: Sequence[object]) -> None:
        """Say who it was done for, while all of them still wait.

        Those who came after it had begun have it in their trace as well, then without its parts.
        """
        recorded = [span for asked in taken if (span := self._waiting.get(id(asked)))]
        if self._span is None and recorded:
            self._first = recorded[0]
            self._span = self._begin(self._first, self._began_at)
        if self._span is None:
            return
        self._span.set_attribute("messaging.batch.message_count", len(taken))
        for each in recorded:
            self._span.add_link(each.get_span_context())
            if each is not self._first:
                each.add_link(self._span.get_span_context())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            detach(self._token)
        if self._span is not None:
            if error is not None:
                fail(self._span, error)
            self._span.end()


class TracedGathering(Gathering[Asked, Answer]):
    """Says in the trace of each who asked how long it waited, and what for."""

    def __init__(self, spans: Spans, work: Callable[[Sequence[Asked]], Awaitable[Sequence[Answer]]]) -> None:
        super().__init__(work)
        self._shared = SharedWork(spans)
        self._known = {"code.function.name": f"{work.__module__}.{work.__qualname__}"}

    def ask(self, asked: Asked) -> "CoroutineType[Any, Any, Answer]":
        return self._watched(asked) if is_recording() else super().ask(asked)

    async def _watched(self, asked: Asked) -> Answer:
        with self._shared.waiting(asked, "wait for others", self._known):
            return await super().ask(asked)

    def _answer(self, taken: list[tuple[Asked, Any]]) -> "CoroutineType[Any, Any, None]":
        return self._answer_watched(taken) if self._shared.has_watchers() else super()._answer(taken)

    async def _answer_watched(self, taken: list[tuple[Asked, Any]]) -> None:
        asked = [each for each, _ in taken]
        with self._shared.working("gathered", self._known, asked) as work:
            try:
                await super()._answer(taken)
            finally:
                work.done_for(asked)
