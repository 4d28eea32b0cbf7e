"""Those who watch an event over HTTP, and how they are told of every change without waiting for anybody."""

import asyncio
import random
from collections import deque
from collections.abc import Callable, Sequence

from litestar.types import Receive, Scope, Send

from boxoffice.inventory.availability.deltas import (
    DELTA_SEATS_MAX,
    Recent,
    Step,
    render_delta,
    render_reset,
    render_terms,
    step_between,
)
from boxoffice.inventory.availability.document import Picture
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.streams import STREAM, STREAMS_MAX

# What is kept for a viewer whose connection does not take it: several documents' worth. Who is that far
# behind is better off coming back with its last id.
BUFFER_BYTES_MAX = 65_536

# Versions that viewers come back with, for which what they missed is rendered once: after a break of
# the network most have one of a few.
MISSED_KEPT_MAX = 32

# Viewers told in one go, about a millisecond's work: those who book wait for no more than that.
TOLD_AT_ONCE_MAX = 50

# Telling takes at most a quarter of the time; the rest is for those who book.
TELLING_SHARE_MAX = 0.25

# A client without a stream asks for the document instead, and tries again no sooner than this.
COME_BACK_SECONDS = 15

# When a server stops, its viewers come back within these seconds and not all in the same moment.
RETRY_SECONDS_MIN, RETRY_SECONDS_MAX = 1, 4

_HEADERS = [
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-store"),
    # nginx collects answers before it hands them on, unless it is told not to.
    (b"x-accel-buffering", b"no"),
]


class Crowd:
    """How many viewers this process has, over all events."""

    def __init__(self) -> None:
        self._count = 0

    def enter(self) -> None:
        """One more. Raises `Unavailable` when there is no room."""
        if self._count >= STREAMS_MAX:
            raise Unavailable(
                "Too many people are watching. Ask for the document now and then.", COME_BACK_SECONDS
            )
        self._count += 1
        metrics.VIEWERS.inc()

    def leave(self) -> None:
        """One less."""
        self._count -= 1
        metrics.VIEWERS.dec()


class Audience:
    """The viewers of one event. All of them have been told the same: the picture `told`.

    `begin` is called for each who comes in: somebody must keep telling them as long as there are any.
    """

    def __init__(self, picture: Picture, crowd: Crowd, begin: Callable[[], None]) -> None:
        self.told = picture
        self.recent = Recent(picture.version)
        self.viewers: set[Viewer] = set()
        self._crowd = crowd
        self._begin = begin
        # Those who know a later version than we do, from another process.
        self._ahead: set[Viewer] = set()
        # What was rendered for those who came back at this picture, by the version they had.
        self._missed: dict[int, bytes] = {}

    def enter(self, viewer: "Viewer") -> bytes:
        """Let a viewer in; what it has to be told first. Raises `Unavailable` when there is no room."""
        self._begin()
        self._crowd.enter()
        self.viewers.add(viewer)
        if viewer.version is None:
            return render_terms(self.told)
        if viewer.version > self.told.version:
            self._ahead.add(viewer)
            return render_terms(self.told)
        missed = self._missed.get(viewer.version)
        if missed is None:
            missed = self._since(viewer.version)
            if len(self._missed) < MISSED_KEPT_MAX:
                self._missed[viewer.version] = missed
        return missed + render_terms(self.told)

    def leave(self, viewer: "Viewer") -> None:
        """The viewer is gone."""
        if viewer in self.viewers:
            self.viewers.remove(viewer)
            self._ahead.discard(viewer)
            self._crowd.leave()

    def move_on(self, picture: Picture) -> bytes:
        """Have this picture be what everybody has been told; the events that tell the difference."""
        before, self.told = self.told, picture
        if picture.version < before.version or picture.seat_map.id != before.seat_map.id:
            # The database was set back to an earlier time: nothing that was said is certain. Or the event
            # sells other seats, which nobody has heard of.
            self.recent = Recent(picture.version)
            self._missed.clear()
            return render_reset(picture) + render_terms(picture)
        if picture.terms.hidden_categories != before.terms.hidden_categories:
            # Seats have changed that no version tells of.
            self.recent = Recent(picture.version)
            self._missed.clear()
            return render_reset(picture) + render_terms(picture)
        news = b""
        if picture.version > before.version:
            step = step_between(before, picture)
            self.recent.add(step)
            self._missed.clear()
            news = self._render(step)
        if (picture.terms.revision, picture.period) != (before.terms.revision, before.period):
            news += render_terms(picture)
        return news

    async def tell(self, news: bytes) -> None:
        """Hand the news to everybody who is here now, with pauses for everything else."""
        for viewer in list(self._ahead):
            if viewer.version is not None and viewer.version > self.told.version:
                viewer.tell(render_reset(self.told))
        self._ahead.clear()
        if not news:
            return
        loop, viewers = asyncio.get_running_loop(), list(self.viewers)
        for first in range(0, len(viewers), TOLD_AT_ONCE_MAX):
            began = loop.time()
            for viewer in viewers[first : first + TOLD_AT_ONCE_MAX]:
                viewer.tell(news)
            await asyncio.sleep(0)
            if len(viewers) > TOLD_AT_ONCE_MAX:
                await asyncio.sleep((loop.time() - began) * (1 / TELLING_SHARE_MAX - 1))

    def _since(self, version: int) -> bytes:
        if version == self.told.version:
            return b""
        missed = self.recent.since(version)
        if missed is None:
            return render_reset(self.told)
        return render_delta(self.told, *missed)

    def _render(self, step: Step) -> bytes:
        if len(step.seat_ids) > DELTA_SEATS_MAX:
            return render_reset(self.told)
        if not step.seat_ids and not step.area_ids:
            return b""
        return render_delta(self.told, step.seat_ids, step.area_ids)


class Viewer:
    """One open stream, as an ASGI application. It costs the task that the server made for the request.

    What it has to be told waits in a buffer of its own while its connection is slow; when that is full
    the stream ends, and the client resumes with the id of the last event it got.
    """

    __slots__ = (
        "_audience",
        "_begun",
        "_buffer",
        "_buffered",
        "_ended",
        "_life",
        "_send",
        "_sending",
        "version",
    )

    def __init__(self, audience: Audience, version: int | None) -> None:
        self.version = version
        self._audience = audience
        self._buffer: deque[bytes] = deque()
        self._buffered = 0
        self._begun = False
        self._ended = False
        self._life = asyncio.timeout(None)
        self._send: Send
        self._sending: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope[STREAM] = True  # pyright: ignore[reportGeneralTypeIssues]  a scope takes further keys
        self._send = send
        retry = random.randint(RETRY_SECONDS_MIN * 1000, RETRY_SECONDS_MAX * 1000)  # noqa: S311  no secret
        # Comes before whatever is told while the answer begins.
        self.tell(b"retry: %d\n\n" % retry + self._audience.enter(self))
        try:
            async with self._life:
                await send({"type": "http.response.start", "status": 200, "headers": list(_HEADERS)})
                self._begun = True
                self._sending = asyncio.create_task(self._drain())
                while (await receive())["type"] != "http.disconnect":
                    pass
        except TimeoutError:
            # `end` was called. A connection that takes nothing would not take this either.
            if self._sending is None:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._ended = True
            self._audience.leave(self)
            if self._sending is not None:
                self._sending.cancel()

    def tell(self, news: bytes) -> None:
        """Send these events as soon as the connection takes them."""
        if self._ended:
            return
        self._buffer.append(news)
        self._buffered += len(news)
        if self._begun and self._sending is None:
            self._sending = asyncio.create_task(self._drain())
        elif self._buffered > BUFFER_BYTES_MAX:
            self.end("slow")

    def end(self, reason: str) -> None:
        """Close the stream from our side."""
        if self._ended:
            return
        self._ended = True
        metrics.VIEWERS_DROPPED.labels(reason).inc()
        self._audience.leave(self)
        self._life.reschedule(asyncio.get_running_loop().time())

    async def _drain(self) -> None:
        try:
            while self._buffer:
                news = b"".join(self._buffer)
                self._buffer.clear()
                self._buffered = 0
                await self._send({"type": "http.response.body", "body": news, "more_body": True})
        except OSError:
            # The connection broke; `receive` says so as well.
            self._buffer.clear()
        finally:
            self._sending = None


def end_all(viewers: Sequence[Viewer], reason: str) -> None:
    """Close these streams from our side."""
    for viewer in viewers:
        viewer.end(reason)
