"""Hidden categories: nobody is shown or sold them but with a code that opens them."""

import base64
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.catalog.prices.ticket_types import TicketType
from boxoffice.inventory.availability.document import picture_of
from boxoffice.inventory.availability.viewers import Audience, Crowd
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person, soon
from inventory.test_choosing import hall, on_sale

# The map has four seats of the stalls and a floor.
CHILD = {"name": "Child", "category": "Stalls"}
FLOOR = [{"area_id": 0, "quantity": 1}]
RATES = {"Stalls": 700, "Floor": 1000, "Child": 0}


class Stage:
    """An event whose stalls are hidden."""

    def __init__(self, organizer: Person, buyer: Person, event: dict[str, Any]) -> None:
        self.organizer, self.buyer, self.event = organizer, buyer, event
        self.path = f"/events/{event['id']}"

    async def code(self, code: str, **terms: Any) -> httpx.Response:
        return await self.organizer.post(f"{self.path}/promo-codes", {"code": code} | terms)

    async def hold(self, code: str | None, **places: Any) -> httpx.Response:
        given = {} if code is None else {"promo_code": code}
        return await self.buyer.post("/bookings", {"event_id": self.event["id"]} | places | given)


@pytest.fixture
async def stage(app: Litestar, client: httpx.AsyncClient, db: Database) -> Stage:
    organizer = await person(app, client, db, Role.ORGANIZER)
    event = await organizer.has_event(
        prices={"Stalls": 1000, "Floor": 2000, "Child": 500},
        ticket_types=[CHILD],
        price_changes=[{"starts_at": soon(hours=2), "prices": {"Child": 600}}],
        hidden_categories=["Stalls"],
        tax={"name": "VAT", "mode": "INCLUDED", "basis_points": 1900, "basis_points_of": RATES},
    )
    return Stage(organizer, await person(app, client, db, Role.USER), event)


def problem(found: httpx.Response) -> tuple[int, str]:
    return found.status_code, found.json()["type"].removeprefix("/problems/")


async def test_what_is_hidden_is_shown_to_its_organizer_only(stage: Stage):
    own = (await stage.organizer.get(stage.path)).json()
    seen = (await stage.buyer.get(stage.path)).json()
    left = (await stage.buyer.get(f"{stage.path}/availability")).json()
    listed = (await stage.buyer.get(f"/events?venue_id={own['venue']['id']}")).json()["items"]

    assert own["hidden_categories"] == ["Stalls"]
    assert set(own["prices"]) == set(own["all_in_prices"]) == {"Stalls", "Floor", "Child"}
    assert len(own["price_changes"]) == 1
    assert seen["hidden_categories"] == seen["ticket_types"] == seen["price_changes"] == []
    assert set(seen["prices"]) == set(seen["all_in_prices"]) == set(seen["current_prices"]) == {"Floor"}
    assert seen["next_price_change"] is None
    assert own["tax"]["basis_points_of"] == RATES
    assert seen["tax"]["basis_points_of"] == {"Floor": 1000}, "a rate says that there is something to tax"
    assert [each["lowest_price"]["amount"] for each in listed] == [2000]
    assert base64.b64decode(left["seats"]) == b"\xff"
    assert [each["category"] for each in left["categories"]] == ["Floor"]
    assert (left["ticket_types"], left["next_price_change"]) == ([], None)


async def test_only_a_code_that_opens_a_hidden_category_sells_it(stage: Stage, db: Database):
    assert (await stage.code("FRIENDS", opens=["Stalls"], places_max=3)).status_code == 201
    assert (await stage.code("CHEAP", amount=100)).status_code == 201

    named = await stage.hold(None, seat_ids=[0, 1])
    cheap = await stage.hold("CHEAP", seat_ids=[0])
    best = await stage.hold(None, best_available={"quantity": 1})
    for_others = await stage.hold("FRIENDS", areas=FLOOR)
    opened = await stage.hold("friends", seat_ids=[0, 1], areas=FLOOR)
    chosen = await stage.hold("FRIENDS", best_available={"quantity": 1}, seat_ticket_types=["Child"])
    used_up = await stage.hold("FRIENDS", seat_ids=[3] if opened.is_success else [2])

    assert problem(named) == problem(cheap) == (409, "places-hidden")
    assert (named.json()["seat_ids"], named.json()["area_ids"]) == ([0, 1], [])
    assert problem(best) == (409, "no-such-seats-left")
    assert problem(for_others) == (409, "promo-code-for-others")
    assert for_others.json()["categories"] == ["Stalls"]
    assert opened.status_code == chosen.status_code == 201, opened.text + chosen.text
    assert (opened.json()["total"]["amount"], chosen.json()["total"]["amount"]) == (4000, 500)
    assert problem(used_up) == (409, "promo-code-used-up")
    left = (await stage.buyer.get(f"{stage.path}/availability")).json()
    assert base64.b64decode(left["seats"]) == b"\xff"
    assert isinstance(await verify_event(db, stage.event["id"]), Verified)


async def test_an_exchange_takes_what_is_hidden_with_the_code_of_the_booking_only(stage: Stage):
    await stage.code("FRIENDS", opens=["Stalls"])
    without, opened = await stage.hold(None, areas=FLOOR), await stage.hold("FRIENDS", seat_ids=[0])

    def exchange(held: httpx.Response, seat_id: int) -> dict[str, Any]:
        return {"path": f"/bookings/{held.json()['id']}/exchange", "body": {"take": {"seat_ids": [seat_id]}}}

    refused = await stage.buyer.post(**exchange(without, 1))
    taken = await stage.buyer.post(**exchange(opened, 1))

    assert problem(refused) == (409, "places-hidden")
    assert taken.status_code == 200, taken.text
    assert [place["seat_id"] for place in taken.json()["places"]] == [0, 1]


async def test_from_the_change_on_everybody_may_have_what_was_hidden(stage: Stage):
    changed = await stage.organizer.patch(stage.path, {"hidden_categories": ["Floor"]})

    assert changed.json()["hidden_categories"] == ["Floor"]
    assert (await stage.hold(None, seat_ids=[0])).status_code == 201
    assert (await stage.hold(None, areas=FLOOR)).json()["area_ids"] == [0]
    left = (await stage.buyer.get(f"{stage.path}/availability")).json()
    assert base64.b64decode(left["seats"]) == b"\x01"
    assert left["areas"] == [{"area_id": 0, "places_left": 0}]


async def test_what_does_not_fit_is_pointed_at(stage: Stage):
    unknown = await stage.organizer.patch(stage.path, {"hidden_categories": ["Floor", "Cellar"]})
    nowhere = await stage.code("NOWHERE", opens=["Cellar"])
    nothing = await stage.code("NOTHING")
    made = (await stage.code("FRIENDS", opens=["Stalls"])).json()
    closed = await stage.organizer.patch(f"{stage.path}/promo-codes/{made['id']}", {"opens": []})

    assert [each["pointer"] for each in unknown.json()["errors"]] == ["/hidden_categories/1"]
    assert [each["pointer"] for each in nowhere.json()["errors"]] == ["/opens/0"]
    assert [each["pointer"] for each in nothing.json()["errors"]] == ["/amount"]
    assert [each["pointer"] for each in closed.json()["errors"]] == ["/amount"]
    assert (made["opens"], made["amount"], made["basis_points"]) == (["Stalls"], None, None)


def test_who_watches_is_sent_for_the_document_when_something_is_hidden():
    inventory = on_sale(hall("AABB", categories="AB"))
    shown = picture_of(inventory)
    inventory.terms = msgspec.structs.replace(
        inventory.terms,
        revision=inventory.terms.revision + 1,
        hidden_categories=frozenset("B"),
        ticket_types={"Child": TicketType("Child", "B", 5)},
    )
    hidden = picture_of(inventory, shown)
    audience = Audience(shown, Crowd(), lambda: None)

    assert (shown.codes, hidden.codes) == (bytes(4), b"\0\0\3\3")
    assert b"event: reset" in audience.move_on(hidden)
