"""Letters: the right one to the right address, each link good once, nothing told to strangers."""

import asyncio
import time
from contextvars import Context
from datetime import timedelta
from email.message import EmailMessage
from traceback import format_exception

import msgspec
import pytest
import structlog

from accounts.browser import PASSWORD, Browser
from accounts.conftest import NewBrowser
from accounts.mailbox import SHOP, Mailbox, read, text_of, token_in
from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.accounts.letter_writing import carry_out_letter
from boxoffice.accounts.letters import LetterKind, LetterWanted
from boxoffice.accounts.proofs.proving import LETTER_PAUSE
from boxoffice.kit.mail import NotTaken
from boxoffice.kit.postgres import Database
from catalog.stage import wait_until_it_waits

NEW_PASSWORD = "a better horse, with a battery"


async def one(mailbox: Mailbox, email: str) -> EmailMessage:
    (letter,) = await mailbox.deliver(email)
    return letter


async def let_time_pass(db: Database, browser: Browser, time: timedelta) -> None:
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE email_proofs
               SET created_at = created_at - $2::interval,
                   expires_at = expires_at - $2::interval,
                   sent_at = sent_at - $2::interval
             WHERE user_id = (SELECT id FROM users WHERE email = $1)
            """,
            browser.email,
            time,
        )


async def forgot(browser: Browser) -> int:
    return (await browser.send("POST", "/auth/forgot-password", json={"email": browser.email})).status_code


async def reset(browser: Browser, token: str, password: str = NEW_PASSWORD) -> int:
    body = {"token": token, "new_password": password}
    return (await browser.send("POST", "/auth/reset-password", json=body)).status_code


async def verify(browser: Browser, token: str) -> int:
    return (await browser.send("POST", "/auth/verify-email", json={"token": token})).status_code


async def verified(browser: Browser, mailbox: Mailbox) -> Browser:
    assert await verify(browser, token_in(await one(mailbox, browser.email))) == 204
    return browser


async def test_whoever_registers_is_asked_to_confirm_the_address(ada: Browser, mailbox: Mailbox):
    letter = await one(mailbox, ada.email)

    assert (letter["To"], letter["From"]) == (ada.email, "Box office <tickets@example.org>")
    assert letter["Subject"] == "Confirm your e-mail address"
    assert f"{SHOP}/verify-email#token={token_in(letter)}" in text_of(letter)
    html = letter.get_body(("html",))
    assert html is not None
    assert f'href="{SHOP}/verify-email#token={token_in(letter)}"' in html.get_content()
    assert "Ada" not in letter.as_string()
    assert (await ada.me()).json()["email_verified"] is False
    assert await verify(ada, token_in(letter)) == 204
    assert (await ada.me()).json()["email_verified"] is True
    assert await verify(ada, token_in(letter)) == 410


async def test_an_address_that_has_an_account_is_told_so_and_nobody_else(ada: Browser, mailbox: Mailbox):
    await verified(ada, mailbox)
    stranger = ada.copy()
    answer = await stranger.register("somebody else's password")
    (letter,) = await mailbox.deliver(ada.email)

    assert answer.status_code == 201
    assert letter["Subject"] == "You have an account already"
    assert await reset(ada, token_in(letter)) == 204


async def test_a_forgotten_password_is_replaced_and_every_session_ends(ada: Browser, mailbox: Mailbox):
    await mailbox.deliver(ada.email)
    assert await forgot(ada) == 204
    letter = await one(mailbox, ada.email)

    assert f"{SHOP}/reset-password#token=" in text_of(letter)
    assert await reset(ada, token_in(letter), "password1") == 422
    assert await reset(ada, token_in(letter)) == 204
    assert (await ada.refresh()).status_code == 401
    assert (await ada.log_in()).status_code == 401
    assert (await ada.log_in(NEW_PASSWORD)).json()["user"]["email_verified"] is True
    assert await reset(ada, token_in(letter), "yet another horse") == 410
    assert (await one(mailbox, ada.email))["Subject"] == "Your password was changed"


async def test_an_unknown_address_gets_no_letter_and_the_same_answer(browser: Browser, mailbox: Mailbox):
    assert await forgot(browser) == 204
    answer = await browser.send("POST", "/auth/verification-letters", json={"email": browser.email})

    assert (answer.status_code, answer.content) == (204, b"")
    assert await mailbox.deliver(browser.email) == []


async def test_a_link_goes_to_the_address_of_the_account_however_it_was_written(
    new_browser: NewBrowser, mailbox: Mailbox
):
    """The sign of the Kelvin in lower case is a k, so it finds the account; it may be another mailbox."""
    kate = new_browser()
    kate.email = f"kate-{kate.email}"
    await kate.register()
    await mailbox.deliver(kate.email)
    strange = kate.email.replace("k", "\N{KELVIN SIGN}", 1)
    assert (await kate.send("POST", "/auth/forgot-password", json={"email": strange})).status_code == 204
    letter = await one(mailbox, strange)

    assert letter["To"] == kate.email
    assert await reset(kate, token_in(letter)) == 204


async def test_a_token_opens_only_what_it_was_made_for(ada: Browser, mailbox: Mailbox):
    verification = token_in(await one(mailbox, ada.email))
    await forgot(ada)
    resetting = token_in(await one(mailbox, ada.email))

    assert await reset(ada, verification) == 410
    assert await verify(ada, resetting) == 410
    assert await verify(ada, verification) == 204
    assert await reset(ada, resetting) == 204


@pytest.mark.parametrize("age", [timedelta(minutes=59), timedelta(minutes=61)])
async def test_a_reset_is_good_for_an_hour(ada: Browser, mailbox: Mailbox, db: Database, age: timedelta):
    await mailbox.deliver(ada.email)
    await forgot(ada)
    token = token_in(await one(mailbox, ada.email))
    await let_time_pass(db, ada, age)

    assert await reset(ada, token) == (204 if age < timedelta(hours=1) else 410)


async def test_of_two_who_use_one_token_at_once_one_succeeds(ada: Browser, mailbox: Mailbox):
    await mailbox.deliver(ada.email)
    await forgot(ada)
    token = token_in(await one(mailbox, ada.email))
    statuses = await asyncio.gather(*(reset(ada, token, f"horse number {n} of ten") for n in range(10)))

    assert sorted(statuses) == [204, *[410] * 9]


async def test_nobodys_mailbox_is_filled(ada: Browser, mailbox: Mailbox, db: Database):
    await mailbox.deliver(ada.email)
    for _ in range(5):
        await forgot(ada)
    letters = await mailbox.deliver(ada.email)

    assert len(letters) == 1
    await let_time_pass(db, ada, LETTER_PAUSE)
    await forgot(ada)
    # The same link again, while it is good: nobody else makes it void by asking.
    assert token_in(await one(mailbox, ada.email)) == token_in(letters[0])


async def test_a_server_that_refuses_for_now_is_asked_again_for_the_same_letter(
    ada: Browser, mailbox: Mailbox
):
    (wanted,) = await mailbox.wanted(ada.email)
    payload = msgspec.json.encode(wanted)
    mailbox.refuse = f"451 <{ada.email}> come back later"
    try:
        with pytest.raises(NotTaken, match="come back later") as refused:
            await carry_out_letter(mailbox.db, mailbox.post, mailbox.proofs, SHOP, payload)
        mailbox.refuse = f"554 {ada.email} never"
        with structlog.testing.capture_logs() as logged:
            await carry_out_letter(mailbox.db, mailbox.post, mailbox.proofs, SHOP, payload)
    finally:
        mailbox.refuse = None
    # Both come into the log; the first, with all that it came from, into the table of jobs.
    assert "554" in str(logged)
    assert ada.email not in "".join(format_exception(refused.value)) + str(logged)
    await carry_out_letter(mailbox.db, mailbox.post, mailbox.proofs, SHOP, payload)
    letter = read(mailbox.envelopes[-1])

    assert letter["Message-ID"] == f"<{wanted.id}@example.org>"
    assert await verify(ada, token_in(letter)) == 204


async def test_a_letter_that_could_not_be_sent_for_a_day_is_given_up(ada: Browser, mailbox: Mailbox):
    (wanted,) = await mailbox.wanted(ada.email)
    old = msgspec.structs.replace(wanted, asked_at=time.time() - 86_401)
    before = len(mailbox.envelopes)
    await carry_out_letter(mailbox.db, mailbox.post, mailbox.proofs, SHOP, msgspec.json.encode(old))

    assert len(mailbox.envelopes) == before


async def test_a_change_of_the_secret_makes_a_new_link(ada: Browser, mailbox: Mailbox, db: Database):
    before = token_in(await one(mailbox, ada.email))
    await let_time_pass(db, ada, LETTER_PAUSE)
    wanted = LetterWanted("a-letter", LetterKind.VERIFY_EMAIL, ada.email, time.time())
    proofs = type(mailbox.proofs)("another secret of the same length")
    await carry_out_letter(db, mailbox.post, proofs, SHOP, msgspec.json.encode(wanted))
    after = token_in(read(mailbox.envelopes[-1]))

    assert await verify(ada, before) == 410
    assert await verify(ada, after) == 204


async def test_another_address_counts_once_its_letter_was_opened(
    ada: Browser, new_browser: NewBrowser, mailbox: Mailbox
):
    await verified(ada, mailbox)
    old, new = ada.email, new_browser().email
    body = {"email": new, "password": "not the password"}
    assert (await ada.ask("POST", "/me/email", body)).status_code == 403
    assert (await ada.ask("POST", "/me/email", body | {"password": PASSWORD})).status_code == 204
    assert (await ada.me()).json()["email"] == old
    assert await verify(ada, token_in(await one(mailbox, new))) == 204

    user = (await ada.me()).json()
    assert (user["email"], user["email_verified"]) == (new, True)
    assert (await one(mailbox, old))["Subject"] == "Your account has another e-mail address"
    assert (await ada.log_in()).status_code == 401
    ada.email = new
    assert (await ada.log_in()).status_code == 200


async def test_an_address_with_an_account_is_told_and_nothing_changes(
    ada: Browser, new_browser: NewBrowser, mailbox: Mailbox
):
    other = new_browser()
    await other.register()
    await mailbox.deliver(other.email)
    body = {"email": other.email, "password": PASSWORD}

    assert (await ada.ask("POST", "/me/email", body)).status_code == 204
    letter = await one(mailbox, other.email)
    assert letter["Subject"] == "This address has an account"
    assert "#token=" not in text_of(letter)


async def test_an_address_that_was_taken_meanwhile_stays_with_who_took_it(
    ada: Browser, new_browser: NewBrowser, mailbox: Mailbox
):
    other = new_browser()
    await ada.ask("POST", "/me/email", {"email": other.email, "password": PASSWORD})
    token = token_in(await one(mailbox, other.email))
    await other.register()
    answer = await ada.send("POST", "/auth/verify-email", json={"token": token})

    assert (answer.status_code, answer.json()["type"]) == (409, "/problems/email-taken")


async def test_an_address_that_is_taken_at_this_very_moment_is_refused_too(
    ada: Browser, new_browser: NewBrowser, mailbox: Mailbox, db: Database
):
    other = new_browser().email
    await ada.ask("POST", "/me/email", {"email": other, "password": PASSWORD})
    token = token_in(await one(mailbox, other))
    async with db.transaction() as tx:
        await queries.insert_user(tx, email=other, name="Bea", role=Role.USER, password_hash="-")
        me = await tx.get(int, "SELECT pg_backend_pid()")
        verifying = asyncio.create_task(
            ada.send("POST", "/auth/verify-email", json={"token": token}), context=Context()
        )
        await wait_until_it_waits(tx, me, verifying)

    assert (await verifying).json()["type"] == "/problems/email-taken"


@pytest.mark.parametrize(
    "address",
    [
        "=?utf-8?q?a=0d=0aBcc=3a_eve=40example.org?=@example.org",
        "ada@=?utf-8?q?example?=.org",
        '"ada lovelace"@example.org',
        "ada@example.org\r\nBcc: eve@example.org",
        "ada@example.org, eve@example.org",
        "<ada@example.org>",
        "ada@[127.0.0.1]",
        "ada@localhost",
        "ada..lovelace@example.org",
        "ada@-example.org",
        "ad\u00e0@example.org",
        "a" * 65 + "@example.org",
    ],
)
async def test_an_address_that_could_add_headers_or_none_takes_is_refused(ada: Browser, address: str):
    ada_id = (await ada.me()).json()["id"]
    body = {"email": address, "password": PASSWORD}

    assert (await ada.send("POST", "/auth/register", json=body | {"name": "Ada"})).status_code == 422
    assert (await ada.ask("POST", "/me/email", body)).status_code == 422
    assert (await ada.me()).json()["id"] == ada_id


@pytest.mark.parametrize("path", ["/auth/verify-email", "/auth/reset-password"])
@pytest.mark.parametrize("token", ["", "a" * 42, "a" * 44, "a" * 42 + "\n", "\u00e9" * 43, "../" * 14 + "a"])
async def test_what_is_no_token_is_refused(ada: Browser, path: str, token: str):
    body = {"token": token} | ({"new_password": NEW_PASSWORD} if "reset" in path else {})

    assert (await ada.send("POST", path, json=body)).status_code == 422


@pytest.mark.parametrize("page", ["/verify-email", "/reset-password"])
async def test_the_pages_links_lead_to_load_nothing_from_elsewhere(ada: Browser, page: str):
    answer = await ada.send("GET", f"http://testserver{page}")

    assert answer.status_code == 200
    assert "default-src 'none'; script-src 'self'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


@pytest.mark.parametrize("page", ["/reset-password", "/join-team"])
async def test_a_page_that_takes_a_password_can_show_it(ada: Browser, page: str):
    text = (await ada.send("GET", f"http://testserver{page}")).text
    script = (await ada.send("GET", "http://testserver/account-pages.js")).text

    assert 'id="secret"' in text
    assert '<input id="show" type="checkbox">' in text
    assert 'getElementById("secret").type = changed.target.checked ? "text" : "password"' in script
