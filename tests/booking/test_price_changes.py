"""Prices that change at a time, and a channel's own, over HTTP: shown all-in, fixed when places are held."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from booking.test_fees import SERVICE, hold, on_sale
from boxoffice.accounts.identity import Role
from boxoffice.catalog.channels.keys import CHANNEL_KEY_CHARACTERS_MAX
from boxoffice.catalog.prices.changes import PRICE_CHANGES_MAX
from boxoffice.catalog.prices.tariff import AMOUNT_MAX
from boxoffice.catalog.seat_maps.document import CATEGORIES_MAX
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person, soon


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


def change(amount: int, **later: float) -> dict[str, Any]:
    """From a moment on the stalls cost this."""
    return {"starts_at": soon(**later), "prices": {"Stalls": amount}}


async def change_event(organizer: Person, event: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """Change it; the event as it is then."""
    answer = await organizer.patch(f"/events/{event['id']}", changes)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def document(buyer: Person, event: dict[str, Any]) -> httpx.Response:
    """What is to be had."""
    return await buyer.get(f"/events/{event['id']}/availability")


def stalls(answer: httpx.Response) -> int:
    """What a place in the stalls costs, all-in."""
    found = next(each for each in answer.json()["categories"] if each["category"] == "Stalls")
    return found["all_in_price"]["amount"]


async def test_a_buyer_sees_the_price_of_now_and_the_next_and_pays_that_of_the_hold(
    organizer: Person, buyer: Person, db: Database
):
    changes = [change(800, hours=-2), change(1200, hours=-1), change(2000, hours=1)]
    event = await on_sale(organizer, price_changes=changes, fees=[SERVICE])

    seen = (await buyer.get(f"/events/{event['id']}")).json()
    assert seen["prices"]["Stalls"]["amount"] == 1000
    assert seen["current_prices"]["Stalls"]["amount"] == 1200
    assert seen["all_in_prices"]["Stalls"]["amount"] == 1350
    assert seen["next_price_change"]["all_in_prices"]["Stalls"]["amount"] == 2150
    assert datetime.fromisoformat(seen["next_price_change"]["starts_at"]) == datetime.fromisoformat(
        changes[2]["starts_at"]
    )
    assert [each["prices"] for each in seen["price_changes"]] == [each["prices"] for each in changes]
    listed = await buyer.get("/events", organizer_id=event["organizer_id"])
    assert [each["lowest_price"]["amount"] for each in listed.json()["items"]] == [650]

    found = await document(buyer, event)
    assert stalls(found) == 1350
    assert found.json()["next_price_change"] == seen["next_price_change"]

    booking = await hold(buyer, event, seat_ids=[0])
    assert booking["total"]["amount"] == 1350
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_the_price_changes_while_people_look_and_buy(organizer: Person, buyer: Person, db: Database):
    event = await on_sale(organizer)
    at = await db.get(datetime, "SELECT clock_timestamp() + interval '1.5 seconds'")
    changed = await change_event(
        organizer, event, price_changes=[{"starts_at": at.isoformat(), "prices": {"Stalls": 1500}}]
    )
    before = await document(buyer, event)
    early = await hold(buyer, event, seat_ids=[0])
    seen = await buyer.get(f"/events/{event['id']}")
    while await db.get(bool, "SELECT clock_timestamp() <= $1", at):
        await asyncio.sleep(0.05)
    late = await hold(buyer, event, seat_ids=[1])
    after = await document(buyer, event)
    while stalls(after) == 1000:
        after = await document(buyer, event)
    again = await buyer.get(f"/events/{event['id']}", {"If-None-Match": seen.headers["etag"]})
    swapped = await buyer.post(
        f"/bookings/{early['id']}/exchange", {"give": {"seat_ids": [0]}, "take": {"seat_ids": [2]}}
    )

    assert [each["total"]["amount"] for each in (early, late, swapped.json())] == [1000, 1500, 1500]
    assert (stalls(before), stalls(after)) == (1000, 1500)
    assert before.json()["next_price_change"]["all_in_prices"]["Stalls"]["amount"] == 1500
    assert after.json()["next_price_change"] is None
    # Nobody has changed the event; what it shows has changed all the same.
    assert (again.status_code, again.json()["revision"]) == (200, changed["revision"])
    assert again.headers["etag"] != seen.headers["etag"]
    same = await buyer.get(f"/events/{event['id']}", {"If-None-Match": again.headers["etag"]})
    assert same.status_code == 304
    renamed = await organizer.patch(
        f"/events/{event['id']}", {"title": "Renamed"}, {"If-Match": seen.headers["etag"]}
    )
    assert renamed.status_code == 200
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_viewers_are_told_when_a_price_changes(organizer: Person, buyer: Person, db: Database):
    event = await on_sale(organizer, price_changes=[change(1500, hours=1)])
    first = await document(buyer, event)

    changed = await change_event(organizer, event, price_changes=[change(1700, hours=-1)])
    while (found := await document(buyer, event)).json()["revision"] != changed["revision"]:
        await asyncio.sleep(0.05)

    assert (stalls(first), stalls(found)) == (1000, 1700)
    assert first.headers["etag"] != found.headers["etag"]


async def test_a_channel_sells_at_its_own_prices(organizer: Person, buyer: Person, db: Database):
    event = await on_sale(organizer, price_changes=[change(1500, hours=-1)])
    made = await organizer.post(
        f"/events/{event['id']}/channels", {"name": "Fans", "prices": {"Stalls": 900}}
    )
    assert made.status_code == 201, made.text
    key = made.json()["key"]

    booking = await hold(buyer, event, seat_ids=[0], channel_key=key)
    cheaper = await organizer.patch(
        f"/events/{event['id']}/channels/{made.json()['id']}", {"prices": {"Stalls": 700}}
    )
    assert cheaper.json()["prices"] == {"Stalls": 700}
    swapped = await buyer.post(f"/bookings/{booking['id']}/exchange", {"take": {"seat_ids": [1]}})
    others = await hold(buyer, event, seat_ids=[2])

    assert booking["total"]["amount"] == 900
    assert [place["price"]["amount"] for place in swapped.json()["places"]] == [900, 700]
    assert others["total"]["amount"] == 1500
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_who_shows_a_channels_key_sees_what_a_hold_costs_there(organizer: Person, buyer: Person):
    changes = [change(1500, hours=-1), change(1800, hours=1)]
    at = soon(hours=2)
    later = {"starts_at": at, "prices": {"Floor": 5000, "Stalls": 1900}}
    event = await on_sale(
        organizer, price_changes=[*changes, later], fees=[SERVICE], hidden_categories=["Unused"]
    )
    path, opens = f"/events/{event['id']}", soon(hours=-3)
    fans = {"name": "Fans", "prices": {"Stalls": 900, "Unused": 1}, "sale_starts_at": opens}
    key = (await organizer.post(f"{path}/channels", fans)).json()["key"]
    before = await buyer.get(path)

    shown = await buyer.get(path, {"X-Channel-Key": key})
    cached = await buyer.get(path, {"X-Channel-Key": key, "If-None-Match": before.headers["etag"]})
    booking = await hold(buyer, event, seat_ids=[0], channel_key=key)
    wrong = await buyer.get(path, {"X-Channel-Key": key[:-1]})
    too_long = await buyer.get(path, {"X-Channel-Key": "x" * (CHANNEL_KEY_CHARACTERS_MAX + 1)})

    body = shown.json()
    assert (body["current_prices"]["Stalls"]["amount"], booking["subtotal"]["amount"]) == (900, 900)
    assert body["all_in_prices"]["Stalls"] == booking["total"]
    assert body["current_prices"]["Floor"] == before.json()["current_prices"]["Floor"]
    assert "Unused" not in body["current_prices"]
    # The stalls of the channel change at no time: what is next is the floor.
    coming = body["next_price_change"]
    assert datetime.fromisoformat(coming["starts_at"]) == datetime.fromisoformat(at)
    assert list(coming["all_in_prices"]) == ["Floor"]
    assert datetime.fromisoformat(body["sale_starts_at"]) == datetime.fromisoformat(opens)
    assert (shown.headers["cache-control"], cached.status_code) == ("private, no-store", 200)
    assert before.headers["vary"] == "X-Channel-Key"
    assert (wrong.status_code, wrong.json()["type"]) == (403, "/problems/wrong-channel-key")
    assert too_long.status_code == 422


async def test_what_is_left_out_of_a_change_of_a_channel_stays(organizer: Person):
    event = await on_sale(organizer)
    opens = soon(hours=-1)
    body = {"name": "Fans", "prices": {"Stalls": 900}, "sale_starts_at": opens}
    made = (await organizer.post(f"/events/{event['id']}/channels", body)).json()
    path = f"/events/{event['id']}/channels/{made['id']}"

    changed = await organizer.patch(path, {"sale_ends_at": soon(hours=2)})
    crossed = await organizer.patch(path, {"sale_ends_at": soon(hours=-2)})
    unknown = await organizer.patch(path, {"prices": {"Balcony": 1}})

    assert changed.json()["prices"] == {"Stalls": 900}
    assert datetime.fromisoformat(changed.json()["sale_starts_at"]) == datetime.fromisoformat(opens)
    assert [each["pointer"] for each in crossed.json()["errors"]] == ["/sale_ends_at"]
    assert [each["pointer"] for each in unknown.json()["errors"]] == ["/prices/Balcony"]
    listed = await organizer.get(f"/events/{event['id']}/channels")
    assert [each["prices"] for each in listed.json()] == [{"Stalls": 900}]


def many(count: int) -> list[dict[str, Any]]:
    """So many changes, one a day."""
    return [change(1000 + number, days=number + 1) for number in range(count)]


async def test_an_event_has_so_many_changes_and_no_more(organizer: Person):
    event = await on_sale(organizer)

    changed = await change_event(organizer, event, price_changes=many(PRICE_CHANGES_MAX))
    one_more = await organizer.patch(f"/events/{event['id']}", {"price_changes": many(PRICE_CHANGES_MAX + 1)})

    assert len(changed["price_changes"]) == PRICE_CHANGES_MAX
    assert one_more.status_code == 422
    assert [each["pointer"] for each in one_more.json()["errors"]] == ["/price_changes"]


SAME = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ([{"starts_at": SAME, "prices": {}}], "/price_changes/0/prices"),
        ([{"starts_at": SAME, "prices": {"Balcony": 1}}], "/price_changes/0/prices/Balcony"),
        ([{"starts_at": SAME, "prices": {"Stalls": -1}}], "/price_changes/0/prices/Stalls"),
        ([{"starts_at": SAME, "prices": {"Stalls": AMOUNT_MAX + 1}}], "/price_changes/0/prices/Stalls"),
        ([{"starts_at": SAME, "prices": {f"c{n}": 1 for n in range(CATEGORIES_MAX + 1)}}], None),
        ([{"starts_at": "2027-01-01T00:00:00", "prices": {"Stalls": 1}}], "/price_changes/0/starts_at"),
        ([{"starts_at": "1999-12-31T23:59:59Z", "prices": {"Stalls": 1}}], "/price_changes/0/starts_at"),
        (
            [{"starts_at": SAME, "prices": {"Stalls": 1}}, {"starts_at": SAME, "prices": {"Stalls": 2}}],
            "/price_changes/1/starts_at",
        ),
        ([{"starts_at": SAME}], "/price_changes/0/prices"),
    ],
)
async def test_a_change_that_does_not_fit_is_pointed_at(
    organizer: Person, changes: list[dict[str, Any]], pointer: str | None
):
    event = await on_sale(organizer)

    answer = await organizer.client.patch(
        f"/events/{event['id']}",
        content=msgspec.json.encode({"price_changes": changes}),
        headers=organizer.headers | {"Content-Type": "application/json"},
    )

    assert answer.status_code == 422, answer.text
    found = [error["pointer"] for error in answer.json()["errors"]]
    assert found == ([pointer] if pointer else ["/price_changes/0/prices"])
