"""A client that hangs up while it waits: a real server hears of it and decides nothing."""

import asyncio
import json
import re

import httpx

from boxoffice.kit.postgres import Database
from inventory.selling import locked_by_somebody_else
from payments.conftest import headers_of
from server import Server
from shows import insert_user, open_show

_GONE = re.compile(r'boxoffice_turned_away_total\{reason="client gone"\} (\S+)')


async def test_nobody_holds_seats_for_a_client_that_has_hung_up(
    db: Database, two_servers: tuple[Server, Server]
):
    server = two_servers[0]
    show = await open_show(db)
    headers = headers_of(await insert_user(db))
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as http:
        first = {"event_id": show.event_id, "seat_ids": [39]}
        assert (await http.post("/api/v1/bookings", json=first, headers=headers)).status_code == 201
        before = await _gone(http)
        async with locked_by_somebody_else(db, show.event_id):
            body = json.dumps({"event_id": show.event_id, "seat_ids": [0]}).encode()
            lines = [
                "POST /api/v1/bookings HTTP/1.1",
                "Host: localhost",
                "Content-Type: application/json",
                f"Authorization: {headers['authorization']}",
                f"Content-Length: {len(body)}",
            ]
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
            await writer.drain()
            # Long enough for the request to be in line: a second one of ours is answered meanwhile.
            await http.get("/health/live")
            writer.close()
            async with asyncio.timeout(5):
                while await _gone(http) == before:
                    await asyncio.sleep(0.05)

        again = {"event_id": show.event_id, "seat_ids": [0]}
        assert (await http.post("/api/v1/bookings", json=again, headers=headers)).status_code == 201
    assert await show.count("bookings") == 2


async def _gone(http: httpx.AsyncClient) -> float:
    found = _GONE.search((await http.get("/metrics")).text)
    return float(found[1]) if found else 0.0
