"""The load client, a process of its own: `python -m bench.client`.

Reads a plan as one JSON line, serves the warm-up, says `ready`, waits for a line, works, and writes
its result as one JSON line; another line ends the work early. Every connection is a closed loop (the
next request leaves when the answer to the last has come), unless the plan sets a pace. Requests are
rendered beforehand and answers are read as far as their status and length, so that the client leaves
the cores to those it measures.
"""

import asyncio
import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from functools import partial
from itertools import islice
from typing import cast

import msgspec
import uvloop

from bench.plan import Latency, Plan, Result
from bench.visits import Answer, Ended, Served, Visit, visits_of

# A paced client looks so often at who is due; the lateness this makes is in the latencies.
TICK_SECONDS = 0.001


class AnswerReader:
    """Cuts a stream of bytes into answers: status and body, told by Content-Length."""

    def __init__(self) -> None:
        self._rest = b""
        self.bare = 0

    def feed(self, data: bytes) -> Answer | None:
        """Take bytes in; an answer when one is complete. There is never more than one on its way."""
        if self._rest:
            data = self._rest + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self._rest = data
            return None
        status = int(data[9:12])
        head = data[:end].lower()
        if status == 503 and b"\r\nretry-after:" not in head:
            self.bare += 1
        at = head.find(b"\r\ncontent-length:")
        if at < 0:
            if status != 204:
                raise ValueError(f"an answer without Content-Length: {head!r}")
            length = 0
        else:
            line_end = head.find(b"\r\n", at + 2)
            length = int(head[at + 17 : line_end if line_end > 0 else end])
        if len(data) < end + 4 + length:
            self._rest = data
            return None
        self._rest = b""
        return status, data[end + 4 : end + 4 + length]


class Measured:
    """Statuses and latencies of a phase, by step; those of answers 503 are apart, as `503`."""

    def __init__(self) -> None:
        self.statuses: defaultdict[str, Counter[int]] = defaultdict(Counter)
        self.seconds: defaultdict[str, list[float]] = defaultdict(list)
        self.ticks: Counter[tuple[int, int]] = Counter()
        self.oddities: dict[str, str] = {}

    def add(self, step: str, sent: float, answer: Answer) -> None:
        """Count an answer."""
        status, body = answer
        now = time.perf_counter()
        self.statuses[step][status] += 1
        self.seconds["503" if status == 503 else step].append(now - sent)
        self.ticks[int(now * 10), status] += 1
        if status >= 300:
            # One of a kind is enough to see why; the counts have the rest.
            kind = f"{step}: {status}"
            if kind not in self.oddities:
                self.oddities[kind] = body[:300].decode(errors="replace")


class Connection(asyncio.Protocol):
    """One keep-alive connection; goes from visit to visit until there are no more."""

    def __init__(self) -> None:
        self.reader = AnswerReader()
        self._transport: asyncio.Transport
        self._visits: Iterator[Visit] = iter(())
        self._visit: Visit
        self._measured: Measured
        self._done: asyncio.Future[None]
        self._step = ""
        self._sent = 0.0
        self._due: float | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports have the methods of asyncio's, but not its classes.
        self._transport = cast("asyncio.Transport", transport)

    def serve(
        self, visits: Iterator[Visit], measured: Measured, due: float | None = None
    ) -> asyncio.Future[None]:
        """Take visits from the common supply until it is empty; the first was `due` then, or is now."""
        self._visits, self._measured, self._due = visits, measured, due
        self._done = asyncio.get_running_loop().create_future()
        self._next_visit()
        return self._done

    def data_received(self, data: bytes) -> None:
        answer = self.reader.feed(data)
        if answer is None:
            return
        self._measured.add(self._step, self._sent, answer)
        try:
            self._send(self._visit.send(answer))
        except StopIteration:
            self._next_visit()

    def connection_lost(self, exc: Exception | None) -> None:
        if hasattr(self, "_done") and not self._done.done():
            self._done.set_exception(exc or ConnectionError("the server closed a connection"))

    def close(self) -> None:
        """Hang up."""
        self._transport.close()

    def _next_visit(self) -> None:
        for visit in self._visits:
            first = next(visit, None)
            if first is not None:
                self._visit = visit
                self._send(first)
                return
        self._done.set_result(None)

    def _send(self, said: tuple[str, bytes]) -> None:
        self._step, request = said
        self._sent = self._due or time.perf_counter()
        self._due = None
        self._transport.write(request)


async def serve_paced(
    connections: list[Connection],
    visits: Iterator[Visit],
    measured: Measured,
    ended: Ended,
    per_second: float,
) -> None:
    """Serve one visit after the other at this pace, on whichever connection is idle."""
    idle, serving = deque(connections), set[asyncio.Future[None]]()

    def free(connection: Connection, served: asyncio.Future[None]) -> None:
        serving.discard(served)
        idle.append(connection)

    due = time.perf_counter()
    while not ended.ended:
        while due <= time.perf_counter() and idle and not ended.ended:
            visit = next(visits, None)
            if visit is None:
                ended.ended = True
                break
            connection = idle.popleft()
            served = connection.serve(iter((visit,)), measured, due)
            serving.add(served)
            served.add_done_callback(partial(free, connection))
            due += 1 / per_second
        await asyncio.sleep(TICK_SECONDS)
    await asyncio.gather(*serving)


def end_when_told(ended: Ended) -> None:
    """From a line on standard input on, or its end, no visit begins."""
    loop, told = asyncio.get_running_loop(), sys.stdin.fileno()

    def end() -> None:
        ended.ended = True
        loop.remove_reader(told)

    loop.add_reader(told, end)


async def run(plan: Plan) -> Result:
    """Serve the warm-up, wait for the word, serve the rest until it or the time is over."""
    loop = asyncio.get_running_loop()
    served, ended, measured = Served(), Ended(), Measured()
    visits = visits_of(plan, served, ended)
    connections: list[Connection] = []
    for _ in range(plan.connections):
        _, connection = await loop.create_connection(Connection, "127.0.0.1", plan.port)
        connections.append(connection)
    warm_up = islice(visits, plan.warm_up)
    await asyncio.gather(*[connection.serve(warm_up, Measured()) for connection in connections])
    served.visits = 0
    print("ready", flush=True)
    await loop.run_in_executor(None, sys.stdin.readline)
    timer = loop.call_later(plan.seconds, setattr, ended, "ended", True)
    end_when_told(ended)
    cpu, started = time.process_time(), time.perf_counter()
    if plan.per_second is None:
        await asyncio.gather(*[connection.serve(visits, measured) for connection in connections])
    else:
        await serve_paced(connections, visits, measured, ended, plan.per_second)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    timer.cancel()
    for connection in connections:
        connection.close()
    return Result(
        seconds=seconds,
        cpu_seconds=cpu,
        requests=sum(sum(counts.values()) for counts in measured.statuses.values()),
        visits=served.visits,
        statuses={step: dict(counts) for step, counts in measured.statuses.items()},
        latency={step: latency_of(sample) for step, sample in measured.seconds.items()},
        held=served.held,
        sold=served.sold,
        booking_ids=served.booking_ids[-20:],
        oddities=measured.oddities,
        ticks=[(tick, status, count) for (tick, status), count in measured.ticks.items()],
        bare=sum(connection.reader.bare for connection in connections),
    )


def latency_of(seconds: list[float]) -> Latency:
    """Percentiles, each a value that was measured."""
    ordered = sorted(seconds)

    def at(share: float) -> float:
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000

    return Latency(
        mean=sum(ordered) / len(ordered) * 1000, p50=at(0.5), p95=at(0.95), p99=at(0.99), most=at(1)
    )


def main() -> None:
    """Talk to the harness over standard input and output."""
    plan = msgspec.json.decode(sys.stdin.readline(), type=Plan)
    result = uvloop.run(run(plan))
    print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    main()
