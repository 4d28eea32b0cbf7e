"""What an operator finds in the log of requests that were refused, and of who looked at people's data."""

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
import structlog
from litestar import Litestar

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from catalog.stage import person

JSON = {"Content-Type": "application/json"}


def found(logged: Any, event: str) -> list[dict[str, Any]]:
    return [entry for entry in logged if entry["event"] == event]


async def test_a_refusal_is_logged_with_who_and_where_and_nothing_that_was_sent(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    buyer = await person(app, client, db, Role.USER)
    login = {"email": "ada@example.org", "password": "a secret that nobody logs"}
    with structlog.testing.capture_logs() as logged:
        await client.get("/me", headers={"Authorization": "Bearer a.token.of-nobody"})
        await client.post("/auth/login", json=login)
        await client.post("/bookings", content=b"{", headers=buyer.headers | JSON)
        await client.get("/users", headers=buyer.headers)
        await client.put("/me", headers=buyer.headers)
        await client.get("/bookings/00000000-0000-8000-8000-000000000000", headers=buyer.headers)
        await client.get("/events/1000000000")
        await client.get("/events")

    refusals = found(logged, "refused")
    assert [entry["status"] for entry in refusals] == [401, 401, 400, 403, 405, 404]
    assert [entry["user_id"] for entry in refusals] == [None, None, *[str(buyer.id)] * 4]
    assert {entry["address"] for entry in refusals} == {"127.0.0.1"}
    assert refusals[3]["route"] == "/api/v1/users"
    for secret in ("a.token.of-nobody", *login.values(), buyer.headers["Authorization"]):
        assert secret not in str(refusals)


async def test_who_looks_at_other_peoples_data_is_logged_without_the_data(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    admin, buyer = [await person(app, client, db, role) for role in (Role.ADMIN, Role.USER)]
    with structlog.testing.capture_logs() as logged:
        assert (await admin.get(f"/users/{buyer.id}")).status_code == 200
        assert (await buyer.get("/me/personal-data")).status_code == 200
        assert (await buyer.get("/bookings")).status_code == 200

    looks = found(logged, "personal data read")
    assert [(look["operation"], look["user_id"]) for look in looks] == [
        ("GetUser", admin.id),
        ("ExportPersonalData", buyer.id),
    ]
    assert "@" not in str(looks)


async def test_a_bug_is_answered_with_an_id_and_nothing_of_our_insides(
    app: Litestar, client: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
):
    buyer = await person(app, client, db, Role.USER)

    async def broken(*_: object) -> None:
        raise ZeroDivisionError("a word about our insides")

    monkeypatch.setattr(queries, "find_user", broken)
    with structlog.testing.capture_logs() as logged:
        answer = await client.get("/me", headers=buyer.headers)

    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal-error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    assert not any(word in answer.text for word in ("insides", "ZeroDivision", "Traceback", ".py"))
    (bug,) = found(logged, "bug")
    assert "insides" in repr(bug["exc_info"])


async def test_methods_that_a_client_makes_up_are_one_series(client: httpx.AsyncClient):
    for number in range(5):
        assert (await client.request(f"MADE-UP-{number}", "/me")).status_code == 405
    figures = (await client.get("http://testserver/metrics")).text

    assert 'method="other"' in figures
    assert "MADE-UP" not in figures


def test_no_text_of_a_client_makes_a_line_of_its_own():
    program = """
import structlog
from boxoffice.kit.logs import configure_logs
from boxoffice.kit.settings import Settings
configure_logs(Settings())
structlog.get_logger().warning("refused", path='/x\\n{"event": "forged"}\\r\\x1b[2J\\u2028"')
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    (line,) = ended.stderr.split("\n")[:-1]
    assert json.loads(line)["path"].startswith('/x\n{"event": "forged"}')
    assert line.isprintable()
