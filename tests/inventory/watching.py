"""Looking at an event: its document unpacked, its stream event by event, and what the tables say."""

import asyncio
import base64
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import msgspec
from litestar import Litestar

from boxoffice.kit.postgres import Database
from shows import Show

# Longer than the slowest read on a busy machine; what is waited for comes within a second.
PATIENCE_SECONDS = 10.0


class Event(msgspec.Struct, frozen=True):
    """One Server-Sent Event; a comment is an event of kind `:`, `retry` one of kind `retry`."""

    kind: str
    id: str | None
    data: Any


class Stream:
    """A client of the stream, in this process: it takes what it is sent, unless it is stalled."""

    def __init__(self) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.ended = asyncio.Event()
        self.taking = asyncio.Event()
        self.taking.set()
        self.gone = asyncio.Event()
        self.waiting = False
        self._events: asyncio.Queue[Event] = asyncio.Queue()
        self._rest = ""

    async def receive(self) -> dict[str, Any]:
        """What the client sends: that it hangs up, in the end."""
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        """Take a message of the server's; waits while stalled, as a full connection does."""
        self.waiting = not self.taking.is_set()
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            return
        self._rest += message["body"].decode()
        *whole, self._rest = self._rest.split("\n\n")
        for text in whole:
            self._events.put_nowait(_parse(text))
        if not message["more_body"]:
            self.ended.set()

    async def next(self, kind: str) -> Event:
        """The next event of this kind; others are passed over."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while (event := await self._events.get()).kind != kind:
                pass
            return event

    async def until(self, version: int) -> dict[int, str]:
        """Apply deltas up to this version: the state of each seat that was named."""
        states: dict[int, str] = {}
        async with asyncio.timeout(PATIENCE_SECONDS):
            while True:
                event = await self._events.get()
                if event.kind == "reset":
                    raise AssertionError("reset, and not told what was missed")
                if event.kind == "delta":
                    states |= states_in(event)
                if event.kind in {"delta", "terms"} and event.data["version"] >= version:
                    return states


def states_in(delta: Event) -> dict[int, str]:
    """The state of each seat that a delta names."""
    return {
        seat: state
        for state in ("free", "held", "sold", "not_for_sale")
        for seat in delta.data.get(state, [])
    }


@asynccontextmanager
async def watching(
    app: Litestar,
    event_id: int,
    *,
    after: int | None = None,
    last_event_id: str | None = None,
    slow: bool = False,
) -> AsyncGenerator[Stream]:
    """A stream that has begun (a slow one: that is about to); the client hangs up at the end of the block."""
    stream = Stream()
    if slow:
        stream.taking.clear()
    path = f"/api/v1/events/{event_id}/availability/stream"
    headers = [(b"host", b"testserver")]
    if last_event_id is not None:
        headers.append((b"last-event-id", last_event_id.encode()))
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"" if after is None else f"after={after}".encode(),
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
        "state": {},
    }
    served = asyncio.create_task(app(scope, stream.receive, stream.send))  # pyright: ignore[reportArgumentType]
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not stream.status and not stream.waiting and not served.done():
                await asyncio.sleep(0.001)
        yield stream
    finally:
        stream.gone.set()
        stream.taking.set()
        await asyncio.wait_for(served, PATIENCE_SECONDS)


async def document_at(client: httpx.AsyncClient, event_id: int, version: int) -> dict[str, Any]:
    """The document, once it has come to this version."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            answer = await client.get(f"/events/{event_id}/availability")
            assert answer.status_code == 200, answer.text
            if answer.json()["version"] >= version:
                return answer.json()
            await asyncio.sleep(0.01)


def states_of(document: dict[str, Any]) -> dict[int, str]:
    """The state of each seat that is not free, as the API's description says to read it."""
    packed = base64.b64decode(document["seats"])
    codes = [packed[seat >> 2] >> 2 * (seat & 3) & 3 for seat in range(document["seat_count"])]
    return {seat: ("free", "held", "sold", "not_for_sale")[code] for seat, code in enumerate(codes) if code}


async def version_of(show: Show) -> int:
    """The version the event has come to."""
    query = "SELECT coalesce((SELECT version FROM inventories WHERE event_id = $1), 0)"
    return await show.db.get(int, query, show.event_id)


async def states_in_tables(show: Show) -> dict[int, str]:
    """The state of each seat that is not free, as the tables have it."""
    rows = await show.db.list(
        _Row,
        """
        SELECT claim.seat_id, booking.state
          FROM claims AS claim
          JOIN bookings AS booking ON booking.event_id = claim.event_id AND booking.id = claim.booking_id
         WHERE claim.event_id = $1
        """,
        show.event_id,
    )
    return {row.seat_id: {"PENDING": "held", "CONFIRMED": "sold"}[row.state] for row in rows}


async def area_counts(show: Show) -> list[int]:
    """How many places of each area are held or sold, as the tables have it."""
    query = "SELECT taken FROM area_counts WHERE event_id = $1 ORDER BY area_id"
    return await show.db.list(int, query, show.event_id)


async def set_terms(db: Database, event_id: int, *, price: int) -> None:
    """Change the price, as an organizer does."""
    async with db.transaction() as tx:
        await tx.execute("UPDATE event_prices SET amount = $2 WHERE event_id = $1", event_id, price)
        await tx.execute("UPDATE events SET revision = revision + 1 WHERE id = $1", event_id)


def _parse(text: str) -> Event:
    if text.startswith(":"):
        return Event(":", None, None)
    fields = dict(line.split(": ", 1) for line in text.split("\n"))
    if "retry" in fields:
        return Event("retry", None, int(fields["retry"]))
    return Event(fields["event"], fields.get("id"), msgspec.json.decode(fields["data"]))


class _Row(msgspec.Struct, frozen=True):
    seat_id: int
    state: str
