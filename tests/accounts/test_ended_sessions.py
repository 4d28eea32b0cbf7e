"""An access token ends with its session, in every process, within moments."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg
import pytest
from litestar import Litestar

from accounts.browser import PASSWORD, Browser
from accounts.conftest import NewBrowser
from boxoffice.accounts import admin
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.sessions.ended import REMEMBERED, EndedSessions, forget_ended_sessions
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit import notices
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from web import running

# A notice takes milliseconds; a machine that is busy with other tests, more.
HEARD_SECONDS_MAX = 10.0


async def is_let_in(browser: Browser, app: Litestar) -> bool:
    """Whether the process takes the browser's access token."""
    elsewhere = browser.copy(app)
    elsewhere.access_token = browser.access_token
    return (await elsewhere.me()).status_code == 200


async def until_refused(browser: Browser, *apps: Litestar) -> None:
    """Wait until none of the processes takes the access token any more."""
    async with asyncio.timeout(HEARD_SECONDS_MAX):
        while any([await is_let_in(browser, app) for app in apps]):
            await asyncio.sleep(0.005)


async def logged_out(browser: Browser, _db: Database) -> None:
    assert (await browser.log_out()).status_code == 204


async def ended(browser: Browser, _db: Database) -> None:
    assert (await browser.ask("DELETE", "/auth/sessions")).status_code == 204


async def suspended(browser: Browser, db: Database) -> None:
    boss = Browser(browser.app, f"boss-of-{browser.email}")
    await boss.register()
    await admin.promote(db, boss.email, Role.ADMIN)
    await boss.log_in()
    answer = await boss.ask("PATCH", f"/users/{await number_of(browser)}", {"suspended": True})
    assert answer.status_code == 200
    assert (await boss.ask("PATCH", f"/users/{answer.json()['id']}", {"suspended": False})).status_code == 200


async def demoted(browser: Browser, db: Database) -> None:
    await admin.promote(db, browser.email, Role.USER)


async def reused(browser: Browser, _db: Database) -> None:
    """Somebody else shows a refresh token that was used up long ago."""
    thief = browser.copy()
    for _ in range(2):
        assert (await browser.refresh()).status_code == 200
    assert (await thief.refresh()).status_code == 401


async def number_of(browser: Browser) -> int:
    return (await browser.me()).json()["id"]


@pytest.mark.parametrize("end", [logged_out, ended, suspended, demoted, reused])
async def test_an_access_token_ends_with_its_session_in_every_process(
    ada: Browser,
    quick_app: Litestar,
    rival_app: Litestar,
    db: Database,
    end: Callable[[Browser, Database], Awaitable[None]],
):
    """Seen to fail for the other process without LISTEN, and for both without the trigger."""
    await admin.promote(db, ada.email, Role.ORGANIZER)
    assert await is_let_in(ada, quick_app)
    assert await is_let_in(ada, rival_app)

    await end(ada, db)

    await until_refused(ada, quick_app, rival_app)
    assert (await ada.log_in()).status_code == 200
    assert await is_let_in(ada, quick_app)
    assert await is_let_in(ada, rival_app)


async def test_a_change_of_password_ends_the_others_and_not_ones_own(ada: Browser, rival_app: Litestar):
    other = Browser(rival_app, ada.email)
    assert (await other.log_in()).status_code == 200

    body = {"password": PASSWORD, "new_password": "another good long one"}
    assert (await ada.ask("POST", "/auth/password", body)).status_code == 204

    await until_refused(other, rival_app)
    assert await is_let_in(ada, rival_app)


async def test_more_rights_log_nobody_out(ada: Browser, new_browser: NewBrowser, db: Database):
    witness = new_browser()
    await witness.register()
    await witness.log_in()
    await admin.promote(db, ada.email, Role.ORGANIZER)
    # What is said in order is heard in order: once this is known, the other would be.
    await witness.log_out()
    await until_refused(witness, witness.app)

    assert (await ada.me()).json()["role"] == "ORGANIZER"


async def test_a_process_that_starts_knows_what_ended_before(ada: Browser, dsn: str):
    assert (await ada.log_out()).status_code == 204

    async with running(Settings(jobs_inside=False), dsn) as late:
        assert not await is_let_in(ada, late)


async def test_what_is_missed_while_the_connection_is_away_is_read_afterwards(
    ada: Browser, dsn: str, monkeypatch: pytest.MonkeyPatch
):
    heard, missed = EndedSessions(), asyncio.Event()
    db = Database(dsn, connections_max=1)
    await db.open()
    async with heard.followed(db):
        before = set(heard.until)
        with monkeypatch.context() as patch:
            patch.setattr(heard, "add", lambda _: missed.set())  # pyright: ignore[reportUnknownLambdaType]
            assert (await ada.log_out()).status_code == 204
            async with asyncio.timeout(HEARD_SECONDS_MAX):
                await missed.wait()
        assert set(heard.until) == before

        await _cut_every_listener(dsn)

        async with asyncio.timeout(HEARD_SECONDS_MAX):
            while set(heard.until) <= before:
                await asyncio.sleep(0.005)
    await db.close()


async def _cut_every_listener(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    cut = await connection.fetchval(
        """
        SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
         WHERE application_name = 'boxoffice notices' AND datname = current_database()
        """
    )
    await connection.close()
    assert cut >= 1


async def test_whatever_ends_the_listening_it_begins_again(dsn: str, monkeypatch: pytest.MonkeyPatch):
    faults: list[Exception] = [asyncpg.ProtocolError("a half message"), LookupError("a bug")]
    caught_up = asyncio.Event()

    async def catch_up() -> None:
        if faults:
            raise faults.pop()
        caught_up.set()

    monkeypatch.setattr(notices, "RECONNECT_SECONDS", 0.01)
    async with notices.listening(dsn, "nothing", print, catch_up), asyncio.timeout(HEARD_SECONDS_MAX):
        await caught_up.wait()


async def test_a_start_does_not_wait_for_a_postgresql_that_is_away():
    away = Database("postgresql://nobody@/nothing?host=/nowhere/at/all", connections_max=1)
    async with asyncio.timeout(1), EndedSessions().followed(away):
        pass


def test_a_session_is_remembered_as_long_as_its_tokens_live(monkeypatch: pytest.MonkeyPatch):
    now = time.monotonic()
    tokens = Tokens("a" * 48, 15)
    token, other = (tokens.issue(7, Role.USER, session).encode() for session in (3, 4))
    of_no_session = tokens.issue(7, Role.USER).encode()
    assert tokens.identify(token) == tokens.identify(other) == Identity(7, Role.USER)

    tokens.ended.add(3)

    assert tokens.identify(token) is None
    assert tokens.identify(other) == tokens.identify(of_no_session) == Identity(7, Role.USER)
    assert REMEMBERED.total_seconds() > tokens.seconds
    monkeypatch.setattr(time, "monotonic", lambda: now + REMEMBERED.total_seconds() + 1)
    tokens.ended.add(5)
    assert set(tokens.ended.until) == {5}


async def test_what_nobody_has_to_be_told_of_is_forgotten(db: Database):
    async with db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO ended_sessions (session_id, ended_at)
            VALUES (-1, now() - interval '17 minutes'), (-2, now() - interval '15 minutes')
            """
        )
    await forget_ended_sessions(db)

    assert await db.list(int, "SELECT session_id FROM ended_sessions WHERE session_id < 0") == [-2]
