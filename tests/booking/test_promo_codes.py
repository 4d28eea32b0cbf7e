"""Promo codes over HTTP: what organizers make, what buyers pay with them, and why one is refused."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.inventory.promo_codes import writing
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person, soon

VAT = {"name": "VAT", "mode": "ADDED", "basis_points": 1000}
SERVICE = {"name": "Service", "per": "TICKET", "mode": "ADDED", "basis_points": 1000}
FLOOR = [{"area_id": 0, "quantity": 1}]


class Stage:
    """An event whose stalls cost 10.00 and whose floor costs 5.00."""

    def __init__(self, organizer: Person, buyer: Person, event: dict[str, Any]) -> None:
        self.organizer, self.buyer, self.event = organizer, buyer, event
        self.path = f"/events/{event['id']}/promo-codes"

    async def code(self, code: str = "EARLY", **terms: Any) -> dict[str, Any]:
        """Make a code of 2.00 off unless told otherwise."""
        terms = terms if {"amount", "basis_points"} & terms.keys() else {"amount": 200} | terms
        made = await self.organizer.post(self.path, {"code": code} | terms)
        assert made.status_code == 201, made.text
        return made.json()

    async def change(self, made: dict[str, Any], /, **terms: Any) -> httpx.Response:
        return await self.organizer.patch(f"{self.path}/{made['id']}", terms)

    async def hold(self, *seat_ids: int, code: str | None = "EARLY", **body: Any) -> httpx.Response:
        """Hold places with the code."""
        wanted = {"event_id": self.event["id"], "seat_ids": seat_ids} | body
        return await self.buyer.post("/bookings", wanted | ({} if code is None else {"promo_code": code}))

    async def listed(self) -> list[dict[str, Any]]:
        return (await self.organizer.get(self.path)).json()


@pytest.fixture
async def stage(app: Litestar, client: httpx.AsyncClient, db: Database) -> Stage:
    return await open_stage(app, client, db)


async def open_stage(app: Litestar, client: httpx.AsyncClient, db: Database, **terms: Any) -> Stage:
    organizer = await person(app, client, db, Role.ORGANIZER)
    event = await organizer.has_event(prices={"Stalls": 1000, "Floor": 500}, **terms)
    return Stage(organizer, await person(app, client, db, Role.USER), event)


def problem(found: httpx.Response) -> tuple[int, str]:
    return found.status_code, found.json()["type"].removeprefix("/problems/")


async def test_a_discount_is_shown_in_its_parts_and_fixed_when_it_is_held(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    stage = await open_stage(app, client, db, fees=[SERVICE], tax=VAT)
    code = await stage.code(basis_points=2000, categories=["Stalls"])

    answer = await stage.hold(0, 1, areas=FLOOR, code=" early ")
    booking = answer.json()

    # Twice 10.00 less 2.00 and once 5.00; a tenth is the fee, and a tenth of that and the rest the tax.
    assert answer.status_code == 201, answer.text
    assert booking["subtotal"]["amount"] == 2500
    assert booking["discount"] == {"code": "EARLY", "amount": {"amount": 400, "currency": "EUR"}}
    assert [fee["amount"]["amount"] for fee in booking["fees"]] == [210]
    assert [tax["amount"]["amount"] for tax in booking["taxes"]] == [231]
    assert booking["total"]["amount"] == 2500 - 400 + 210 + 231
    assert [place["price"]["amount"] for place in booking["places"]] == [1000, 1000, 500]
    assert [place.get("discount", {}).get("amount") for place in booking["places"]] == [200, 200, None]
    assert sum(place["all_in_price"]["amount"] for place in booking["places"]) == booking["total"]["amount"]
    assert (await stage.change(code, amount=100)).status_code == 200
    shown = await stage.buyer.get(f"/bookings/{booking['id']}")
    assert shown.json() == booking
    payment = await stage.buyer.post(f"/bookings/{booking['id']}/payments", {})
    assert payment.json()["amount"] == booking["total"]
    [listed] = await stage.listed()
    assert (listed["places_used"], listed["discounted"]["amount"]) == (2, 400)
    assert (listed["amount"], listed["basis_points"]) == (100, None)
    assert isinstance(await verify_event(db, stage.event["id"]), Verified)


async def test_a_code_that_pays_for_everything_sells_at_once(stage: Stage):
    await stage.code(amount=1500)

    booking = (await stage.hold(0)).json()

    assert (booking["state"], booking["total"]["amount"]) == ("CONFIRMED", 0)
    assert (booking["subtotal"]["amount"], booking["discount"]["amount"]["amount"]) == (1000, 1000)
    gone = await stage.buyer.post(f"/bookings/{booking['id']}/cancel")
    assert gone.json()["state"] == "CANCELLED"
    assert (await stage.listed())[0]["places_used"] == 0


async def test_a_booking_without_a_code_is_as_it_was(stage: Stage):
    await stage.code()

    booking = (await stage.hold(0, code=None)).json()

    assert (booking["total"]["amount"], booking["discount"]) == (1000, None)
    assert "discount" not in booking["places"][0]


async def test_a_wrong_code_is_refused_and_holds_nothing(stage: Stage):
    await stage.code()
    for wrong in ("NOSUCH", "EARL", "EARLYX", "Ä" * 20, "%", "x" * 100):
        refused = await stage.hold(0, code=wrong)
        assert problem(refused) == (409, "unknown-promo-code")
    assert (await stage.hold(0, code="")).status_code == 422
    assert (await stage.hold(0, code="x" * 101)).status_code == 422
    assert (await stage.hold(0)).status_code == 201


async def test_a_code_of_another_event_is_no_code(stage: Stage, app: Litestar, db: Database):
    other = await open_stage(app, stage.buyer.client, db)
    await other.code()

    assert problem(await stage.hold(0)) == (409, "unknown-promo-code")


async def test_a_code_has_its_time(stage: Stage, db: Database):
    early, late = soon(hours=1), soon(hours=2)
    code = await stage.code(valid_from=early, valid_until=late)
    refused = await stage.hold(0)
    assert problem(refused) == (409, "promo-code-not-yet")
    assert refused.json()["valid_from"] == code["valid_from"]

    assert (await stage.change(code, valid_from=None, valid_until=soon(seconds=1))).status_code == 200
    held = await stage.hold(0)
    assert held.status_code == 201
    await db.get(str, "SELECT pg_sleep(1.1)::text")
    assert problem(await stage.hold(1)) == (409, "promo-code-over")
    # Nor does a booking that has it take more places with it; what it has stays as it is.
    path = f"/bookings/{held.json()['id']}/exchange"
    assert problem(await stage.buyer.post(path, {"take": {"seat_ids": [1]}})) == (409, "promo-code-over")
    assert (await stage.buyer.get(f"/bookings/{held.json()['id']}")).json()["total"]["amount"] == 800


async def test_limits_are_told_apart_and_exact(stage: Stage):
    code = await stage.code(places_max=2, places_per_buyer_max=1, budget=400)
    mine = await stage.hold(0)
    assert mine.status_code == 201
    yours = await stage.hold(1)
    assert problem(yours) == (409, "promo-code-used-by-you")
    assert (yours.json()["limit"], yours.json()["already_yours"]) == (1, 1)

    await stage.change(code, places_per_buyer_max=None)
    used_up = await stage.hold(1, 2)
    assert problem(used_up) == (409, "promo-code-used-up")
    assert used_up.json()["places_left"] == 1
    await stage.change(code, places_max=3, budget=399)
    assert problem(await stage.hold(1)) == (409, "promo-code-spent")
    await stage.change(code, budget=400)
    assert (await stage.hold(1)).status_code == 201
    assert problem(await stage.hold(2)) == (409, "promo-code-spent")
    await stage.change(code, budget=None)
    assert (await stage.hold(2)).status_code == 201

    # What is given back can be used by the next.
    assert problem(await stage.hold(3)) == (409, "promo-code-used-up")
    assert (await stage.buyer.post(f"/bookings/{mine.json()['id']}/cancel")).status_code == 200
    assert (await stage.hold(3)).status_code == 201
    # A limit below what is used takes nothing back.
    assert (await stage.change(code, places_max=0)).json()["places_used"] == 3
    assert (await stage.hold(0)).json()["places_left"] == 0


async def test_a_code_for_other_categories_is_refused_by_name(stage: Stage):
    await stage.code(categories=["Floor"])

    refused = await stage.hold(0)

    assert problem(refused) == (409, "promo-code-for-others")
    assert refused.json()["categories"] == ["Floor"]
    mixed = await stage.hold(0, areas=FLOOR)
    assert mixed.json()["total"]["amount"] == 1000 + 300


async def test_chosen_seats_have_the_discount_too(stage: Stage):
    await stage.code()

    booking = await stage.hold(seat_ids=[], best_available={"quantity": 2, "category": "Stalls"})

    assert booking.json()["total"]["amount"] == 1600


async def test_an_exchange_keeps_the_code_within_its_limit(stage: Stage, db: Database):
    code = await stage.code(places_max=2)
    booking = (await stage.hold(0, 1)).json()
    path = f"/bookings/{booking['id']}/exchange"
    await stage.change(code, amount=300)

    swapped = await stage.buyer.post(path, {"give": {"seat_ids": [1]}, "take": {"seat_ids": [2]}})
    more = await stage.buyer.post(path, {"take": {"seat_ids": [3]}})
    fewer = await stage.buyer.post(path, {"give": {"seat_ids": [0]}})

    # Seat 0 as it was held, seat 2 with what the code takes off now.
    assert swapped.json()["total"]["amount"] == 800 + 700
    assert swapped.json()["discount"]["amount"]["amount"] == 500
    assert problem(more) == (409, "promo-code-used-up")
    assert fewer.json()["total"]["amount"] == 700
    assert [(each["places_used"], each["discounted"]["amount"]) for each in await stage.listed()] == [
        (1, 300)
    ]
    assert isinstance(await verify_event(db, stage.event["id"]), Verified)


async def test_a_code_that_is_withdrawn_is_gone_and_its_discounts_stay(stage: Stage, db: Database):
    code = await stage.code()
    booking = (await stage.hold(0)).json()

    gone = await stage.organizer.delete(f"{stage.path}/{code['id']}")

    assert gone.status_code == 204
    assert await stage.listed() == []
    assert problem(await stage.hold(1)) == (409, "unknown-promo-code")
    assert (await stage.buyer.get(f"/bookings/{booking['id']}")).json() == booking
    again = await stage.code(places_max=1)
    assert again["id"] != code["id"]
    assert again["places_used"] == 0
    assert (await stage.buyer.post(f"/bookings/{booking['id']}/cancel")).status_code == 200
    assert isinstance(await verify_event(db, stage.event["id"]), Verified)


async def test_codes_can_be_made_for_a_draft(stage: Stage):
    draft = await stage.organizer.has_draft()
    made = await stage.organizer.post(f"/events/{draft['id']}/promo-codes", {"code": "x-1", "amount": 1})
    assert (made.status_code, made.json()["code"]) == (201, "X-1")
    assert (await stage.organizer.delete(f"/events/{draft['id']}")).status_code == 204


async def test_codes_are_the_organizers_business(
    stage: Stage, app: Litestar, client: httpx.AsyncClient, db: Database
):
    code = await stage.code()
    other = await person(app, client, db, Role.ORGANIZER)
    for somebody, status in ((stage.buyer, 403), (other, 404), (Person(client, None, None), 401)):
        path = f"{stage.path}/{code['id']}"
        answers = [
            await somebody.get(stage.path),
            await somebody.post(stage.path, {"code": "MINE", "amount": 1}),
            await somebody.patch(path, {"amount": 1}),
            await somebody.delete(path),
        ]
        assert {answer.status_code for answer in answers} == {status}
    assert (await stage.change({"id": code["id"] + 1}, amount=1)).status_code == 404
    assert (await stage.organizer.delete(f"{stage.path}/{code['id'] + 1}")).status_code == 404
    assert len(await stage.listed()) == 1


async def test_a_code_is_made_once_and_only_so_many(stage: Stage, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "PROMO_CODES_MAX", 2)
    await stage.code("A-b_1")

    twice = await stage.organizer.post(stage.path, {"code": "a-B_1", "amount": 1})
    await stage.code("second")
    third = await stage.organizer.post(stage.path, {"code": "third", "amount": 1})

    assert problem(twice) == (409, "promo-code-taken")
    assert problem(third) == (409, "too-many-promo-codes")
    assert third.json()["limit"] == 2
    assert writing.PROMO_CODES_MAX == 2


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": 1, "basis_points": 1}, "/amount"),
        ({}, "/amount"),
        ({"amount": 0}, "/amount"),
        ({"amount": 10**12 + 1}, "/amount"),
        ({"basis_points": 0}, "/basis_points"),
        ({"basis_points": 10_001}, "/basis_points"),
        ({"amount": 1, "code": "ab"}, "/code"),
        ({"amount": 1, "code": "x" * 41}, "/code"),
        ({"amount": 1, "code": "two words"}, "/code"),
        ({"amount": 1, "code": "FRÜH"}, "/code"),
        ({"amount": 1, "code": "early\n"}, "/code"),
        ({"amount": 1, "categories": ["Balcony"]}, "/categories/0"),
        ({"amount": 1, "places_max": -1}, "/places_max"),
        ({"amount": 1, "places_max": 1_000_001}, "/places_max"),
        ({"amount": 1, "places_per_buyer_max": -1}, "/places_per_buyer_max"),
        ({"amount": 1, "budget": -1}, "/budget"),
        ({"amount": 1, "budget": 10**12 + 1}, "/budget"),
        ({"amount": 1, "valid_from": "1999-12-31T00:00:00Z"}, "/valid_from"),
        ({"amount": 1, "valid_from": soon(), "valid_until": "2020-01-01T00:00:00Z"}, "/valid_until"),
    ],
)
async def test_what_does_not_fit_is_pointed_at(stage: Stage, body: dict[str, Any], pointer: str):
    answer = await stage.organizer.post(stage.path, {"code": "EARLY"} | body)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


@pytest.mark.parametrize("code", ["abc", "x" * 40])
async def test_a_code_at_its_shortest_and_longest(stage: Stage, code: str):
    largest = {"places_max": 1_000_000, "places_per_buyer_max": 1_000_000, "budget": 10**12}
    assert (await stage.code(code, amount=10**12, **largest))["code"] == code.upper()
    assert (await stage.hold(0, code=code)).json()["total"]["amount"] == 0


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"amount": 1, "basis_points": 1}, "/amount"),
        ({"categories": ["Balcony"]}, "/categories/0"),
        ({"valid_until": "2020-01-01T00:00:00Z"}, "/valid_until"),
        ({"code": "OTHER"}, "/code"),
        ({"amount": None}, "/amount"),
    ],
)
async def test_a_change_that_does_not_fit_is_pointed_at(stage: Stage, body: dict[str, Any], pointer: str):
    code = await stage.code(valid_from=soon())

    answer = await stage.change(code, **body)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert await stage.listed() == [code]
