"""Watching over HTTP: two real servers, hundreds of streams, and people who book meanwhile."""

import asyncio
import re
import socket
import time
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from boxoffice.kit.postgres import Database
from payments.conftest import headers_of
from server import Server, data_folder, free_port, started
from shows import insert_user, open_show

# A browser keeps six; the tests are many people.
_NO_LIMITS = httpx.Limits(max_connections=None)

# Far more than anything here takes on a busy machine.
_PATIENCE_SECONDS = 20.0

# Enough that telling them is done in several slices.
VIEWERS = 300


@asynccontextmanager
async def people(server: Server) -> AsyncGenerator[httpx.AsyncClient]:
    """Clients of one server."""
    async with httpx.AsyncClient(
        base_url=f"{server.url}/api/v1", limits=_NO_LIMITS, timeout=_PATIENCE_SECONDS
    ) as client:
        yield client


async def heard_until(stream: httpx.Response, version: int) -> set[int]:
    """Read on until this version's delta; the seats that were named."""
    seats: set[int] = set()
    async for line in stream.aiter_lines():
        if line.startswith("data: "):
            named = re.findall(r'"(?:held|sold|free)":\[([\d,]*)\]', line)
            seats |= {int(seat) for group in named for seat in group.split(",") if seat}
            if f'"version":{version},' in line and named:
                return seats
    raise AssertionError("the stream ended")


async def test_hundreds_watch_while_others_book_at_another_server(
    db: Database, two_servers: tuple[Server, Server]
):
    show = await open_show(db, seats=200)
    buyer = headers_of(await insert_user(db))
    async with people(two_servers[0]) as viewers, people(two_servers[1]) as buyers, AsyncExitStack() as open_:
        path = f"/events/{show.event_id}/availability/stream"
        streams = await asyncio.gather(
            *[open_.enter_async_context(viewers.stream("GET", path)) for _ in range(VIEWERS)]
        )
        assert {stream.status_code for stream in streams} == {200}

        for seat in range(0, 40, 2):
            body = {"event_id": show.event_id, "seat_ids": [seat, seat + 1]}
            assert (await buyers.post("/bookings", json=body, headers=buyer)).status_code == 201
        version = await show.count("journal")
        heard = await asyncio.wait_for(
            asyncio.gather(*[heard_until(stream, version) for stream in streams]), _PATIENCE_SECONDS
        )

        body = {"event_id": show.event_id, "seat_ids": [100]}
        assert (await viewers.post("/bookings", json=body, headers=buyer)).status_code == 201
    assert all(seats == set(range(40)) for seats in heard)


async def test_who_hangs_up_is_forgotten(db: Database, two_servers: tuple[Server, Server]):
    show = await open_show(db)
    async with people(two_servers[0]) as viewers:
        path = f"/events/{show.event_id}/availability/stream"
        before = await _open_streams(viewers)
        async with AsyncExitStack() as open_:
            for _ in range(5):
                await open_.enter_async_context(viewers.stream("GET", path))
            assert await _open_streams(viewers) == before + 5

        async with asyncio.timeout(_PATIENCE_SECONDS):
            while await _open_streams(viewers) != before:
                await asyncio.sleep(0.05)


async def test_a_server_that_stops_ends_its_streams_at_once(db: Database, dsn: str):
    show = await open_show(db)
    with data_folder() as folder, started(folder, port=free_port(), workers=1, dsn=dsn) as server:
        path = f"/events/{show.event_id}/availability/stream"
        with socket.create_connection(("127.0.0.1", server.port)) as silent:
            silent.sendall(f"GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            async with people(server) as viewers, viewers.stream("GET", path) as stream:
                lines = stream.aiter_lines()
                assert (await anext(lines)).startswith("retry: ")
                began = time.monotonic()

                stopping = asyncio.create_task(asyncio.to_thread(server.stop))
                rest = [line async for line in lines]
                seconds = time.monotonic() - began

            assert (await stopping, "event: terms" in rest) == (0, True)
            assert seconds < 5, "not killed after the ten seconds that Granian gives"
        assert "traceback" not in server.log().lower()


async def _open_streams(client: httpx.AsyncClient) -> int:
    """What the server's own figures say."""
    text = (await client.get(str(client.base_url.copy_with(path="/metrics")))).text
    found = re.search(r"^boxoffice_viewers (\d+)", text, re.MULTILINE)
    return int(found[1]) if found else 0
