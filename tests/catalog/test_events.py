"""Events over HTTP: making, seeing and deleting them."""

from typing import Any

import pytest

from boxoffice.catalog.prices.tariff import AMOUNT_MAX
from boxoffice.catalog.schemas import (
    HOLD_SECONDS_MAX,
    HOLD_SECONDS_MIN,
    PLACES_PER_BUYER_MAX,
    ROW_ID_MAX,
    EventState,
)
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.catalog.years import YEAR_MAX
from boxoffice.kit.ids import EVENT_ID_MAX
from boxoffice.kit.postgres import Database
from boxoffice.kit.text import LINE_CHARACTERS_MAX, PROSE_CHARACTERS_MAX
from catalog.stage import Person, new_event, pointers, small_map, soon


async def test_a_new_event_is_a_draft_with_defaults(organizer: Person):
    venue_id = await organizer.has_venue(name="Hall", city="Weimar")
    seat_map_id = await organizer.has_map(venue_id)

    answer = await organizer.post("/events", new_event(venue_id, seat_map_id, description="Line\nline"))

    event = answer.json()
    assert answer.status_code == 201
    assert (event["state"], event["revision"], event["published_at"]) == ("DRAFT", 1, None)
    assert event["organizer_id"] == organizer.id
    assert event["venue"] == {"id": venue_id, "name": "Hall", "city": "Weimar", "country": "DE"}
    assert (event["time_zone"], event["places_per_buyer_max"]) == ("Europe/Berlin", 10)
    assert (event["hold_seconds"], event["sale_starts_at"], event["ends_at"]) == (600, None, None)
    assert event["prices"] == {
        "Stalls": {"amount": 4500, "currency": "EUR"},
        "Floor": {"amount": 2000, "currency": "EUR"},
    }
    assert (await organizer.get(f"/events/{event['id']}")).json() == event


EVENT_FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("/starts_at", {"starts_at": soon(seconds=-1)}),
    ("/starts_at", {"starts_at": "2001-01-01T00:00:00Z"}),
    ("/starts_at", {"starts_at": "1999-01-01T00:00:00Z"}),
    ("/starts_at", {"starts_at": "0001-01-01T00:00:00+14:00"}),
    ("/starts_at", {"starts_at": "9999-12-31T23:59:59-14:00"}),
    ("/starts_at", {"starts_at": f"{YEAR_MAX + 1}-01-01T00:00:00Z"}),
    ("/starts_at", {"starts_at": "2030-01-01T00:00:00"}),
    ("/starts_at", {"starts_at": "tomorrow"}),
    ("/starts_at", {"starts_at": 1_900_000_000}),
    ("/accessible_released_at", {"accessible_released_at": f"{YEAR_MAX + 1}-01-01T00:00:00Z"}),
    ("/ends_at", {"starts_at": "2199-01-01T00:00:00Z", "ends_at": "2199-01-01T00:00:00Z"}),
    ("/sale_ends_at", {"sale_starts_at": soon(hours=2), "sale_ends_at": soon(hours=1)}),
    ("/sale_starts_at", {"sale_starts_at": soon(days=2)}),
    ("/sale_starts_at", {"sale_starts_at": "0001-01-01T00:00:00Z"}),
    ("/currency", {"currency": "DEM"}),
    ("/currency", {"currency": "eur"}),
    ("/time_zone", {"time_zone": "Europe/Erfurt"}),
    ("/title", {"title": " "}),
    ("/title", {"title": "a\x00"}),
    ("/title", {"title": "x" * (LINE_CHARACTERS_MAX + 1)}),
    ("/description", {"description": "a\x00"}),
    ("/description", {"description": "x" * (PROSE_CHARACTERS_MAX + 1)}),
    ("/prices/Nowhere", {"prices": {"Nowhere": 1}}),
    ("/prices/a~1b~0c", {"prices": {"a/b~c": 1}}),
    ("/prices/Stalls", {"prices": {"Stalls": -1}}),
    ("/prices/Stalls", {"prices": {"Stalls": AMOUNT_MAX + 1}}),
    ("/prices/Stalls", {"prices": {"Stalls": 10**40}}),
    ("/prices", {"prices": {"Stalls": 1.5}}),
    ("/prices", {"prices": {"Stalls": "1"}}),
    ("/prices", {"prices": {"a\x00": 1}}),
    ("/prices", {"prices": {str(number): 1 for number in range(256)}}),
    ("/places_per_buyer_max", {"places_per_buyer_max": 0}),
    ("/places_per_buyer_max", {"places_per_buyer_max": PLACES_PER_BUYER_MAX + 1}),
    ("/hold_seconds", {"hold_seconds": HOLD_SECONDS_MIN - 1}),
    ("/hold_seconds", {"hold_seconds": HOLD_SECONDS_MAX + 1}),
    ("/hold_seconds", {"hold_seconds": 10**40}),
    ("/venue_id", {"venue_id": 0}),
    ("/venue_id", {"venue_id": ROW_ID_MAX}),
    ("/venue_id", {"venue_id": ROW_ID_MAX + 1}),
    ("/seat_map_id", {"seat_map_id": ROW_ID_MAX}),
    ("/seat_map_id", {"seat_map_id": True}),
    ("/state", {"state": "PUBLISHED"}),
]


@pytest.mark.parametrize(("pointer", "changes"), EVENT_FAULTS)
async def test_a_fault_in_an_event_is_pointed_at(organizer: Person, pointer: str, changes: dict[str, Any]):
    venue_id = await organizer.has_venue()
    seat_map_id = await organizer.has_map(venue_id)

    answer = await organizer.post("/events", new_event(venue_id, seat_map_id) | changes)

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]
    assert (await organizer.get("/events", mine=True)).json()["items"] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"places_per_buyer_max": 1},
        {"places_per_buyer_max": PLACES_PER_BUYER_MAX},
        {"hold_seconds": HOLD_SECONDS_MIN},
        {"hold_seconds": HOLD_SECONDS_MAX},
        {"prices": {"Stalls": 0, "Floor": AMOUNT_MAX}},
        {"prices": {}},
        {"title": "x" * LINE_CHARACTERS_MAX, "description": "x" * PROSE_CHARACTERS_MAX},
        {"starts_at": f"{YEAR_MAX}-12-31T23:59:59Z"},
        {"starts_at": soon(seconds=3_600)},
    ],
)
async def test_each_limit_of_an_event_lets_its_edge_in(organizer: Person, changes: dict[str, Any]):
    event = await organizer.has_draft(**changes)

    assert event["state"] == "DRAFT"


async def test_an_event_needs_a_venue_and_a_map_that_belong_together(organizer: Person, rival: Person):
    venue_id, other_venue_id = await organizer.has_venue(), await organizer.has_venue()
    other_map = await organizer.has_map(other_venue_id)
    theirs = await rival.has_venue()
    their_map = await rival.has_map(theirs)

    mixed = await organizer.post("/events", new_event(venue_id, other_map))
    foreign = await organizer.post("/events", new_event(theirs, their_map))

    assert pointers(mixed) == ["/seat_map_id"]
    assert pointers(foreign) == ["/venue_id"]


async def test_only_a_draft_is_deleted(organizer: Person, db: Database):
    draft, event = await organizer.has_draft(), await organizer.has_event()

    deleted = await organizer.delete(f"/events/{draft['id']}")
    kept = await organizer.delete(f"/events/{event['id']}")

    assert (deleted.status_code, deleted.content) == (204, b"")
    assert (await organizer.get(f"/events/{draft['id']}")).status_code == 404
    assert (await organizer.delete(f"/events/{draft['id']}")).status_code == 404
    assert (kept.status_code, kept.json()["type"]) == (409, "/problems/event-is-published")
    assert await db.find(int, "SELECT 1 FROM event_prices WHERE event_id = $1", draft["id"]) is None


async def test_a_cancelled_event_is_seen_and_stays_as_it_is(
    organizer: Person, stranger: Person, db: Database
):
    event = await organizer.has_event()
    path = f"/events/{event['id']}"
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET state = 'CANCELLED', cancelled_at = now() WHERE id = $1", event["id"]
        )

    answers = [
        await organizer.patch(path, {"title": "Back"}),
        await organizer.post(f"{path}/publish"),
        await organizer.delete(path),
    ]

    assert [answer.status_code for answer in answers] == [409, 409, 409]
    assert (await stranger.get(path)).json()["state"] == "CANCELLED"


async def test_other_peoples_events_are_not_found(
    organizer: Person, rival: Person, buyer: Person, stranger: Person, admin: Person
):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}"

    for who, seen, changed in ((rival, 404, 404), (buyer, 404, 403), (stranger, 404, 401), (admin, 200, 200)):
        assert (await who.get(path)).status_code == seen
        assert (await who.patch(path, {"title": "Mine"})).status_code == changed
        assert (await who.post(f"{path}/publish")).status_code == changed
    event = (await stranger.get(path)).json()
    assert (event["title"], event["state"], event["organizer_id"]) == ("Mine", "PUBLISHED", organizer.id)
    assert (await rival.patch(path, {"title": "Theirs"})).status_code == 404
    assert (await rival.delete(path)).status_code == 404


async def test_only_organizers_make_events(buyer: Person, stranger: Person):
    body = new_event(1, 1)

    assert (await buyer.post("/events", body)).status_code == 403
    assert (await stranger.post("/events", body)).status_code == 401


@pytest.mark.parametrize("event_id", [0, EVENT_ID_MAX, EVENT_ID_MAX + 1, 10**40, "one", "-1"])
async def test_an_event_that_is_not_there_is_not_found(organizer: Person, event_id: Any):
    path = f"/events/{event_id}"

    answers = [
        await organizer.get(path),
        await organizer.get(f"{path}/seat-map"),
        await organizer.patch(path, {}),
        await organizer.post(f"{path}/publish"),
        await organizer.delete(path),
    ]

    assert {answer.status_code for answer in answers} == {404}


async def test_a_public_page_refuses_a_bad_token(organizer: Person, stranger: Person):
    event = await organizer.has_event()

    answer = await stranger.get(f"/events/{event['id']}", {"Authorization": "Bearer nonsense"})

    assert answer.status_code == 401


async def test_terms_and_owner_are_found_in_any_state(organizer: Person, db: Database):
    draft = await organizer.has_draft(sale_starts_at=soon(hours=1), sale_ends_at=soon(hours=2))

    terms = await find_sale_terms(db, draft["id"])

    assert terms
    assert (terms.event_id, terms.state, terms.title) == (draft["id"], EventState.DRAFT, draft["title"])
    assert (terms.seat_map_id, terms.hold_seconds) == (draft["seat_map_id"], 600)
    assert terms.prices == {"Stalls": 4500, "Floor": 2000}
    assert terms.sale_starts_at
    assert terms.sale_ends_at
    assert terms.sale_starts_at < terms.sale_ends_at < terms.starts_at
    assert await find_sale_terms(db, EVENT_ID_MAX) is None


async def test_bodies_that_are_no_json_are_refused(organizer: Person):
    for text, status in (("{", 400), ("[]", 422), ("null", 422), ("", 400), (" ", 400)):
        for path in ("/events", "/venues"):
            assert (await organizer.post_text(path, text)).status_code == status
    assert (await organizer.post_text("/events", '{"title": "\\udfff"}')).status_code == 400


async def test_a_map_that_is_sold_from_stays_when_a_new_version_comes(organizer: Person):
    event = await organizer.has_event()
    before = await organizer.get(f"/events/{event['id']}/seat-map")

    await organizer.has_map(event["venue"]["id"], small_map() | {"name": "Rebuilt"})

    after = await organizer.get(f"/events/{event['id']}/seat-map")
    assert after.headers["etag"] == before.headers["etag"]
    assert after.json() == before.json()
