"""Who may call what."""

import httpx
import pytest
from litestar import Litestar, get
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide

from boxoffice.accounts.guards import admin, organizer, provide_identity, signed_in
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.problems import EXCEPTION_HANDLERS

TOKENS = Tokens("a secret for these tests, long enough", minutes=15)


@get("/signed-in", guards=[signed_in], sync_to_thread=False)
def for_everybody(user: NamedDependency[Identity]) -> Identity:
    return user


@get("/organizer", guards=[organizer], sync_to_thread=False)
def for_organizers(user: NamedDependency[Identity]) -> Identity:
    return user


@get("/admin", guards=[admin], sync_to_thread=False)
def for_admins(user: NamedDependency[Identity]) -> Identity:
    return user


@get("/forgotten", sync_to_thread=False)
def without_a_guard(user: NamedDependency[Identity]) -> Identity:
    return user


APP = Litestar(
    [for_everybody, for_organizers, for_admins, without_a_guard],
    dependencies={"user": Provide(provide_identity, sync_to_thread=False)},
    state=State({"tokens": TOKENS}),
    exception_handlers=EXCEPTION_HANDLERS,
    logging_config=None,
    openapi_config=None,
)


async def ask(path: str, *authorization: bytes) -> httpx.Response:
    transport = httpx.ASGITransport(APP)  # pyright: ignore[reportArgumentType]  Litestar types ASGI its own way
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        return await client.get(path, headers=[(b"authorization", value) for value in authorization])


@pytest.mark.parametrize(
    ("path", "role", "status"),
    [
        ("/signed-in", Role.USER, 200),
        ("/signed-in", Role.ORGANIZER, 200),
        ("/signed-in", Role.ADMIN, 200),
        ("/organizer", Role.USER, 403),
        ("/organizer", Role.ORGANIZER, 200),
        ("/organizer", Role.ADMIN, 200),
        ("/admin", Role.USER, 403),
        ("/admin", Role.ORGANIZER, 403),
    ],
)
async def test_a_guard_lets_in_who_may(path: str, role: Role, status: int):
    answer = await ask(path, b"Bearer " + TOKENS.issue(7, role).encode())

    assert answer.status_code == status
    if status == 200:
        assert answer.json() == {"user_id": 7, "role": role}
    else:
        assert answer.json()["type"] == "/problems/not-allowed"


@pytest.mark.parametrize("path", ["/signed-in", "/organizer", "/admin"])
@pytest.mark.parametrize(
    "authorization",
    [
        (),
        (b"",),
        (b"Bearer",),
        (b"Bearer ",),
        (b"Basic YWRhOnBhc3N3b3Jk",),
        (b"\xff\xff\xff\xff\xff\xff\xff\xff",),
        (TOKENS.issue(7, Role.ADMIN).encode(),),
        (b"Token " + TOKENS.issue(7, Role.ADMIN).encode(),),
        (b"Basic x", b"Bearer " + TOKENS.issue(7, Role.ADMIN).encode()),
    ],
)
async def test_without_a_token_nobody_gets_in(path: str, authorization: tuple[bytes, ...]):
    answer = await ask(path, *authorization)

    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER "])
async def test_the_scheme_is_written_in_any_case(scheme: bytes):
    assert (await ask("/signed-in", scheme + TOKENS.issue(7, Role.USER).encode())).status_code == 200


async def test_a_handler_that_forgot_its_guard_lets_nobody_in():
    assert (await ask("/forgotten", b"Bearer " + TOKENS.issue(7, Role.ADMIN).encode())).status_code == 500
