"""Events over HTTP: changing and publishing them."""

import asyncio
from contextvars import Context
from typing import Any

import pytest

from boxoffice.catalog.schemas import (
    ROW_ID_MAX,
    EventState,
)
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.kit.postgres import Database
from catalog.stage import Person, pointers, small_plan, soon, wait_until_it_waits


async def test_a_draft_changes_and_every_change_counts(organizer: Person, db: Database):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"
    other_map = await organizer.has_map(draft["venue"]["id"], small_plan())

    answer = await organizer.patch(
        path,
        {
            "seat_map_id": other_map,
            "prices": {"Box": 9000},
            "currency": "USD",
            "starts_at": "2031-05-01T20:00:00+02:00",
            "ends_at": "2031-05-01T23:00:00+02:00",
            "time_zone": "America/New_York",
        },
    )
    cleared = await organizer.patch(path, {"ends_at": None})

    changed = answer.json()
    assert answer.status_code == 200
    assert (changed["revision"], changed["seat_map_id"], changed["title"]) == (2, other_map, draft["title"])
    assert changed["prices"] == {"Box": {"amount": 9000, "currency": "USD"}}
    assert changed["starts_at"] == "2031-05-01T18:00:00Z"
    assert (cleared.json()["revision"], cleared.json()["ends_at"]) == (3, None)
    terms = await find_sale_terms(db, draft["id"])
    assert terms
    assert (terms.revision, terms.prices, terms.currency) == (3, {"Box": 9000}, "USD")


@pytest.mark.parametrize(
    ("pointer", "change"),
    [
        ("/venue_id", {"venue_id": 1}),
        ("/starts_at", {"starts_at": soon(seconds=-1)}),
        ("/starts_at", {"starts_at": None}),
        ("/ends_at", {"ends_at": soon(seconds=60)}),
        ("/seat_map_id", {"seat_map_id": ROW_ID_MAX}),
        ("/prices/Nowhere", {"prices": {"Nowhere": 1}}),
        ("/title", {"title": "a\x00"}),
        ("/currency", {"currency": "DEM"}),
        (
            "/sale_ends_at",
            {"sale_starts_at": "2030-01-01T00:00:00Z", "sale_ends_at": "2030-01-01T01:00:00+01:00"},
        ),
    ],
)
async def test_a_fault_in_a_change_is_pointed_at_and_changes_nothing(
    organizer: Person, pointer: str, change: dict[str, Any]
):
    draft = await organizer.has_draft()

    answer = await organizer.patch(f"/events/{draft['id']}", change)

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert (await organizer.get(f"/events/{draft['id']}")).json() == draft


async def test_amounts_that_nobody_can_pay_are_refused_wherever_they_are_set(organizer: Person):
    """Stripe and the card networks move Kuwaiti dinars in tens of fils."""
    fee = {"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 155}
    absorbed = {"name": "House", "per": "TICKET", "mode": "ABSORBED", "amount": 155}
    change = {"starts_at": soon(seconds=60), "prices": {"Stalls": 5555}}
    draft = await organizer.has_draft(currency="KWD", fees=[absorbed])
    path = f"/events/{draft['id']}"
    wanted = {"prices": {"Stalls": 4505, "Floor": 0}, "price_changes": [change], "fees": [absorbed, fee]}

    answer = await organizer.patch(path, wanted)
    channel = await organizer.post(f"{path}/channels", {"name": "Kiosk", "prices": {"Floor": 1}})
    code = await organizer.post(f"{path}/promo-codes", {"code": "EARLY", "amount": 15})

    assert pointers(answer) == ["/prices/Stalls", "/price_changes/0/prices/Stalls", "/fees/1/amount"]
    assert (channel.status_code, pointers(channel)) == (422, ["/prices/Floor"])
    assert (code.status_code, pointers(code)) == (422, ["/amount"])


async def test_a_draft_that_gets_another_currency_is_looked_at_again(organizer: Person):
    draft = await organizer.has_draft(prices={"Stalls": 4500, "Floor": 2005})
    path = f"/events/{draft['id']}"
    assert (await organizer.post(f"{path}/channels", {"name": "Kiosk", "prices": {"Floor": 1}})).is_success
    assert pointers(await organizer.patch(path, {"currency": "KWD"})) == ["/prices/Floor"]
    change = {"currency": "KWD", "prices": {"Stalls": 4500, "Floor": 2000}}
    assert (await organizer.patch(path, change)).status_code == 200

    answer = await organizer.post(f"{path}/publish")

    assert answer.status_code == 422
    assert "'Kiosk'" in answer.json()["errors"][0]["detail"]


async def test_another_map_needs_prices_for_its_own_categories(organizer: Person):
    draft = await organizer.has_draft()
    other_map = await organizer.has_map(draft["venue"]["id"], small_plan())

    answer = await organizer.patch(f"/events/{draft['id']}", {"seat_map_id": other_map})

    assert pointers(answer) == ["/prices/Floor"]


async def test_a_published_event_keeps_what_tickets_say(organizer: Person):
    event = await organizer.has_event()
    path = f"/events/{event['id']}"
    frozen = {
        "seat_map_id": 1,
        "currency": "USD",
        "time_zone": "UTC",
        "starts_at": soon(days=3),
        "ends_at": soon(days=4),
    }

    answer = await organizer.patch(path, frozen | {"title": "Another"})
    same = await organizer.patch(path, {name: event[name] for name in frozen})

    assert answer.status_code == 409
    assert answer.json()["type"] == "/problems/frozen-once-published"
    assert pointers(answer) == ["/seat_map_id", "/currency", "/time_zone", "/starts_at", "/ends_at"]
    assert same.status_code == 200


async def test_the_rest_of_a_published_event_changes(organizer: Person, db: Database):
    event = await organizer.has_event()
    change = {
        "title": "Another title",
        "description": "More",
        "sale_starts_at": "2020-01-01T00:00:00Z",
        "sale_ends_at": "2020-01-02T00:00:00Z",
        "places_per_buyer_max": 2,
        "hold_seconds": 60,
        "prices": {"Stalls": 1, "Floor": 2, "Unused": 3},
    }

    answer = await organizer.patch(f"/events/{event['id']}", change)

    assert answer.status_code == 200
    terms = await find_sale_terms(db, event["id"])
    assert terms
    assert (terms.revision, terms.state, terms.title) == (3, EventState.PUBLISHED, "Another title")
    assert (terms.places_per_buyer_max, terms.hold_seconds) == (2, 60)
    assert terms.prices == {"Stalls": 1, "Floor": 2, "Unused": 3}
    assert terms.sale_ends_at
    assert terms.sale_ends_at.year == 2020


async def test_a_published_event_keeps_a_price_for_every_place(organizer: Person):
    event = await organizer.has_event()

    answer = await organizer.patch(f"/events/{event['id']}", {"prices": {"Floor": 1}})

    assert answer.status_code == 422
    assert pointers(answer) == ["/prices/Stalls"]


async def test_publishing_needs_a_price_for_every_category_that_has_places(organizer: Person):
    draft = await organizer.has_draft(prices={})
    path = f"/events/{draft['id']}"

    refused = await organizer.post(f"{path}/publish")
    await organizer.patch(path, {"prices": {"Stalls": 0, "Floor": 0}})
    published = await organizer.post(f"{path}/publish")

    assert refused.status_code == 422
    assert pointers(refused) == ["/prices/Stalls", "/prices/Floor"]
    assert published.status_code == 200
    assert (published.json()["state"], published.json()["revision"]) == ("PUBLISHED", 3)


async def test_publishing_twice_is_publishing_once(organizer: Person):
    draft = await organizer.has_draft()

    answers = await asyncio.gather(*(organizer.post(f"/events/{draft['id']}/publish") for _ in range(5)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.text for answer in answers}) == 1
    assert answers[0].json()["revision"] == 2


async def test_an_event_that_has_begun_cannot_be_published(organizer: Person, db: Database):
    draft = await organizer.has_draft()
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET starts_at = now() - interval '1 second' WHERE id = $1", draft["id"]
        )

    answer = await organizer.post(f"/events/{draft['id']}/publish")
    retitled = await organizer.patch(f"/events/{draft['id']}", {"title": "Missed"})

    assert answer.status_code == 422
    assert pointers(answer) == ["/starts_at"]
    assert retitled.status_code == 200


async def test_a_sale_that_is_over_cannot_be_published(organizer: Person):
    draft = await organizer.has_draft(sale_ends_at=soon(seconds=-1))

    answer = await organizer.post(f"/events/{draft['id']}/publish")

    assert answer.status_code == 422
    assert pointers(answer) == ["/sale_ends_at"]


async def test_changes_at_the_same_time_all_count(organizer: Person, db: Database):
    event = await organizer.has_event()
    path = f"/events/{event['id']}"

    answers = await asyncio.gather(
        *(organizer.patch(path, {"prices": {"Stalls": n, "Floor": n}}) for n in range(10))
    )

    assert {answer.status_code for answer in answers} == {200}
    assert sorted(answer.json()["revision"] for answer in answers) == list(range(3, 13))
    terms = await find_sale_terms(db, event["id"])
    assert terms
    assert terms.revision == 12
    assert terms.prices["Stalls"] == terms.prices["Floor"]


async def test_a_change_that_waited_for_another_map_still_finds_the_event(organizer: Person, db: Database):
    draft = await organizer.has_draft(prices={})
    path = f"/events/{draft['id']}"
    other_map = await organizer.has_map(draft["venue"]["id"], small_plan())

    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET seat_map_id = $2 WHERE id = $1", draft["id"], other_map)
        mine = await tx.get(int, "SELECT pg_backend_pid()")
        # A context of its own, as another client's request has: ours says that a transaction is open.
        change = asyncio.create_task(organizer.patch(path, {"title": "Later"}), context=Context())
        await wait_until_it_waits(tx, mine, change)
    answer = await change

    assert answer.status_code == 200
    assert (answer.json()["title"], answer.json()["seat_map_id"]) == ("Later", other_map)
