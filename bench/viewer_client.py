"""Clients that look: `python -m bench.viewer_client`.

Reads what to do as one JSON line and says `ready`; on the next line it begins. WATCH holds streams open
until a third line comes, and says what they heard. LOOK asks for the document again and again.
"""

import asyncio
import contextlib
import re
import resource
import sys
import time
from collections import Counter
from enum import StrEnum
from typing import cast

import msgspec
import uvloop

from bench.visits import render

# Connecting all at once would overflow the server's queue of connections.
CONNECTING_AT_ONCE_MAX = 200

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)


class Look(StrEnum):
    """LOOK: get the document, again and again; CHECK: with If-None-Match; WATCH: hold streams open."""

    LOOK = "LOOK"
    CHECK = "CHECK"
    WATCH = "WATCH"


class Task(msgspec.Struct, frozen=True):
    """What to do: so many connections, for so long (streams: until a line comes)."""

    kind: Look
    port: int
    event_id: int
    connections: int
    seconds: float


class Seen(msgspec.Struct, frozen=True):
    """What came of it. `versions`: how many streams ended at which version."""

    answers: int
    statuses: dict[int, int]
    body_bytes: int
    seconds: float
    cpu_seconds: float
    events: int
    versions: dict[int, int]


class Asker(asyncio.Protocol):
    """A closed loop on one connection."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.transport: asyncio.Transport
        self.answers = 0
        self.statuses: Counter[int] = Counter()
        self.body_bytes = 0
        self.stopping = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the request once more."""
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        self._rest += data
        end = self._rest.find(b"\r\n\r\n")
        if end < 0:
            return
        head = self._rest[:end].lower()
        status, at = int(head[9:12]), head.find(b"content-length:")
        length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(self._rest) < end + 4 + length:
            return
        self._rest = b""
        self.answers += 1
        self.statuses[status] += 1
        self.body_bytes = length
        if not self.stopping:
            self.ask()


class Watcher(asyncio.Protocol):
    """One stream; counts events and remembers the last id."""

    def __init__(self, request: bytes) -> None:
        self.request = request
        self.transport: asyncio.Transport
        self.status = 0
        self.events = 0
        self.version = -1
        self.begun = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.request)

    def data_received(self, data: bytes) -> None:
        if not self.status:
            self.status = int(data[9:12])
        for version in _ID.findall(data):
            self.events += 1
            self.version = int(version)
        if not self.begun.done() and b"event: terms" in data:
            self.begun.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.begun.done():
            self.begun.set_exception(exc or ConnectionError("a stream ended before it began"))


async def watch(task: Task) -> Seen:
    """Open all streams, wait for the word, and count."""
    loop = asyncio.get_running_loop()
    path = f"/api/v1/events/{task.event_id}/availability/stream"
    request = render(task.port, "GET", path)
    watchers: list[Watcher] = []
    for first in range(0, task.connections, CONNECTING_AT_ONCE_MAX):
        count = min(CONNECTING_AT_ONCE_MAX, task.connections - first)
        pairs = await asyncio.gather(
            *[loop.create_connection(lambda: Watcher(request), "127.0.0.1", task.port) for _ in range(count)]
        )
        new = [protocol for _, protocol in pairs]
        await asyncio.gather(*[each.begun for each in new])
        watchers += new
    before = sum(each.events for each in watchers)
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu, started = time.process_time(), time.perf_counter()
    await loop.run_in_executor(None, sys.stdin.readline)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    return Seen(
        answers=len(watchers),
        statuses=Counter(each.status for each in watchers),
        body_bytes=0,
        seconds=seconds,
        cpu_seconds=cpu,
        events=sum(each.events for each in watchers) - before,
        versions=Counter(each.version for each in watchers),
    )


async def look(task: Task) -> Seen:
    """Ask until the time is over."""
    loop = asyncio.get_running_loop()
    path, extra = f"/api/v1/events/{task.event_id}/availability", "Accept-Encoding: gzip\r\n"
    if task.kind is Look.CHECK:
        extra += "If-None-Match: *\r\n"
    request = render(task.port, "GET", path, extra=extra)
    pairs = [
        await loop.create_connection(lambda: Asker(request), "127.0.0.1", task.port)
        for _ in range(task.connections)
    ]
    askers = [protocol for _, protocol in pairs]
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    cpu, started = time.process_time(), time.perf_counter()
    for asker in askers:
        asker.ask()
    await asyncio.sleep(task.seconds)
    answers = sum(asker.answers for asker in askers)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    for asker in askers:
        asker.stopping = True
    return Seen(
        answers=answers,
        statuses=sum((asker.statuses for asker in askers), Counter[int]()),
        body_bytes=max(asker.body_bytes for asker in askers),
        seconds=seconds,
        cpu_seconds=cpu,
        events=0,
        versions={},
    )


def main() -> None:
    """One task, from the first line to the answer."""
    allowed, possible = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(allowed, possible), possible))
    task = msgspec.json.decode(sys.stdin.readline(), type=Task)
    seen = uvloop.run(watch(task) if task.kind is Look.WATCH else look(task))
    sys.stdout.write(msgspec.json.encode(seen).decode() + "\n")


if __name__ == "__main__":
    main()
