"""Who does not come any more is warned and then erased; who comes back, or expects an event, is not."""

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from litestar import Litestar

from accounts.browser import Browser
from accounts.mailbox import Mailbox
from boxoffice.accounts.identity import Role
from boxoffice.accounts.unused import forget_old_proofs, forget_old_sessions
from boxoffice.booking.unused_accounts import erase_unused_accounts
from boxoffice.catalog.team import members
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import load_settings
from catalog.stage import person, word

DAYS = 365


@pytest.fixture
async def bea(app: Litestar) -> Browser:
    browser = Browser(app, f"{word()}@example.org")
    await browser.register()
    await browser.log_in()
    return browser


async def number_of(browser: Browser) -> int:
    return (await browser.me()).json()["id"]


async def log_in_was(db: Database, user_id: int, days: float, *, warned: float | None = None) -> None:
    """Set back when somebody logged in, and when they were warned."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE account_uses
               SET logged_in_at = now() - make_interval(secs => $2 * 86400),
                   warned_at = now() - make_interval(secs => $3 * 86400)
             WHERE user_id = $1
            """,
            user_id,
            days,
            warned,
        )


async def is_erased(db: Database, user_id: int) -> bool:
    return await db.get(bool, "SELECT name = 'Erased' FROM users WHERE id = $1", user_id)


async def is_warned(db: Database, user_id: int) -> bool:
    return await db.get(bool, "SELECT warned_at IS NOT NULL FROM account_uses WHERE user_id = $1", user_id)


async def test_who_does_not_come_any_more_is_warned_and_a_month_later_erased(
    bea: Browser, db: Database, mailbox: Mailbox
):
    user_id = await number_of(bea)
    for days in (DAYS - 29.99, DAYS + 1):
        await log_in_was(db, user_id, days)
        await erase_unused_accounts(db, DAYS)
        # However long nobody came: first comes the letter.
        assert (await is_warned(db, user_id), await is_erased(db, user_id)) == (True, False)
    await log_in_was(db, user_id, DAYS + 1, warned=29.99)
    await erase_unused_accounts(db, DAYS)
    assert not await is_erased(db, user_id)

    await log_in_was(db, user_id, DAYS + 1, warned=30.01)
    await erase_unused_accounts(db, DAYS)

    assert await is_erased(db, user_id)
    told = [letter["Subject"] for letter in await mailbox.deliver(bea.email)]
    assert told.count("Your account will be erased in 30 days") == 2
    assert told.count("Your account was erased") == 1
    await log_in_was(db, user_id, DAYS + 1)
    await erase_unused_accounts(db, DAYS)
    assert not await is_warned(db, user_id)


@pytest.mark.parametrize(("days", "unused"), [(DAYS - 30.01, DAYS), (DAYS + 1, 0)])
async def test_who_was_here_or_where_nothing_is_set_is_left_alone(
    bea: Browser, db: Database, days: float, unused: int
):
    user_id = await number_of(bea)
    await log_in_was(db, user_id, days)

    await erase_unused_accounts(db, unused)

    assert not await is_warned(db, user_id)


async def test_a_log_in_takes_the_warning_back(bea: Browser, db: Database):
    user_id = await number_of(bea)
    await log_in_was(db, user_id, DAYS + 1, warned=31)

    assert (await bea.log_in()).status_code == 200
    await erase_unused_accounts(db, DAYS)

    assert (await is_warned(db, user_id), await is_erased(db, user_id)) == (False, False)


async def test_who_logs_in_at_the_last_moment_is_not_erased(bea: Browser, db: Database, dsn: str):
    """Seen to fail without asking again under the lock, and without the lock."""
    user_id = await number_of(bea)
    await log_in_was(db, user_id, DAYS + 1, warned=31)
    log_in = await asyncpg.connect(dsn)
    async with log_in.transaction():
        await log_in.execute("SELECT FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)
        erasing = asyncio.create_task(erase_unused_accounts(db, DAYS))
        while not await log_in.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
            assert not erasing.done()
            await asyncio.sleep(0.005)
        await log_in.execute(
            "UPDATE account_uses SET logged_in_at = now(), warned_at = NULL WHERE user_id = $1", user_id
        )
    await erasing
    await log_in.close()

    assert not await is_erased(db, user_id)


async def test_who_expects_an_event_and_who_sells_is_not_erased(
    app: Litestar, client: httpx.AsyncClient, bea: Browser, db: Database
):
    organizer = await person(app, client, db, Role.ORGANIZER)
    show: dict[str, Any] = await organizer.has_event(prices={"Stalls": 0, "Floor": 0})
    body = {"event_id": show["id"], "areas": [{"area_id": 0, "quantity": 1}]}
    assert (await bea.ask("POST", "/bookings", body)).status_code == 201
    user_id = await number_of(bea)
    for each in (user_id, organizer.id):
        await log_in_was(db, each, DAYS + 1, warned=31)

    await erase_unused_accounts(db, DAYS)
    assert not await is_erased(db, user_id)
    assert not await is_erased(db, organizer.id)

    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET starts_at = now(), ends_at = NULL WHERE id = $1", show["id"])
    await erase_unused_accounts(db, DAYS)
    assert await is_erased(db, user_id)
    assert not await is_erased(db, organizer.id)


async def test_sessions_that_are_over_go_by_themselves(bea: Browser, db: Database):
    user_id = await number_of(bea)
    phone = bea.copy()
    await phone.log_in()
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE sessions SET created_at = now() - interval '31 days', expires_at = now()
             WHERE id = (SELECT min(id) FROM sessions WHERE user_id = $1)
            """,
            user_id,
        )

    await forget_old_sessions(db)

    assert await db.get(int, "SELECT count(*) FROM sessions WHERE user_id = $1", user_id) == 1
    assert (await phone.refresh()).status_code == 200


async def test_mailed_tokens_and_invitations_that_are_over_are_forgotten_in_rounds(
    bea: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
):
    user_id = await number_of(bea)
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM email_proofs WHERE user_id = $1", user_id)
        await tx.execute(
            """
            INSERT INTO email_proofs (user_id, purpose, email, nonce, token_hash, expires_at)
            SELECT $1, purpose, 'b@example.org', sha256($2), sha256(purpose::bytea || $2), now() + life
              FROM unnest('{VERIFY_EMAIL,RESET_PASSWORD}'::text[], '{-1s,1h}'::interval[])
                AS token (purpose, life)
            """,
            user_id,
            bea.email.encode(),
        )
        await tx.execute(
            """
            INSERT INTO team_invitations (organizer_id, role, email, nonce, token_hash, expires_at)
            SELECT $1, 'VIEWER', n || $2, sha256($2::bytea), sha256((n || $2)::bytea),
                   now() + CASE n WHEN 4 THEN 1 ELSE -1 END * interval '1 hour'
              FROM generate_series(1, 4) AS n
            """,
            user_id,
            bea.email,
        )
    monkeypatch.setattr(members, "FORGOTTEN_AT_ONCE_MAX", 2)

    await forget_old_proofs(db)
    await members.forget_old_invitations(db)

    left = "SELECT purpose FROM email_proofs WHERE user_id = $1"
    assert await db.list(str, left, user_id) == ["RESET_PASSWORD"]
    left = "SELECT email FROM team_invitations WHERE organizer_id = $1"
    assert await db.list(str, left, user_id) == [f"4{bea.email}"]


def test_what_is_less_than_anybody_could_mean_is_refused():
    for name, least in (("UNUSED_ACCOUNT_DAYS", 365), ("AUDIT_ADDRESS_DAYS", 30)):
        variable = f"BOXOFFICE_{name}"
        for days in ("0", str(least)):
            load_settings({variable: days})
        with pytest.raises(SetupError, match=f"{variable} is {least - 1}"):
            load_settings({variable: str(least - 1)})
