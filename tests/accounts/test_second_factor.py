"""The second factor: codes of RFC 6238, each once, and recovery codes."""

import asyncio
import base64
import time
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from accounts.browser import PASSWORD, Browser
from accounts.conftest import NewBrowser
from accounts.mailbox import Mailbox, token_in
from boxoffice.accounts.second_factor.codes import FAILURE_WINDOW, FAILURES_MAX, SecondFactors
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings

# In the middle of a step, so that no test runs over its end.
NOON = 1_800_000_015


class Authenticator:
    """What a person has in the other hand."""

    def __init__(self, secret: str) -> None:
        self.hotp = HOTP(base64.b32decode(secret), 6, SHA1())  # noqa: S303  what authenticators have

    def code(self, steps: int = 0) -> str:
        return self.hotp.generate(int(time.time()) // 30 + steps).decode()


@pytest.fixture(autouse=True)
def noon(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock that authenticators and we go by; access tokens go by it too."""
    now = [float(NOON)]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


async def set_up(browser: Browser) -> tuple[Authenticator, list[str]]:
    await browser.log_in()
    answer = await browser.ask("POST", "/me/second-factor", {"password": PASSWORD})
    assert answer.status_code == 201, answer.text
    authenticator = Authenticator(answer.json()["secret"])
    confirmed = await browser.ask("POST", "/me/second-factor/confirm", {"code": authenticator.code(-1)})
    assert confirmed.status_code == 200, confirmed.text
    return authenticator, confirmed.json()["recovery_codes"]


async def problem(browser: Browser, code: str | None) -> tuple[int, str]:
    answer = await browser.log_in(code=code)
    return answer.status_code, answer.json().get("type", "")


def test_the_codes_are_those_of_the_rfc():
    # RFC 6238, appendix B, the last six digits of the SHA-1 column.
    hotp = HOTP(b"12345678901234567890", 6, SHA1())  # noqa: S303  what authenticators have
    for moment, code in ((59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")):
        assert hotp.generate(moment // 30).decode() == code


async def test_logging_in_takes_a_code_from_then_on(ada: Browser):
    authenticator, codes = await set_up(ada)

    assert await problem(ada, None) == (401, "/problems/second-factor-needed")
    assert await problem(ada, "000000") == (401, "/problems/wrong-code")
    assert (await ada.log_in(code=authenticator.code())).json()["user"]["second_factor"] is True
    assert len(set(codes)) == 10
    # Who does not have the password is not told that a code would be needed.
    assert (await ada.log_in("not the password")).json()["type"] == "/problems/wrong-credentials"


async def test_a_secret_counts_only_once_it_was_confirmed(ada: Browser):
    await ada.log_in()
    first = await ada.ask("POST", "/me/second-factor", {"password": PASSWORD})
    second = await ada.ask("POST", "/me/second-factor", {"password": PASSWORD})
    assert first.json()["secret"] != second.json()["secret"]
    assert (await ada.log_in()).status_code == 200
    stale = Authenticator(first.json()["secret"]).code()

    assert (await ada.ask("POST", "/me/second-factor/confirm", {"code": stale})).status_code == 401
    assert second.json()["uri"].startswith("otpauth://totp/Boxoffice%3A")
    code = Authenticator(second.json()["secret"]).code()
    assert (await ada.ask("POST", "/me/second-factor/confirm", {"code": code})).status_code == 200
    assert (await ada.ask("POST", "/me/second-factor/confirm", {"code": code})).status_code == 409
    assert (await ada.ask("POST", "/me/second-factor", {"password": PASSWORD})).status_code == 401


async def test_a_code_is_taken_once_and_no_older_one_after_it(ada: Browser, noon: list[float]):
    authenticator, _ = await set_up(ada)
    before, now = authenticator.code(-1), authenticator.code()

    assert await problem(ada, before) == (401, "/problems/wrong-code")
    assert (await ada.log_in(code=now)).status_code == 200
    assert await problem(ada, now) == (401, "/problems/wrong-code")
    noon[0] += 30
    assert await problem(ada, now) == (401, "/problems/wrong-code")
    assert (
        await ada.log_in(code=f" {authenticator.code()[:3]} {authenticator.code()[3:]}")
    ).status_code == 200


async def test_the_owner_is_told_of_every_change_and_of_a_code_that_is_used_again(
    ada: Browser, mailbox: Mailbox
):
    await mailbox.deliver(ada.email)
    authenticator, codes = await set_up(ada)
    await ada.ask("POST", "/me/second-factor/recovery-codes", {"code": authenticator.code()})
    with structlog.testing.capture_logs() as logged:
        assert await problem(ada, authenticator.code()) == (401, "/problems/wrong-code")
    await problem(ada, "000000")

    assert [each["Subject"] for each in await mailbox.deliver(ada.email)] == [
        "Your account has a second factor",
        "Your account has new recovery codes",
        "A code of yours was used twice",
    ]
    assert "code of a second factor used again" in [entry["event"] for entry in logged]
    assert {len(code.replace("-", "")) for code in codes} == {24}


async def test_of_ten_log_ins_with_one_code_one_succeeds(ada: Browser):
    authenticator, _ = await set_up(ada)
    code = authenticator.code()
    answers = await asyncio.gather(*(ada.copy().log_in(code=code) for _ in range(FAILURES_MAX)))

    assert sorted(answer.status_code for answer in answers) == [200, *[401] * (FAILURES_MAX - 1)]


@pytest.mark.parametrize(("steps", "status"), [(-2, 401), (-1, 401), (0, 200), (1, 200), (2, 401)])
async def test_clocks_may_differ_by_one_step(ada: Browser, steps: int, status: int):
    authenticator, _ = await set_up(ada)

    # The step before was used up by the confirmation.
    assert (await ada.log_in(code=authenticator.code(steps))).status_code == status


async def test_a_recovery_code_works_once(ada: Browser):
    _, codes = await set_up(ada)

    assert (await ada.log_in(code=codes[3].lower())).status_code == 200
    assert await problem(ada, codes[3]) == (401, "/problems/wrong-code")
    assert (await ada.log_in(code=codes[4].replace("-", " "))).status_code == 200


async def test_new_recovery_codes_void_the_old_ones(ada: Browser):
    authenticator, codes = await set_up(ada)
    answer = await ada.ask("POST", "/me/second-factor/recovery-codes", {"code": authenticator.code()})

    assert await problem(ada, codes[0]) == (401, "/problems/wrong-code")
    assert (await ada.log_in(code=answer.json()["recovery_codes"][0])).status_code == 200


async def test_after_five_wrong_codes_even_the_right_one_waits(ada: Browser, db: Database):
    authenticator, codes = await set_up(ada)
    for _ in range(FAILURES_MAX):
        assert (await problem(ada, "123456"))[0] == 401
    answer = await ada.log_in(code=authenticator.code())

    assert (answer.status_code, answer.headers["retry-after"]) == (429, "900")
    assert (await problem(ada, codes[0]))[0] == 429
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE second_factors SET failed_at = failed_at - $2::interval
             WHERE user_id = (SELECT id FROM users WHERE email = $1)
            """,
            ada.email,
            FAILURE_WINDOW,
        )
    assert (await ada.log_in(code=authenticator.code())).status_code == 200


async def test_removing_it_takes_the_password_and_a_code(ada: Browser, mailbox: Mailbox):
    authenticator, codes = await set_up(ada)
    await mailbox.deliver(ada.email)

    async def remove(**body: Any) -> int:
        return (await ada.ask("POST", "/me/second-factor/remove", body)).status_code

    assert await remove(password=PASSWORD) == 401
    assert await remove(password="not the password", code=authenticator.code()) == 403
    assert await remove(password=PASSWORD, code=codes[0]) == 204
    assert (await ada.log_in()).status_code == 200
    (letter,) = await mailbox.deliver(ada.email)
    assert letter["Subject"] == "Your account has no second factor any more"
    assert await remove(password=PASSWORD) == 204
    assert await mailbox.deliver(ada.email) == []


async def test_a_password_alone_changes_neither_password_nor_address(ada: Browser, new_browser: NewBrowser):
    authenticator, _ = await set_up(ada)
    password = {"password": PASSWORD, "new_password": "a better horse, with a battery"}
    address = {"password": PASSWORD, "email": new_browser().email}

    assert (await ada.ask("POST", "/auth/password", password)).status_code == 401
    assert (await ada.ask("POST", "/me/email", address)).status_code == 401
    assert (await ada.ask("POST", "/me/email", address | {"code": authenticator.code()})).status_code == 204


@pytest.mark.parametrize(("known", "status"), [("verified", 401), ("unverified", 200)])
async def test_a_reset_leaves_it_unless_nobody_had_verified_the_address(
    ada: Browser, mailbox: Mailbox, known: str, status: int
):
    """A stranger may have registered the address, with a factor of their own."""
    (letter,) = await mailbox.deliver(ada.email)
    if known == "verified":
        await ada.send("POST", "/auth/verify-email", json={"token": token_in(letter)})
    await set_up(ada)
    await ada.send("POST", "/auth/forgot-password", json={"email": ada.email})
    *_, letter = await mailbox.deliver(ada.email)
    new = {"token": token_in(letter), "new_password": "a better horse, with a battery"}
    assert (await ada.send("POST", "/auth/reset-password", json=new)).status_code == 204

    assert (await ada.log_in(new["new_password"])).status_code == status


async def test_the_secret_is_sealed_for_its_owner(ada: Browser, db: Database):
    await set_up(ada)
    user_id = (await ada.me()).json()["id"]
    sealed = await db.get(bytes, "SELECT secret_sealed FROM second_factors WHERE user_id = $1", user_id)
    factors = SecondFactors(["the wrong secret, though long enough for one"])

    assert len(sealed) == 4 + 12 + 20 + 16
    assert factors._seal.open(sealed, str(user_id).encode()) is None  # pyright: ignore[reportPrivateUsage]


async def test_after_a_change_of_the_secret_a_code_logs_in_and_is_sealed_anew(ada: Browser, db: Database):
    authenticator, _ = await set_up(ada)
    user_id = (await ada.me()).json()["id"]
    new = "another secret of this installation"
    async with db.transaction() as tx:
        assert await SecondFactors([new, Settings().secret]).check(tx, user_id, authenticator.code()) is None
    async with db.transaction() as tx:
        assert await SecondFactors([new]).check(tx, user_id, authenticator.code(1)) is None


@pytest.mark.parametrize("role", ["ORGANIZER", "ADMIN"])
async def test_where_it_is_required_who_has_none_can_do_no_more_than_a_buyer(
    strict_app: Any, ada: Browser, db: Database, role: str
):
    async with db.transaction() as tx:
        await tx.execute("UPDATE users SET role = $2 WHERE email = $1", ada.email, role)
    strict = ada.copy(strict_app)
    await strict.log_in()
    path = "/users" if role == "ADMIN" else "/events?mine=true"
    venue = {"name": "Hall", "city": "Erfurt", "country": "DE", "time_zone": "Europe/Berlin"}

    assert (await strict.ask("POST", "/venues", venue)).status_code == 403
    authenticator, _ = await set_up(strict)
    await strict.log_in(code=authenticator.code())
    assert (await strict.ask("POST", "/venues", venue)).status_code == 201
    assert (await strict.ask("GET", path)).status_code == 200
