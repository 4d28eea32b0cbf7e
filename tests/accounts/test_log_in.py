"""Logging in: the answer, the cookie, and what a stranger learns."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from litestar import Litestar

from accounts.browser import PASSWORD, Browser, set_cookie
from boxoffice.accounts.sessions.logging_in import SESSIONS_PER_USER_MAX
from boxoffice.kit.postgres import Database

NewBrowser = Callable[[], Browser]


async def test_a_login_answers_with_a_token_that_says_who_we_are(browser: Browser):
    await browser.register()
    answer = await browser.log_in()

    body = answer.json()
    assert answer.status_code == 200
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 15 * 60)
    assert answer.headers["cache-control"] == "no-store"
    me = await browser.me()
    assert (me.status_code, me.json()) == (200, body["user"])


async def test_a_wrong_password_and_an_unknown_address_are_told_apart_by_nobody(
    ada: Browser, new_browser: NewBrowser
):
    wrong = await ada.log_in("not the password")
    unknown = await new_browser().log_in()

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["www-authenticate"] == "Bearer"
    assert wrong.json() | {"request_id": ""} == unknown.json() | {"request_id": ""}
    assert "set-cookie" not in wrong.headers


async def test_over_plain_http_the_cookie_is_out_of_reach_of_scripts_and_other_sites(ada: Browser):
    morsel = set_cookie(await ada.log_in())

    assert morsel.key == "boxoffice_refresh"
    assert len(morsel.value) == 64
    assert (morsel["httponly"], morsel["samesite"].lower()) == (True, "strict")
    assert (morsel["path"], morsel["domain"]) == ("/api/v1/auth", "")
    assert morsel["max-age"] == str(30 * 24 * 3600)
    assert not morsel["secure"]


async def test_behind_tls_the_cookie_is_secure_and_its_name_says_so(ada: Browser, https_app: Litestar):
    browser = ada.copy(https_app)
    morsel = set_cookie(await browser.log_in())

    assert morsel.key == "__Secure-boxoffice_refresh"
    assert morsel["secure"]
    assert (morsel["httponly"], morsel["samesite"].lower()) == (True, "strict")
    assert (await browser.refresh()).status_code == 200
    cleared = set_cookie(await browser.log_out())
    assert (cleared.key, cleared["secure"], cleared["max-age"]) == (morsel.key, True, "0")


@pytest.mark.parametrize("path", ["/auth/login", "/auth/refresh", "/auth/logout"])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "http://localhost", "https://localhost:8000", "\xff"]
)
async def test_a_page_of_another_site_is_refused(ada: Browser, path: str, origin: str):
    answer = await ada.send(
        "POST",
        path,
        headers={"Origin": origin.encode("latin-1"), "Cookie": ada.cookie or ""},
        json={"email": ada.email, "password": PASSWORD},
    )

    assert (answer.status_code, answer.json()["expected"]) == (403, "http://localhost:8000")
    assert "set-cookie" not in answer.headers
    assert (await ada.refresh()).status_code == 200


async def test_our_own_page_may_log_in_and_refresh(ada: Browser, https_app: Litestar):
    ours = {"Origin": "http://localhost:8000"}
    assert (await ada.log_in(headers=ours)).status_code == 200
    assert (await ada.refresh(**ours)).status_code == 200

    behind_tls = ada.copy(https_app)
    assert (await behind_tls.log_in(headers={"Origin": "https://tickets.example.org"})).status_code == 200


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"email": "a@example.org"}, "/password"),
        ({"email": "a@example.org", "password": 12345678}, "/password"),
        ({"email": {"$gt": ""}, "password": PASSWORD}, "/email"),
        ({"email": "a\0@example.org", "password": PASSWORD}, "/email"),
        ({"email": "a@example.org", "password": "nul\0"}, "/password"),
        ({"email": "a@example.org", "password": "p" * 257}, "/password"),
        ({"email": "a" * 255, "password": PASSWORD}, "/email"),
        ({"email": "a@example.org", "password": PASSWORD, "role": "ADMIN"}, "/role"),
    ],
)
async def test_what_does_not_fit_is_pointed_at(browser: Browser, body: dict[str, Any], pointer: str):
    answer = await browser.send("POST", "/auth/login", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)


@pytest.mark.parametrize("password", ["", "x", "' OR 1=1 --", "p" * 128])
async def test_any_other_password_is_just_wrong(ada: Browser, password: str):
    assert (await ada.log_in(password)).status_code == 401


async def test_one_session_too_many_ends_the_oldest(ada: Browser):
    oldest = ada.copy()
    devices = [ada.copy() for _ in range(SESSIONS_PER_USER_MAX - 1)]
    for device in devices:
        assert (await device.log_in()).status_code == 200
    assert (await oldest.refresh()).status_code == 200

    assert (await ada.log_in()).status_code == 200

    assert (await oldest.refresh()).status_code == 401
    assert [(await device.refresh()).status_code for device in devices] == [200] * len(devices)


async def test_a_login_clears_away_sessions_that_are_over(ada: Browser, db: Database):
    user_id = (await ada.me()).json()["id"]
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE sessions SET created_at = now() - interval '2 days', expires_at = now() - interval '1 s'
             WHERE user_id = $1
            """,
            user_id,
        )
    await ada.log_in()

    assert await db.get(int, "SELECT count(*) FROM sessions WHERE user_id = $1", user_id) == 1


async def test_a_hash_of_another_cost_is_renewed_at_login(ada: Browser, db: Database):
    async def stored_hash() -> str:
        return await db.get(str, "SELECT password_hash FROM users WHERE email_key = $1", ada.email)

    todays_cost = (await stored_hash()).split("$")[3]
    old_hash = PasswordHasher(time_cost=2, memory_cost=8, parallelism=1).hash(PASSWORD)
    async with db.transaction() as tx:
        await tx.execute("UPDATE users SET password_hash = $1 WHERE email_key = $2", old_hash, ada.email)

    assert (await ada.log_in("not the password")).status_code == 401
    assert await stored_hash() == old_hash
    assert (await ada.log_in()).status_code == 200
    assert (await stored_hash()).split("$")[3] == todays_cost
    assert (await ada.log_in()).status_code == 200
