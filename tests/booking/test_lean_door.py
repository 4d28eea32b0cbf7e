"""Both ways into POST /bookings answer alike: the lean door and the framework behind it."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import asyncpg
import httpx
import pytest

from boxoffice.accounts.guards import find_identity
from boxoffice.accounts.identity import Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.booking.lean import PATH, lean_hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.lean_door import BODY_BYTES_MAX, LeanDoor
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from payments.conftest import headers_of
from shows import insert_user, open_show
from web import running

# The lean door takes the plain content type only; any other way to write it goes to the framework.
LEAN, FRAMEWORK = "application/json", "application/json; charset=utf-8"


async def both(
    db: Database, client: httpx.AsyncClient, body: bytes | None = None, wanted: dict[str, Any] | None = None
) -> list[httpx.Response]:
    """The answers of both ways to the same request, each for a new event and buyer."""
    answers: list[httpx.Response] = []
    for content_type in (LEAN, FRAMEWORK):
        show = await open_show(db, areas=[3], places_per_buyer_max=5)
        rival, buyer = headers_of(await insert_user(db)), headers_of(await insert_user(db))
        taken = await client.post(
            "/bookings", json={"event_id": show.event_id, "seat_ids": [9]}, headers=rival
        )
        assert taken.status_code == 201
        content = (
            body if body is not None else json.dumps({"event_id": show.event_id, **(wanted or {})}).encode()
        )
        answers.append(
            await client.post("/bookings", content=content, headers={**buyer, "content-type": content_type})
        )
    return answers


def without_what_differs(answer: httpx.Response) -> tuple[int, Any, list[str]]:
    """The status, the body less its ids and times, and the names of the headers."""
    content = answer.json()
    for name in ("id", "event_id", "created_at", "expires_at", "request_id"):
        content.pop(name, None)
    return answer.status_code, content, sorted(answer.headers)


@pytest.mark.parametrize(
    ("wanted", "status"),
    [
        ({"seat_ids": [1, 2]}, 201),
        ({"areas": [{"area_id": 0, "quantity": 2}]}, 201),
        ({"best_available": {"quantity": 2}}, 201),
        ({"seat_ids": [9, 10]}, 409),
        ({"areas": [{"area_id": 0, "quantity": 4}]}, 409),
        ({"seat_ids": [0, 1, 2, 3, 4, 5]}, 409),
        ({"seat_ids": [1, 1]}, 422),
        ({"seat_ids": [4000]}, 422),
        ({"seat_ids": ["1"]}, 422),
        ({"seat_ids": [1], "unknown": 1}, 422),
        ({"seat_ids": [1], "answers": []}, 201),
        ({"seat_ids": [1], "answers": [{"question": "name", "value": "Ada"}]}, 422),
        ({}, 422),
        ({"event_id": 4_000_000_000, "seat_ids": [1]}, 404),
        ({"event_id": -1, "seat_ids": [1]}, 422),
    ],
)
async def test_both_ways_answer_alike(
    db: Database, client: httpx.AsyncClient, wanted: dict[str, Any], status: int
):
    lean, framework = await both(db, client, wanted=wanted)

    assert lean.status_code == status
    assert without_what_differs(lean) == without_what_differs(framework)
    assert lean.headers["content-type"] == framework.headers["content-type"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 10_000, b'{"event_id": NaN}']
)
async def test_what_cannot_be_read_is_worded_by_the_framework(
    db: Database, client: httpx.AsyncClient, body: bytes
):
    lean, framework = await both(db, client, body=body)

    assert lean.status_code in (400, 422)
    assert without_what_differs(lean) == without_what_differs(framework)


async def test_a_body_that_calls_itself_two_things_is_refused_both_ways(
    db: Database, client: httpx.AsyncClient
):
    buyer = headers_of(await insert_user(db))
    for first in (LEAN, FRAMEWORK):
        kinds = [("content-type", first), ("content-type", "text/plain")]
        answer = await client.post("/bookings", content=b"{}", headers=[*buyer.items(), *kinds])

        assert answer.status_code == 415


async def test_the_door_answers_by_itself_as_the_server_sends_it_bodies(dsn: str, db: Database):
    """Granian promises more and then sends an empty piece; others send all at once."""
    show = await open_show(db)
    buyer = await insert_user(db)
    parts = Parts(Settings(), dsn)
    tokens = Tokens(Settings().secret, 15)

    async def nobody(*_: object) -> None:
        pytest.fail("the framework was asked")

    door = LeanDoor(
        nobody, [lean_hold(parts.db, parts.sales)], lambda scope: find_identity(scope["headers"], tokens)
    )
    async with parts.running():
        for seat, more in ((1, True), (2, False)):
            body = json.dumps({"event_id": show.event_id, "seat_ids": [seat]}).encode()
            scope: Any = {
                "type": "http",
                "method": "POST",
                "path": PATH,
                "headers": [
                    (b"content-length", str(len(body)).encode()),
                    (b"content-type", b"application/json"),
                    (b"authorization", f"Bearer {tokens.issue(buyer, Role.USER)}".encode()),
                ],
            }
            first: Any = {"type": "http.request", "body": body, "more_body": more}
            sent: list[Any] = []

            async def receive(message: Any = first) -> Any:
                return message

            async def send(message: Any, sent: list[Any] = sent) -> None:
                sent.append(message)

            await door(scope, receive, send)
            assert sent[0]["status"] == 201


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Unavailable("Busy.", 7), 503),
        (asyncpg.DataError("out of range"), 422),
        (ZeroDivisionError("a bug"), 500),
    ],
)
async def test_what_goes_wrong_is_a_problem_document_both_ways(
    db: Database, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, fault: Exception, status: int
):
    show = await open_show(db)
    headers = headers_of(await insert_user(db))

    async def submit(*_: object) -> None:
        raise fault

    monkeypatch.setattr(GroupCommit, "submit", submit)
    lean, framework = [
        await client.post(
            "/bookings",
            content=json.dumps({"event_id": show.event_id, "seat_ids": [1]}),
            headers={**headers, "content-type": content_type},
        )
        for content_type in (LEAN, FRAMEWORK)
    ]

    assert lean.status_code == status
    assert without_what_differs(lean) == without_what_differs(framework)
    assert lean.headers.get("retry-after") == framework.headers.get("retry-after")
    assert lean.headers["content-type"] == "application/problem+json"


async def test_a_body_just_above_the_doors_limit_still_gets_in_through_the_framework(
    db: Database, client: httpx.AsyncClient
):
    show = await open_show(db)
    headers = {**headers_of(await insert_user(db)), "content-type": LEAN}
    for seat, size in enumerate((BODY_BYTES_MAX, BODY_BYTES_MAX + 1)):
        body = json.dumps({"event_id": show.event_id, "seat_ids": [seat]}).encode().ljust(size)
        assert (await client.post("/bookings", content=body, headers=headers)).status_code == 201


async def test_a_body_in_pieces_and_a_stranger_go_to_the_framework(db: Database, client: httpx.AsyncClient):
    show = await open_show(db)
    headers = {**headers_of(await insert_user(db)), "content-type": LEAN}

    async def pieces() -> AsyncGenerator[bytes]:
        yield b'{"event_id": %d, ' % show.event_id
        yield b'"seat_ids": [1]}'

    assert (await client.post("/bookings", content=pieces(), headers=headers)).status_code == 201
    body = {"event_id": show.event_id, "seat_ids": [2]}
    for wrong in ({}, {"authorization": "Bearer nonsense"}, {"authorization": "Basic abc"}):
        answer = await client.post("/bookings", json=body, headers=wrong)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_who_comes_to_a_line_that_is_full_is_told_so_before_the_body_is_read(
    db: Database, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
):
    swamped, quiet = await open_show(db), await open_show(db)
    headers = headers_of(await insert_user(db))

    def is_swamped(_: GroupCommit, event_id: int) -> bool:
        return event_id == swamped.event_id

    monkeypatch.setattr(GroupCommit, "is_swamped", is_swamped)

    async def hold(event_id: int) -> httpx.Response:
        body = {"event_id": event_id, "seat_ids": [1]}
        return await client.post("/bookings", json=body, headers=headers)

    refused = [await hold(swamped.event_id) for _ in range(3)]

    assert (await hold(quiet.event_id)).status_code == 201
    assert {answer.status_code for answer in refused} == {503}
    assert {answer.json()["type"] for answer in refused} == {"/problems/unavailable"}
    assert refused[0].headers["retry-after"] == "1"
    assert refused[0].headers["content-type"] == "application/problem+json"
    # Answers are made once, and each gets headers of its own.
    assert len({len(answer.headers.raw) for answer in refused}) == 1
    assert len({answer.headers["x-request-id"] for answer in refused}) == 3


@pytest.mark.parametrize("more", [{}, {"Idempotency-Key": "a-key"}])
async def test_both_ways_to_a_hold_are_limited(dsn: str, db: Database, more: dict[str, str]):
    show = await open_show(db)
    buyer, other = await insert_user(db), await insert_user(db)
    settings = Settings(jobs_inside=False, requests_per_account=2)
    async with running(settings, dsn) as limited:
        transport = httpx.ASGITransport(limited)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
        client = httpx.AsyncClient(transport=transport, base_url="http://testserver")
        answers: list[httpx.Response] = []
        for seat in range(4):
            body = {"event_id": show.event_id, "seat_ids": [seat]}
            headers = headers_of(buyer) | {name: f"{value}-{seat}" for name, value in more.items()}
            answers.append(await client.post(PATH, json=body, headers=headers))
        answer = answers[-1]
        assert answer.headers["x-request-id"] == answer.json()["request_id"]
        assert int(answer.headers["retry-after"]) <= 60
        body = {"event_id": show.event_id, "seat_ids": [9]}
        assert (await client.post(PATH, json=body, headers=headers_of(other))).status_code == 201

    assert [answer.status_code for answer in answers] == [201, 201, 429, 429]
    await show.check_promises()
