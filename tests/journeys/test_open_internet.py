"""A real server among strangers: what they send slowly, endlessly or too much of harms nobody else."""

import asyncio
import time
from collections import Counter
from collections.abc import Generator

import httpx
import pytest

from boxoffice.command.serve import HEADER_BYTES_MAX
from boxoffice.kit.http import BODY_BYTES_MAX
from impatient import BODY_SECONDS, EXCHANGE_SECONDS, HEADER_SECONDS
from server import Server, data_folder, started

# Room for a machine that is busy with other tests.
SPARE_SECONDS = 10

LIMIT = 50


@pytest.fixture(scope="module")
def two_behind_a_proxy(dsn: str) -> Generator[tuple[Server, Server]]:
    """Two that share only PostgreSQL and believe this machine who the client is."""
    more = {
        "workers": 1,
        "dsn": dsn,
        "trusted_proxies": "127.0.0.1",
        "requests_per_address": LIMIT,
        "impatient": True,
    }
    with (
        data_folder() as one,
        data_folder() as other,
        started(one, **more) as first,  # pyright: ignore[reportArgumentType]
        started(other, **more) as second,  # pyright: ignore[reportArgumentType]
    ):
        yield first, second


@pytest.fixture
def server(two_behind_a_proxy: tuple[Server, Server]) -> Server:
    return two_behind_a_proxy[0]


async def send(server: Server, *pieces: bytes, every: float = 0.0) -> tuple[bytes, float]:
    """Send the pieces, stop when the server hangs up; what it said, and after how many seconds."""
    begun = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    said = asyncio.create_task(reader.read())
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.wait([said], timeout=every)
            if said.done():
                break
        async with asyncio.timeout(BODY_SECONDS + SPARE_SECONDS):
            answer = await said
    except ConnectionError:
        answer = b""
    finally:
        writer.close()
    return answer, time.monotonic() - begun


async def watch(server: Server, stop: asyncio.Event) -> tuple[int, float]:
    """A bystander's requests: how many were answered, and how long the slowest took."""
    slowest, count = 0.0, 0
    async with httpx.AsyncClient(base_url=server.url, timeout=SPARE_SECONDS) as client:
        while not stop.is_set():
            begun = time.monotonic()
            assert (await client.get("/health/ready")).status_code == 200
            slowest, count = max(slowest, time.monotonic() - begun), count + 1
            await asyncio.sleep(0.05)
    return count, slowest


def post(path: str, *more: str) -> bytes:
    return "\r\n".join(
        [f"POST {path} HTTP/1.1", "Host: a", "Content-Type: application/json", *more, "", ""]
    ).encode()


async def test_slow_strangers_are_sent_away_and_a_bystander_is_served(server: Server):
    """300 who dribble their headers, 50 their bodies, 20 who say nothing, one who stays too long, at once."""
    stop = asyncio.Event()
    bystander = asyncio.create_task(watch(server, stop))
    dribbled = [b"x"] * int(2 * BODY_SECONDS)
    header = [b"GET / HTTP/1.1\r\nHost: a\r\n", *[b"X-A: b\r\n"] * int(2 * HEADER_SECONDS)]
    body = [post("/api/v1/auth/refresh", "Content-Length: 1000"), *dribbled]
    login = [post("/api/v1/auth/login", "Content-Length: 1000"), *dribbled]
    chunks = [post("/api/v1/auth/login", "Transfer-Encoding: chunked"), *[b"1\r\nx\r\n"] * len(dribbled)]
    *slow, (refused, seconds), (idle, idle_seconds) = await asyncio.gather(
        *[send(server, *header, every=1) for _ in range(300)],
        *[send(server, b"") for _ in range(20)],
        *[send(server, *kind, every=1) for kind in (login, chunks) for _ in range(25)],
        # A route that reads no body answers at once; the connection does not outlive it.
        send(server, *body, every=1),
        send(server, b"GET /health/live HTTP/1.1\r\nHost: a\r\n\r\n"),
    )
    stop.set()
    count, slowest = await bystander

    assert {answer for answer, _ in slow[:320]} == {b""}
    assert max(seconds for _, seconds in slow[:320]) < HEADER_SECONDS + SPARE_SECONDS
    assert {answer.split(b"\r\n")[0] for answer, _ in slow[320:]} == {b"HTTP/1.1 408 Request Timeout"}
    assert b"/problems/body-too-slow" in slow[-1][0]
    assert max(seconds for _, seconds in slow) < BODY_SECONDS + SPARE_SECONDS
    assert refused.startswith(b"HTTP/1.1 401 ")
    assert seconds < BODY_SECONDS + SPARE_SECONDS
    assert idle.startswith(b"HTTP/1.1 200 ")
    assert HEADER_SECONDS - 1 < idle_seconds < HEADER_SECONDS + SPARE_SECONDS
    assert count > 5
    assert slowest < SPARE_SECONDS


@pytest.mark.parametrize(
    "head",
    [
        b"X-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"".join(b"X-%d: %s\r\n" % (number, b"a" * 1_000) for number in range(99)) + b"\r\n",
        b"".join(b"X-%d: a\r\n" % number for number in range(1_000)) + b"\r\n",
    ],
)
async def test_too_large_or_too_many_headers_are_refused(server: Server, head: bytes):
    answer, _ = await send(server, b"GET /health/live HTTP/1.1\r\nHost: a\r\n" + head)

    assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    assert server.is_ready()


async def test_headers_that_people_send_are_read(server: Server):
    cookies = b"Cookie: " + b"a" * (HEADER_BYTES_MAX // 4) + b"\r\nConnection: close\r\n\r\n"
    answer, _ = await send(server, b"GET /health/live HTTP/1.1\r\nHost: a\r\n" + cookies)

    assert answer.startswith(b"HTTP/1.1 200 ")


async def test_a_body_that_never_ends_is_refused_when_it_is_too_large(server: Server):
    piece = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    pieces = [piece] * (3 * BODY_BYTES_MAX // 65_536)
    answer, _ = await send(server, post("/api/v1/auth/login", "Transfer-Encoding: chunked"), *pieces)

    # The server may have hung up on us before we read why.
    assert answer == b"" or answer.startswith(b"HTTP/1.1 413 ")
    assert server.is_ready()


@pytest.mark.parametrize("deep", [b"[" * 10_000, b'{"a":' * 10_000, b"[" * 10_000 + b"]" * 10_000])
@pytest.mark.parametrize("path", ["/api/v1/auth/login", "/api/v1/payment-events/sandbox", "/api/v1/bookings"])
async def test_json_ten_thousand_deep_is_refused(server: Server, path: str, deep: bytes):
    async with httpx.AsyncClient(base_url=server.url, timeout=20) as client:
        headers = {
            "content-type": "application/json",
            "x-forwarded-for": f"2001:db8:{hash((path, deep)) % 65_536:x}::1",
        }
        answer = await client.post(path, content=deep, headers=headers)

    assert 400 <= answer.status_code < 500, answer.text
    assert server.is_ready()


async def test_two_servers_share_a_limit_for_an_address(two_behind_a_proxy: tuple[Server, Server]):
    """Each may be an exchange behind the other, and no more."""
    address = f"2a01:4f8:{time.time_ns() % 65_536:x}::1"
    async with httpx.AsyncClient(timeout=20, headers={"x-forwarded-for": address}) as client:
        # Not across the turn of a minute.
        if time.time() % 60 > 50:
            await asyncio.sleep(61 - time.time() % 60)
        found: list[Counter[int]] = []
        for server in two_behind_a_proxy:
            answers = [await client.get(f"{server.url}/schema/nothing") for _ in range(LIMIT - 10)]
            found.append(Counter(answer.status_code for answer in answers))
            await asyncio.sleep(3 * EXCHANGE_SECONDS)
        refused = [await client.get(f"{server.url}/schema/nothing") for server in two_behind_a_proxy]

    assert found[0] == {404: LIMIT - 10}
    assert 429 in found[1] or refused[1].status_code == 429
    assert refused[1].headers["ratelimit"].startswith('"address";r=0;t=')
