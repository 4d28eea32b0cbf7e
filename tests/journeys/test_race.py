"""Rivals over HTTP: two server processes, one PostgreSQL, and everybody wants the same seats."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx

from boxoffice.kit.postgres import Database
from payments.conftest import headers_of
from server import Server
from shows import insert_user, open_show

# Each server gets half of the buyers at once; more at a time only makes the client slow.
CONNECTIONS_PER_SERVER = 100


async def rush(
    servers: tuple[Server, ...], bodies: list[dict[str, Any]], buyers: list[int]
) -> list[httpx.Response]:
    """Send all bookings, as many at once as there are connections, to both servers alike."""
    waiting = list(enumerate(bodies))
    answers: list[httpx.Response] = []
    tokens = [headers_of(buyer) for buyer in buyers]
    limits = httpx.Limits(max_connections=CONNECTIONS_PER_SERVER)

    async def send(http: httpx.AsyncClient) -> None:
        while waiting:
            number, body = waiting.pop()
            answers.append(await http.post("/bookings", json=body, headers=tokens[number % len(tokens)]))

    async with (
        httpx.AsyncClient(base_url=f"{servers[0].url}/api/v1", limits=limits, timeout=30) as one,
        httpx.AsyncClient(base_url=f"{servers[1].url}/api/v1", limits=limits, timeout=30) as other,
    ):
        await asyncio.gather(*[send(http) for _ in range(CONNECTIONS_PER_SERVER) for http in (one, other)])
    return answers


async def test_of_two_hundred_buyers_of_one_seat_exactly_one_wins(
    db: Database, two_servers: tuple[Server, Server]
):
    show = await open_show(db)
    buyers = [await insert_user(db) for _ in range(200)]

    answers = await rush(two_servers, [{"event_id": show.event_id, "seat_ids": [7]}] * 200, buyers)

    assert Counter(answer.status_code for answer in answers) == {201: 1, 409: 199}
    assert all(answer.json()["seat_ids"] == [7] for answer in answers if answer.status_code == 409)
    winner = next(answer.json()["id"] for answer in answers if answer.status_code == 201)
    assert {str(booking) for booking in (await show.claims()).values()} == {winner}
    await show.check_promises()


async def test_two_thousand_random_pairs_of_a_hundred_seats(db: Database, two_servers: tuple[Server, Server]):
    show = await open_show(db, seats=100)
    buyers = [await insert_user(db) for _ in range(50)]
    chance = random.Random(7)
    bodies = [{"event_id": show.event_id, "seat_ids": chance.sample(range(100), 2)} for _ in range(2000)]
    deadlocks = await _deadlocks(db)

    answers = await rush(two_servers, bodies, buyers)

    assert set(Counter(answer.status_code for answer in answers)) == {201, 409}
    sold = [
        place["seat_id"]
        for answer in answers
        if answer.status_code == 201
        for place in answer.json()["places"]
    ]
    assert len(sold) == len(set(sold)), "no seat twice"
    assert set(await show.claims()) == set(sold), "no half booking"
    await show.check_promises()
    assert await _deadlocks(db) == deadlocks


async def _deadlocks(db: Database) -> int:
    return await db.get(int, "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
