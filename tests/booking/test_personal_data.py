"""What is known about a person is handed over to them and erased for them; the books stay."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from accounts.browser import PASSWORD, Browser
from accounts.mailbox import Mailbox
from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person, word


@pytest.fixture
async def show(app: Litestar, client: httpx.AsyncClient, db: Database) -> dict[str, Any]:
    organizer = await person(app, client, db, Role.ORGANIZER)
    return await organizer.has_event(prices={"Stalls": 0, "Floor": 0})


@pytest.fixture
async def bea(app: Litestar) -> Browser:
    browser = Browser(app, f"{word()}@example.org")
    browser.name = f"Bea {word()}"
    await browser.register(name=browser.name)
    await browser.log_in()
    return browser


async def book(browser: Browser, show: dict[str, Any]) -> dict[str, Any]:
    body = {"event_id": show["id"], "areas": [{"area_id": 0, "quantity": 2}]}
    answer = await browser.ask("POST", "/bookings", body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def everywhere(db: Database, needle: str) -> list[str]:
    """The tables that have this text in some row; jobs aside, which go once they are done."""
    tables = await db.list(
        str, "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"
    )
    found: list[str] = []
    for table in tables:
        query: Any = f"SELECT count(*) FROM {table} AS row WHERE strpos(row::text, $1) > 0"  # noqa: S608  names from the catalog
        if not table.startswith("pgqueuer") and await db.get(int, query, needle):
            found.append(table)
    return found


async def test_everything_about_a_person_is_handed_over_page_by_page(bea: Browser, show: dict[str, Any]):
    bookings = [await book(bea, show) for _ in range(3)]
    first = await bea.ask("GET", "/me/personal-data?limit=2")
    data = first.json()
    rest = (await bea.ask("GET", f"/me/personal-data?cursor={data['next_cursor']}")).json()

    assert (data["account"]["email"], data["account"]["name"]) == (bea.email, bea.name)
    assert [session["address"] for session in data["sessions"]] == ["127.0.0.1"]
    seen = [record["booking"]["id"] for record in (*data["bookings"], *rest["bookings"])]
    assert seen == [booking["id"] for booking in reversed(bookings)]
    assert [len(record["tickets"]) for record in data["bookings"]] == [2, 2]
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["link"].endswith('rel="next"')
    assert rest["next_cursor"] is None


async def test_erasing_leaves_the_books_and_nothing_that_says_who_it_was(
    bea: Browser, show: dict[str, Any], db: Database, mailbox: Mailbox
):
    booking = await book(bea, show)
    user_id = (await bea.me()).json()["id"]
    assert "users" in await everywhere(db, bea.email)
    assert (await bea.ask("POST", "/me/erase", {"password": "not the password"})).status_code == 403
    assert (await bea.ask("POST", "/me/erase", {"password": PASSWORD})).status_code == 204

    assert await everywhere(db, bea.email) == []
    assert await everywhere(db, bea.name) == []
    assert (await bea.refresh()).status_code == 401
    assert (await bea.log_in()).status_code == 401
    row = await db.get(str, "SELECT state FROM bookings WHERE buyer_id = $1", user_id)
    assert (row, booking["state"]) == ("CONFIRMED", "CONFIRMED")
    assert "Your account was erased" in [letter["Subject"] for letter in await mailbox.deliver(bea.email)]
    assert (await bea.register()).status_code == 201
    assert (await bea.log_in()).json()["user"]["id"] != user_id


async def test_who_has_events_to_come_or_runs_the_house_is_not_erased(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    admin, organizer = [await person(app, client, db, role) for role in (Role.ADMIN, Role.ORGANIZER)]
    event = await organizer.has_event()
    await organizer.post("/api-keys", {"name": "Key", "role": "OWNER"})

    assert (await admin.delete(f"/users/{organizer.id}")).status_code == 409
    assert (await admin.delete(f"/users/{admin.id}")).status_code == 409
    assert (await organizer.post(f"/events/{event['id']}/cancel")).status_code == 200
    assert (await admin.delete(f"/users/{organizer.id}")).status_code == 204
    assert (await admin.get(f"/users/{organizer.id}")).json()["name"] == "Erased"
    assert await db.get(int, "SELECT count(*) FROM api_keys WHERE organizer_id = $1", organizer.id) == 0
    assert (await admin.delete("/users/4000000000")).status_code == 404


async def test_a_person_without_an_account_has_no_data(app: Litestar, client: httpx.AsyncClient):
    nobody = Person(client, None, app.state.tokens.issue(2**62, Role.USER))

    assert (await nobody.get("/me/personal-data")).status_code == 404
    assert (await nobody.get("/me/personal-data", cursor="bm8")).status_code in (404, 422)
