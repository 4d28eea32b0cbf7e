"""Staying logged in: rotation, grace, reuse, rivals; and logging out."""

import asyncio
from contextvars import Context
from datetime import timedelta

import pytest
from litestar import Litestar

from accounts.browser import Browser, set_cookie
from boxoffice.accounts.sessions import queries
from boxoffice.accounts.sessions.logging_in import GRACE, Step, decide_refresh
from boxoffice.accounts.sessions.queries import LockedSession
from boxoffice.accounts.sessions.refresh_tokens import RefreshToken, RefreshTokens
from boxoffice.kit.postgres import Database


def token_of(browser: Browser) -> RefreshToken:
    assert browser.cookie is not None
    token = RefreshToken.read(browser.cookie.partition("=")[2].encode())
    assert token is not None
    return token


async def wait_for_grace_to_pass(db: Database, browser: Browser) -> None:
    """Let the session's last rotation be long ago."""
    async with db.transaction() as tx:
        moved = await tx.execute(
            "UPDATE sessions SET rotated_at = rotated_at - $2::interval WHERE family_hash = $1",
            token_of(browser).family_hash,
            GRACE,
        )
    assert moved == 1


async def test_a_refresh_answers_like_a_login_and_rotates_the_cookie(ada: Browser):
    before = ada.cookie
    answer = await ada.refresh()

    assert answer.status_code == 200
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "user"}
    assert answer.headers["cache-control"] == "no-store"
    assert ada.cookie != before
    assert (await ada.me()).status_code == 200
    assert (await ada.refresh()).status_code == 200


async def test_a_session_ends_when_it_was_going_to_however_often_it_is_refreshed(ada: Browser, db: Database):
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE sessions SET expires_at = now() + interval '1 hour' WHERE family_hash = $1",
            token_of(ada).family_hash,
        )
    for _ in range(2):
        seconds = int(set_cookie(await ada.refresh())["max-age"])
        assert 3500 < seconds <= 3600

    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE sessions SET created_at = created_at - interval '1 day', expires_at = now()
             WHERE family_hash = $1
            """,
            token_of(ada).family_hash,
        )
    assert (await ada.refresh()).status_code == 401


async def test_for_a_lost_answer_the_previous_token_yields_the_same_successor(ada: Browser):
    lost = ada.copy()
    await ada.refresh()
    again = await lost.refresh()

    assert again.status_code == 200
    assert lost.cookie == ada.cookie
    assert (await lost.refresh()).status_code == 200


async def test_reuse_after_the_grace_revokes_the_family(ada: Browser, db: Database):
    thief = ada.copy()
    await ada.refresh()
    await wait_for_grace_to_pass(db, ada)

    assert (await thief.refresh()).status_code == 401
    assert (await ada.refresh()).status_code == 401


async def test_reuse_of_a_token_before_the_previous_one_revokes_the_family_at_once(ada: Browser):
    thief = ada.copy()
    await ada.refresh()
    await ada.refresh()

    assert (await thief.refresh()).status_code == 401
    assert (await ada.refresh()).status_code == 401


async def test_revoking_one_family_leaves_the_others(ada: Browser):
    other = ada.copy()
    await other.log_in()
    thief = ada.copy()
    await ada.refresh()
    await ada.refresh()
    await thief.refresh()

    assert (await ada.refresh()).status_code == 401
    assert (await other.refresh()).status_code == 200


async def test_the_grace_ends_at_its_edge():
    def step(ago: timedelta, *, presented: bytes = b"previous") -> Step:
        session = LockedSession(
            id=1,
            user_id=1,
            secret_hash=b"current",
            previous_hash=b"previous",
            rotated_ago=ago,
            remaining=timedelta(microseconds=1),
        )
        return decide_refresh(session, presented)

    assert step(GRACE - timedelta(microseconds=1)) is Step.REPEAT
    assert step(GRACE) is Step.REUSED
    # A rival that began before us may rotate after us.
    assert step(timedelta(seconds=-1)) is Step.REPEAT
    assert step(timedelta(0), presented=b"older") is Step.REUSED
    assert step(timedelta(days=20), presented=b"current") is Step.ROTATE


async def test_many_refreshes_with_one_token_at_two_processes_agree_on_one_successor(
    ada: Browser, rival_app: Litestar, db: Database
):
    tabs = [ada.copy(app) for app in (ada.app, rival_app) for _ in range(10)]
    answers = await asyncio.gather(*(tab.refresh() for tab in tabs))

    assert [answer.status_code for answer in answers] == [200] * 20
    assert len({tab.cookie for tab in tabs}) == 1
    # The family is where it would be after one refresh: both neighbours of the rotation still work.
    assert (await ada.copy().refresh()).status_code == 200
    assert (await tabs[0].refresh()).status_code == 200
    assert (await tabs[0].refresh()).status_code == 200


async def test_a_refresh_that_waited_for_its_turn_sees_what_the_rival_did(ada: Browser, db: Database):
    """Fails when the session is read without its lock: the old token would rotate a second time."""
    token = token_of(ada)
    async with db.transaction() as rival:
        assert await queries.lock_session(rival, token.family_hash)
        # A context of its own, as another request has: ours is in a transaction.
        waiting = asyncio.create_task(ada.refresh(), context=Context())
        while not await rival.get(
            int, "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY (pg_blocking_pids(pid))"
        ):
            assert not waiting.done()
            await asyncio.sleep(0.005)
        keys = RefreshTokens("any other secret gives a branch of its own", 30)
        for _ in range(2):
            successor = keys.successor(token)
            await queries.update_session(
                rival, token.family_hash, old_hash=token.secret_hash, new_hash=successor.secret_hash
            )
            token = successor

    assert (await waiting).status_code == 401
    assert await db.get(int, "SELECT count(*) FROM sessions WHERE family_hash = $1", token.family_hash) == 0


async def test_only_hashes_are_stored(ada: Browser, db: Database):
    await ada.refresh()
    token = token_of(ada)
    row = await db.get(
        str, "SELECT row_to_json(sessions)::text FROM sessions WHERE family_hash = $1", token.family_hash
    )

    assert token.secret_hash.hex() in row
    assert token.secret.hex() not in row
    assert token.family.hex() not in row


async def test_whoever_reads_the_table_and_knows_the_secret_of_the_service_has_no_token():
    keys = RefreshTokens("one secret of one service", 30)
    first = keys.new()

    assert keys.successor(first) == RefreshTokens("one secret of one service", 30).successor(first)
    assert keys.successor(RefreshToken(first.family, first.secret_hash)) != keys.successor(first)
    assert keys.successor(first) != RefreshTokens("another secret", 30).successor(first)


@pytest.mark.parametrize(
    "cookie",
    [
        None,
        b"",
        b"boxoffice_refresh",
        b"boxoffice_refresh=",
        b"boxoffice_refresh=short",
        b"boxoffice_refresh=" + b"A" * 63,
        b"boxoffice_refresh=" + b"A" * 64,
        b"boxoffice_refresh=" + b"A" * 68,
        b"boxoffice_refresh=" + b"A" * 60_000,
        b"boxoffice_refresh=" + b"=" * 64,
        b"boxoffice_refresh=" + b"\xff\x00\xe2\x82" * 16,
        b'boxoffice_refresh="' + b"A" * 64 + b'"',
        b"boxoffice_refresh=%00%ff; ;;=;=x",
        b"__Secure-boxoffice_refresh=" + b"A" * 64,
    ],
)
async def test_a_cookie_that_is_not_ours_is_no_session(browser: Browser, cookie: bytes | None):
    headers = {} if cookie is None else {b"cookie": cookie}
    refreshed = await browser.send("POST", "/auth/refresh", headers=headers)
    logged_out = await browser.send("POST", "/auth/logout", headers=headers)

    assert (refreshed.status_code, refreshed.json()["type"]) == (401, "/problems/session-ended")
    assert logged_out.status_code == 204


async def test_the_cookie_is_found_in_any_of_several_headers(ada: Browser):
    assert ada.cookie is not None
    crumbs = [(b"cookie", b"theme=dark; lang=en"), (b"cookie", ada.cookie.encode())]

    assert (await ada.send("POST", "/auth/refresh", headers=crumbs)).status_code == 200


async def test_a_guessed_secret_ends_nothing_without_the_family(ada: Browser):
    stranger = ada.copy()
    stranger.cookie = f"boxoffice_refresh={RefreshTokens('x', 1).new().text()}"

    assert (await stranger.refresh()).status_code == 401
    assert (await ada.refresh()).status_code == 200


async def test_a_logout_ends_the_session_and_clears_the_cookie(ada: Browser):
    answer = await ada.log_out()

    cleared = set_cookie(answer)
    assert (answer.status_code, answer.content) == (204, b"")
    assert (cleared.key, cleared.value, cleared["max-age"]) == ("boxoffice_refresh", "", "0")
    assert (cleared["path"], cleared["httponly"]) == ("/api/v1/auth", True)
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_out()).status_code == 204


async def test_a_logout_with_a_used_token_ends_the_session_too(ada: Browser):
    old = ada.copy()
    await ada.refresh()
    await ada.refresh()
    assert (await old.log_out()).status_code == 204

    assert (await ada.refresh()).status_code == 401


async def test_the_cookie_is_no_access_token_and_the_access_token_no_cookie(ada: Browser):
    assert ada.cookie is not None
    value = ada.cookie.partition("=")[2]
    swapped = ada.copy()
    swapped.access_token, swapped.cookie = value, f"boxoffice_refresh={ada.access_token}"

    assert (await swapped.me()).status_code == 401
    assert (await swapped.refresh()).status_code == 401
