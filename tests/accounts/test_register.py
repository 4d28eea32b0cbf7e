"""Making an account."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from accounts.browser import PASSWORD, Browser
from boxoffice.accounts.schemas import (
    EMAIL_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MAX,
    PASSWORD_CHARACTERS_MIN,
)
from boxoffice.kit.postgres import Database
from boxoffice.kit.text import LINE_CHARACTERS_MAX

NewBrowser = Callable[[], Browser]


def pointers(answer: httpx.Response) -> list[str]:
    return [error["pointer"] for error in answer.json()["errors"]]


async def count_accounts(db: Database, email: str) -> int:
    return await db.get(int, "SELECT count(*) FROM users WHERE email_key = lower($1)", email)


async def test_whoever_registers_can_log_in_and_is_a_user(browser: Browser):
    answer = await browser.register(name="Ada Lovelace")

    assert answer.status_code == 201
    assert answer.json() == {"email": browser.email, "name": "Ada Lovelace"}
    user = (await browser.log_in()).json()["user"]
    assert (user["email_verified"], user["second_factor"], user["suspended"]) == (False, False, False)
    assert (user["email"], user["name"], user["role"]) == (browser.email, "Ada Lovelace", "USER")


async def test_registering_a_taken_address_is_answered_like_a_new_one_and_changes_nothing(
    new_browser: NewBrowser,
):
    owner, stranger = new_browser(), new_browser()
    first = await owner.register(name="Owner")
    stranger.email = owner.email
    again = await stranger.register("another password", name="Owner")

    assert (again.status_code, again.json()) == (first.status_code, first.json())
    assert again.headers.keys() == first.headers.keys()
    assert (await stranger.log_in("another password")).status_code == 401
    assert (await owner.log_in()).json()["user"]["name"] == "Owner"


async def test_upper_and_lower_case_are_one_account(new_browser: NewBrowser, db: Database):
    lower, upper = new_browser(), new_browser()
    upper.email = lower.email.upper()

    assert (await lower.register()).status_code == 201
    assert (await upper.register("another password")).json()["email"] == upper.email
    assert await count_accounts(db, lower.email) == 1
    assert (await upper.log_in()).json()["user"]["email"] == lower.email


async def test_of_many_at_once_with_one_address_one_makes_the_account(browser: Browser, db: Database):
    answers = await asyncio.gather(*(browser.register(f"password number {n}") for n in range(10)))

    assert [answer.status_code for answer in answers] == [201] * 10
    assert await count_accounts(db, browser.email) == 1
    logins = [await browser.log_in(f"password number {n}") for n in range(10)]
    assert sorted(answer.status_code for answer in logins) == [200] + [401] * 9


@pytest.mark.parametrize(
    "more",
    [{"role": "ADMIN"}, {"id": 1}, {"password_hash": "x"}, {"created_at": "2020-01-01T00:00:00Z"}],
)
async def test_nobody_sets_more_than_they_may(browser: Browser, db: Database, more: dict[str, Any]):
    answer = await browser.register(**more)

    assert answer.status_code == 422
    assert pointers(answer) == [f"/{next(iter(more))}"]
    assert await count_accounts(db, browser.email) == 0


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", None),
        ("email", 7),
        ("email", ["ada@example.org"]),
        ("email", ""),
        ("email", "ada"),
        ("email", "ada@"),
        ("email", "@example.org"),
        ("email", "ada@example"),
        ("email", "ada@example..org"),
        ("email", "ada@.org"),
        ("email", "ada@exam@ple.org"),
        ("email", "ada lovelace@example.org"),
        ("email", "ada@example.org\n"),
        ("email", "ada\0@example.org"),
        ("password", None),
        ("password", 12345678),
        ("password", "nul\0 in the middle"),
        ("password", "line break at the end\n"),
        ("password", "password"),
        ("password", "PassWord1234"),
        ("password", "passwordpassword"),
        ("password", "!!iloveyou!!!"),
        ("password", "123456789012"),
        ("password", "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44"),  # full-width "password"
        ("password", "Somebody Else"),
        ("name", None),
        ("name", {}),
        ("name", ""),
        ("name", "   "),
        ("name", "Ada\0"),
        ("name", "Ada\n"),
    ],
)
async def test_what_does_not_fit_is_pointed_at(browser: Browser, db: Database, field: str, value: Any):
    body = {"email": browser.email, "password": PASSWORD, "name": "Somebody Else", field: value}
    answer = await browser.send("POST", "/auth/register", json=body)

    assert answer.status_code == 422, answer.text
    assert pointers(answer) == [f"/{field}"]
    assert await count_accounts(db, browser.email) == 0


@pytest.mark.parametrize("field", ["email", "password", "name"])
async def test_a_missing_field_is_pointed_at(browser: Browser, field: str):
    body = {"email": browser.email, "password": PASSWORD, "name": "Ada"}
    del body[field]
    answer = await browser.send("POST", "/auth/register", json=body)

    assert (answer.status_code, pointers(answer)) == (422, [f"/{field}"])


@pytest.mark.parametrize("path", ["/auth/register", "/auth/login"])
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"[" * 100_000,
        b'{"email": "\\ud800@example.org", "password": "12345678", "name": "Ada"}',
        b'{"email": "ada@example.org", "password": "\\udfff\\ud800 surrogates", "name": "Ada"}',
        b'{"email": "ada@example.org", "password": "\xed\xa0\x80 surrogate", "name": "Ada"}',
        b'{"email": "ada@example.org", "password": "correct horse", "name": "\\ud83d"}',
        b"\xff\xfe",
    ],
)
async def test_what_is_no_fitting_json_is_refused(browser: Browser, path: str, content: bytes):
    answer = await browser.send("POST", path, content=content, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422), answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_the_limits_hold_at_their_edge(new_browser: NewBrowser):
    async def status(password: str = PASSWORD, name: str = "Ada", email_characters: int = 0) -> int:
        browser = new_browser()
        local, _, domain = browser.email.partition("@")
        browser.email = f"{local}@{domain.rjust(email_characters - len(local) - 1, 'a')}"
        return (await browser.register(password, name)).status_code

    assert await status(email_characters=EMAIL_CHARACTERS_MAX) == 201
    assert await status(email_characters=EMAIL_CHARACTERS_MAX + 1) == 422
    assert await status(password="é!" * (PASSWORD_CHARACTERS_MIN // 2)) == 201
    assert await status(password="!" * (PASSWORD_CHARACTERS_MIN - 1)) == 422
    assert await status(password="\ufdfa" * PASSWORD_CHARACTERS_MAX) == 201
    assert await status(password="!" * (PASSWORD_CHARACTERS_MAX + 1)) == 422
    assert await status(name="n" * LINE_CHARACTERS_MAX) == 201
    assert await status(name="n" * (LINE_CHARACTERS_MAX + 1)) == 422


@pytest.mark.parametrize("which", ["email", "local part"])
async def test_the_address_is_no_password(browser: Browser, which: str):
    password = browser.email if which == "email" else browser.email.partition("@")[0].upper()
    answer = await browser.register(password)

    assert (answer.status_code, pointers(answer)) == (422, ["/password"])


async def test_a_password_is_the_same_on_every_keyboard(browser: Browser):
    composed, decomposed = "caf\u00e9 \ufb01ne wine", "cafe\u0301 fine wine"
    await browser.register(composed)

    assert (await browser.log_in(decomposed)).status_code == 200
    assert (await browser.log_in(composed)).status_code == 200
    assert (await browser.log_in("cafe fine wine")).status_code == 401
