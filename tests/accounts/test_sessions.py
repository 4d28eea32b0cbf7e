"""One's own sessions: seen, ended one by one and all at once; a new password; suspension."""

from typing import Any

import pytest
from litestar import Litestar

from accounts.browser import PASSWORD, Browser
from accounts.conftest import NewBrowser
from accounts.mailbox import Mailbox
from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database


async def items(browser: Browser) -> list[dict[str, Any]]:
    answer = await browser.ask("GET", "/auth/sessions")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def user_of(browser: Browser) -> dict[str, Any]:
    return (await browser.me()).json()


async def admin(new_browser: NewBrowser, db: Database) -> Browser:
    browser = new_browser()
    await browser.register()
    user_id = await queries.find_user_id(db, browser.email)
    assert user_id is not None
    async with db.transaction() as tx:
        await queries.update_role(tx, user_id, Role.ADMIN)
    await browser.log_in()
    return browser


async def test_sessions_are_listed_newest_first_and_ours_is_marked(ada: Browser):
    phone = ada.copy()
    await phone.log_in(headers={"User-Agent": "Telephone\t1.0 " + "x" * 300})
    listed = await items(ada)

    assert [item["current"] for item in listed] == [False, True]
    assert listed[0]["user_agent"].startswith("Telephone 1.0")
    assert len(listed[0]["user_agent"]) == 200
    assert listed[0]["address"] == "127.0.0.1"
    assert set(listed[0]) == {
        "id", "created_at", "last_used_at", "expires_at", "user_agent", "address", "current",
    }  # fmt: skip


async def test_a_session_is_ended_by_its_owner_and_by_nobody_else(ada: Browser, new_browser: NewBrowser):
    phone, stranger = ada.copy(), new_browser()
    await phone.log_in()
    await stranger.register()
    await stranger.log_in()
    session_id = (await items(ada))[0]["id"]

    assert (await stranger.ask("DELETE", f"/auth/sessions/{session_id}")).status_code == 404
    assert (await phone.refresh()).status_code == 200
    assert (await ada.ask("DELETE", f"/auth/sessions/{session_id}")).status_code == 204
    assert (await phone.refresh()).status_code == 401
    assert (await ada.refresh()).status_code == 200
    assert (await ada.ask("DELETE", f"/auth/sessions/{session_id}")).status_code == 404


async def test_logging_out_everywhere_ends_every_session_of_the_account_only(
    ada: Browser, new_browser: NewBrowser
):
    phone, stranger = ada.copy(), new_browser()
    await phone.log_in()
    await stranger.register()
    await stranger.log_in()

    assert (await ada.ask("DELETE", "/auth/sessions")).status_code == 204
    assert [(await each.refresh()).status_code for each in (ada, phone, stranger)] == [401, 401, 200]
    assert (await ada.log_in()).status_code == 200
    assert [each["current"] for each in await items(ada)] == [True]


async def test_a_new_password_ends_the_other_sessions_and_its_owner_is_told(ada: Browser, mailbox: Mailbox):
    await mailbox.deliver(ada.email)
    thief = ada.copy()
    await thief.log_in()
    change = {"password": PASSWORD, "new_password": "a better horse, with a battery"}

    assert (await ada.ask("POST", "/auth/password", change)).status_code == 204
    assert (await thief.refresh()).status_code == 401
    assert (await ada.refresh()).status_code == 200
    assert (await ada.log_in()).status_code == 401
    assert (await ada.log_in("a better horse, with a battery")).status_code == 200
    assert [each["Subject"] for each in await mailbox.deliver(ada.email)] == ["Your password was changed"]


@pytest.mark.parametrize(
    ("password", "new_password", "status"),
    [
        ("not the password", "a better horse, with a battery", 403),
        (PASSWORD, "password1", 422),
        (PASSWORD, "1234567", 422),
    ],
)
async def test_a_wrong_or_a_guessable_password_changes_nothing(
    ada: Browser, password: str, new_password: str, status: int
):
    answer = await ada.ask("POST", "/auth/password", {"password": password, "new_password": new_password})

    assert answer.status_code == status
    assert (await ada.log_in()).status_code == 200


async def test_a_password_that_changed_while_it_was_checked_lets_nobody_in(
    ada: Browser, db: Database, monkeypatch: pytest.MonkeyPatch
):
    find_password = queries.find_password

    async def find_and_change(*arguments: Any) -> Any:
        found = await find_password(*arguments)
        assert found is not None
        async with db.transaction() as tx:
            await queries.update_password_hash(tx, found.user_id, "another one by now")
        return found

    monkeypatch.setattr(queries, "find_password", find_and_change)
    assert (await ada.log_in()).status_code == 401


async def test_a_suspended_account_is_out_at_its_next_refresh(
    ada: Browser, new_browser: NewBrowser, db: Database
):
    boss, ada_id = await admin(new_browser, db), (await user_of(ada))["id"]
    answer = await boss.ask("PATCH", f"/users/{ada_id}", {"suspended": True})

    assert (answer.status_code, answer.json()["suspended"]) == (200, True)
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_in()).json()["type"] == "/problems/account-suspended"
    # Who does not have the password learns nothing.
    assert (await ada.log_in("not the password")).json()["type"] == "/problems/wrong-credentials"
    assert (await boss.ask("PATCH", f"/users/{ada_id}", {"suspended": False})).status_code == 200
    assert (await ada.log_in()).status_code == 200


@pytest.mark.parametrize("change", [{"role": "USER"}, {"suspended": True}])
async def test_an_admin_who_is_none_any_more_is_shut_out_at_once(
    new_browser: NewBrowser, db: Database, change: dict[str, Any]
):
    boss, other = await admin(new_browser, db), await admin(new_browser, db)
    other_id = (await user_of(other))["id"]

    assert (await other.ask("GET", f"/users/{other_id}")).status_code == 200
    assert (await boss.ask("PATCH", f"/users/{other_id}", change)).status_code == 200
    # Its session is over, too; a token of none still says ADMIN.
    other.access_token = other.app.state["tokens"].issue(other_id, Role.ADMIN)
    assert (await other.ask("GET", f"/users/{other_id}")).status_code == 403
    assert (await other.ask("PATCH", f"/users/{other_id}", {"role": "ADMIN"})).status_code == 403


async def test_nobody_changes_their_own_role(new_browser: NewBrowser, db: Database):
    boss = await admin(new_browser, db)
    answer = await boss.ask("PATCH", f"/users/{(await user_of(boss))['id']}", {"suspended": True})

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/not-yourself")


async def test_admins_find_accounts_by_part_of_the_address_or_name(
    ada: Browser, new_browser: NewBrowser, db: Database
):
    boss = await admin(new_browser, db)
    found = await boss.ask("GET", f"/users?q={ada.email[3:20].upper()}")

    assert [user["email"] for user in found.json()["items"]] == [ada.email]
    assert (await boss.ask("GET", "/users?q=%25_%25")).json()["items"] == []
    page = (await boss.ask("GET", "/users?limit=1")).json()
    assert page["next_cursor"] is not None
    assert (await boss.ask("GET", "/users/4000000000")).status_code == 404
    assert (await ada.ask("GET", "/users")).status_code == 403


async def test_behind_a_proxy_that_is_trusted_the_session_shows_the_client(
    proxied_app: Litestar, new_browser: NewBrowser, mailbox: Mailbox
):
    browser = new_browser().copy(proxied_app)
    await browser.register()
    await browser.log_in(headers={"X-Forwarded-For": "10.9.9.9, 203.0.113.7, 127.0.0.1"})

    assert (await items(browser))[0]["address"] == "203.0.113.7"
