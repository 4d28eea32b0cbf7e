"""Guessing and spraying passwords ends soon, and the owner of an account is not locked out by a stranger."""

import secrets
import uuid
from collections import Counter
from typing import Any

import httpx
import pytest
from litestar import Litestar

from accounts.browser import PASSWORD, Browser
from boxoffice.accounts import admin
from boxoffice.accounts.identity import Role
from boxoffice.accounts.limits import (
    CONFIRMATION,
    LETTER,
    LOGIN,
    LOGIN_TO_ACCOUNT,
    LOGIN_TO_ACCOUNT_FROM_ADDRESS,
    PROOF,
    REGISTER,
)
from boxoffice.accounts.passwords import Hasher
from boxoffice.catalog.team.members import INVITATIONS_TO_ADDRESS
from boxoffice.kit.postgres import Database

WRONG = PASSWORD[::-1]


def new_address() -> str:
    """An address of IPv6 that no other test has."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


async def send(app: Litestar, path: str, address: str, **body: Any) -> httpx.Response:
    transport = httpx.ASGITransport(app, client=(address, 4711))  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver/api/v1") as client:
        return await client.post(path, json=body)


async def log_in(app: Litestar, address: str, email: str, password: str = WRONG) -> httpx.Response:
    return await send(app, "/auth/login", address, email=email, password=password)


def new_email() -> str:
    return f"{uuid.uuid4().hex}@example.org"


async def test_who_sprays_a_password_over_accounts_is_stopped(quick_app: Litestar, rival_app: Litestar):
    address = new_address()
    statuses = [
        (await log_in((quick_app, rival_app)[n % 2], address, new_email())).status_code
        for n in range(LOGIN.turns + 2)
    ]

    assert statuses == [401] * LOGIN.turns + [429] * 2
    assert (await log_in(quick_app, new_address(), new_email())).status_code == 401


async def test_who_guesses_at_an_account_is_stopped_and_its_owner_is_not(quick_app: Litestar, ada: Browser):
    guesser = new_address()
    answers = [
        await log_in(quick_app, guesser, ada.email.upper() if n % 2 else ada.email)
        for n in range(LOGIN_TO_ACCOUNT_FROM_ADDRESS.turns + 2)
    ]

    assert [answer.status_code for answer in answers] == [401] * LOGIN_TO_ACCOUNT_FROM_ADDRESS.turns + [
        429
    ] * 2
    refused = answers[-1]
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "/problems/too-many-requests"
    assert 0 < int(refused.headers["retry-after"]) <= 90
    assert '"login-account-address";r=0' in refused.headers["ratelimit"]
    assert (await log_in(quick_app, guesser, ada.email, PASSWORD)).status_code == 429
    assert (await log_in(quick_app, new_address(), ada.email, PASSWORD)).status_code == 200


async def test_an_account_that_is_not_there_is_counted_like_one_that_is(quick_app: Litestar, ada: Browser):
    there, nowhere = new_address(), new_address()
    nobody = new_email()
    for _ in range(LOGIN_TO_ACCOUNT_FROM_ADDRESS.turns + 1):
        one, other = await log_in(quick_app, there, ada.email), await log_in(quick_app, nowhere, nobody)
        assert one.status_code == other.status_code
        assert one.headers["ratelimit-policy"] == other.headers["ratelimit-policy"]


async def test_an_account_that_a_thousand_addresses_guess_at_is_guarded_too(quick_app: Litestar):
    email = new_email()
    statuses = Counter(
        [
            (await log_in(quick_app, new_address(), email)).status_code
            for _ in range(LOGIN_TO_ACCOUNT.turns + 3)
        ]
    )
    assert statuses == {401: LOGIN_TO_ACCOUNT.turns, 429: 3}

    refused = await log_in(quick_app, new_address(), email)
    # The next turn is near: nobody keeps an owner out for longer.
    assert int(refused.headers["retry-after"]) <= 90
    # OWASP ASVS 2.2.1: what may be taken at once, and what comes back within an hour.
    assert sum(each.turns * (1 + 3600 / each.seconds) for each in (LOGIN_TO_ACCOUNT, CONFIRMATION)) <= 100


async def test_a_thief_of_a_session_cannot_guess_the_password(ada: Browser, hashed: list[str]):
    """Whichever way: what asks for the password again is counted together, and costs no hash beyond that."""
    new = {"new_password": "a better horse, with a battery"}
    ways = [
        ("/auth/password", new),
        ("/me/email", {"email": new_email()}),
        ("/me/second-factor", {}),
        ("/me/second-factor/remove", {}),
        ("/me/erase", {}),
    ] * 3
    hashed.clear()
    statuses = [(await ada.ask("POST", path, more | {"password": WRONG})).status_code for path, more in ways]

    assert statuses == [403] * CONFIRMATION.turns + [429] * (len(ways) - CONFIRMATION.turns)
    assert len(hashed) == CONFIRMATION.turns


async def test_who_knows_the_password_may_log_in_as_often_as_their_address_may(
    quick_app: Litestar, ada: Browser
):
    address = new_address()
    statuses = [
        (await log_in(quick_app, address, ada.email, PASSWORD)).status_code for _ in range(LOGIN.turns)
    ]

    assert statuses == [200] * LOGIN.turns


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The passwords that were checked, at the price of a hash each."""
    passwords: list[str] = []
    verify = Hasher.verify

    async def counted(self: Hasher, password: str, password_hash: str | None) -> bool:
        passwords.append(password)
        return await verify(self, password, password_hash)

    monkeypatch.setattr(Hasher, "verify", counted)
    return passwords


async def test_one_who_is_refused_costs_no_hash(quick_app: Litestar, hashed: list[str]):
    address, email = new_address(), new_email()
    for _ in range(LOGIN_TO_ACCOUNT_FROM_ADDRESS.turns + 5):
        await log_in(quick_app, address, email)

    assert len(hashed) == LOGIN_TO_ACCOUNT_FROM_ADDRESS.turns


@pytest.mark.parametrize(
    ("path", "limit", "body", "status"),
    [
        ("/auth/register", REGISTER, {"password": PASSWORD, "name": "Ada"}, 201),
        ("/auth/forgot-password", LETTER, {}, 204),
        ("/auth/verification-letters", LETTER, {}, 204),
        ("/auth/reset-password", PROOF, {"token": "x" * 43, "new_password": PASSWORD}, 410),
        ("/auth/verify-email", PROOF, {"token": "x" * 43}, 410),
    ],
)
async def test_each_way_in_has_a_limit_for_an_address(
    quick_app: Litestar, path: str, limit: Any, body: dict[str, str], status: int
):
    address = new_address()
    statuses: list[int] = []
    for _ in range(limit.turns + 1):
        more = {} if "token" in body else {"email": new_email()}
        statuses.append((await send(quick_app, path, address, **body, **more)).status_code)

    assert statuses == [status] * limit.turns + [429]


async def test_an_organizer_fills_nobodys_mailbox(ada: Browser, db: Database):
    await admin.promote(db, ada.email, Role.ORGANIZER)
    await ada.log_in()
    body = {"email": new_email(), "role": "VIEWER"}
    statuses = [
        (await ada.ask("POST", "/team/invitations", body)).status_code
        for _ in range(INVITATIONS_TO_ADDRESS.turns + 1)
    ]

    assert statuses == [201] * INVITATIONS_TO_ADDRESS.turns + [429]
    assert (await ada.ask("POST", "/team/invitations", body | {"email": new_email()})).status_code == 201


async def test_all_of_a_64_is_one_address_and_a_neighbour_is_not(quick_app: Litestar):
    network = new_address().removesuffix("::1")
    for number in range(LETTER.turns):
        await send(quick_app, "/auth/forgot-password", f"{network}::{number:x}", email=new_email())

    answer = await send(quick_app, "/auth/forgot-password", f"{network}::ffff", email=new_email())
    assert answer.status_code == 429
    answer = await send(quick_app, "/auth/forgot-password", new_address(), email=new_email())
    assert answer.status_code == 204
