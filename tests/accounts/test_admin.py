"""What the command line does to accounts."""

import asyncio
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio

from accounts.browser import PASSWORD, Browser
from boxoffice.accounts.admin import create_user, promote
from boxoffice.accounts.identity import Role
from boxoffice.accounts.passwords import Passwords
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database


@pytest_asyncio.fixture
async def passwords() -> AsyncGenerator[Passwords]:
    """At the real cost, as the command line has them."""
    pool = Passwords(2)
    yield pool
    pool.close()


async def test_a_promotion_takes_effect_when_the_token_is_renewed(ada: Browser, db: Database):
    await promote(db, ada.email.upper(), Role.ORGANIZER)

    assert (await ada.refresh()).json()["user"]["role"] == "ORGANIZER"
    assert (await ada.me()).json()["role"] == "ORGANIZER"


async def test_nobody_is_promoted_without_an_account(browser: Browser, db: Database):
    with pytest.raises(SetupError, match=f"There is no account for {browser.email}"):
        await promote(db, browser.email, Role.ADMIN)


async def test_a_made_user_can_log_in_and_is_made_once(browser: Browser, db: Database, passwords: Passwords):
    async def create(password: str, role: Role) -> int:
        return await create_user(
            db, passwords, email=browser.email, name="Demo", password=password, role=role
        )

    first = await create(PASSWORD, Role.ORGANIZER)
    assert await create("another password", Role.ADMIN) == first
    user = (await browser.log_in()).json()["user"]
    assert (user["id"], user["name"], user["role"]) == (first, "Demo", "ORGANIZER")
    assert user["email_verified"]


async def test_two_who_make_the_same_user_at_once_get_the_same_id(
    browser: Browser, db: Database, passwords: Passwords
):
    ids = await asyncio.gather(
        *(
            create_user(db, passwords, email=browser.email, name="Demo", password=PASSWORD, role=Role.USER)
            for _ in range(2)
        )
    )

    assert ids[0] == ids[1]
