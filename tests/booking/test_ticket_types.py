"""Ticket types over HTTP: other prices for places of one category, each with a limit if it has one."""

import dataclasses
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from booking.test_fees import SERVICE, VAT, hold
from boxoffice.accounts.identity import Role
from boxoffice.catalog.prices.ticket_types import TICKET_TYPES_MAX, TicketType
from boxoffice.inventory.availability.deltas import step_between
from boxoffice.inventory.availability.document import picture_of
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person, soon
from inventory.test_choosing import hall, on_sale

CHILD = {"name": "Child", "category": "Floor", "limit": 3}
VIP = {"name": "VIP", "category": "Floor"}
SENIOR = {"name": "Senior", "category": "Stalls"}
PRICES = {"Stalls": 1000, "Floor": 500, "Child": 200, "VIP": 5000, "Senior": 800}


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


async def sale(organizer: Person, **changes: Any) -> dict[str, Any]:
    """An event whose floor is sold to grown-ups, children and very important persons."""
    return await organizer.has_event(**({"prices": PRICES, "ticket_types": [CHILD, VIP, SENIOR]} | changes))


def floor(quantity: int, ticket_type: str | None = None) -> dict[str, Any]:
    """So many admissions."""
    return {"area_id": 0, "quantity": quantity, "ticket_type": ticket_type}


async def ask(buyer: Person, event: dict[str, Any], **wanted: Any) -> httpx.Response:
    """Hold places, or be refused."""
    return await buyer.post("/bookings", {"event_id": event["id"]} | wanted)


async def test_ticket_types_share_an_area_and_each_has_its_price(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(organizer)
    assert event["all_in_prices"]["Child"]["amount"] == 200

    booking = await hold(buyer, event, areas=[floor(1), floor(2, "Child"), floor(1, "VIP")])

    places = [(place.get("ticket_type"), place["price"]["amount"]) for place in booking["places"]]
    assert places == [(None, 500), ("Child", 200), ("Child", 200), ("VIP", 5000)]
    assert booking["total"]["amount"] == 5900
    shown = await buyer.get(f"/bookings/{booking['id']}")
    assert shown.json() == booking
    document = (await buyer.get(f"/events/{event['id']}/availability")).json()
    assert document["areas"] == [{"area_id": 0, "places_left": 496}]
    left = {each["ticket_type"]: each["places_left"] for each in document["ticket_types"]}
    assert left == {"Child": 1, "VIP": None, "Senior": None}
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_a_limit_holds_at_its_edge_and_what_is_given_back_may_be_had_again(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(organizer)
    booking = await hold(buyer, event, areas=[floor(3, "Child")])

    full = await ask(buyer, event, areas=[floor(1, "Child")])
    others = await ask(buyer, event, areas=[floor(1)])
    swapped = await buyer.post(
        f"/bookings/{booking['id']}/exchange",
        {"give": {"areas": [floor(1, "Child")]}, "take": {"areas": [floor(1)]}},
    )
    again = await ask(buyer, event, areas=[floor(1, "Child")])
    await buyer.post(f"/bookings/{booking['id']}/cancel")
    after = await ask(buyer, event, areas=[floor(2, "Child")])

    assert (full.status_code, full.json()["ticket_types"]) == (
        409,
        [{"ticket_type": "Child", "places_left": 0}],
    )
    assert others.status_code == 201
    types = [place.get("ticket_type") for place in swapped.json()["places"]]
    assert (types, swapped.json()["total"]["amount"]) == (["Child", "Child", None], 900)
    assert (again.status_code, after.status_code) == (201, 201)
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_an_exchange_gives_back_what_the_booking_has_of_that_type(organizer: Person, buyer: Person):
    event = await sale(organizer)
    booking = await hold(buyer, event, areas=[floor(1), floor(1, "Child")])

    answer = await buyer.post(f"/bookings/{booking['id']}/exchange", {"give": {"areas": [floor(1, "VIP")]}})

    assert (answer.status_code, answer.json()["area_ids"]) == (409, [0])


async def test_seats_are_sold_by_ticket_type_too_named_or_chosen(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(organizer)

    named = await hold(buyer, event, seat_ids=[0, 1], seat_ticket_types=[None, "Senior"])
    chosen = await hold(
        buyer,
        event,
        best_available={"quantity": 2, "category": "Stalls"},
        seat_ticket_types=["Senior", None],
        areas=[floor(1, "Child")],
    )

    assert [place["price"]["amount"] for place in named["places"]] == [1000, 800]
    assert [place["price"]["amount"] for place in chosen["places"]] == [800, 1000, 200]
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_a_category_without_a_price_is_sold_by_ticket_type_only(organizer: Person, buyer: Person):
    prices = {name: amount for name, amount in PRICES.items() if name != "Floor"}
    event = await sale(organizer, prices=prices)

    plain = await ask(buyer, event, areas=[floor(2)])
    child = await ask(buyer, event, areas=[floor(1, "Child")])
    document = (await buyer.get(f"/events/{event['id']}/availability")).json()

    assert plain.status_code == 422
    assert [each["pointer"] for each in plain.json()["errors"]] == ["/areas"]
    assert "'Child', 'VIP'" in plain.json()["errors"][0]["detail"]
    assert child.status_code == 201
    shown = next(each for each in document["categories"] if each["category"] == "Floor")
    assert (shown["free"], shown["price"]) == (499, None)


async def test_a_price_change_a_fee_a_rate_and_a_channel_name_ticket_types(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(
        organizer,
        fees=[SERVICE],
        tax=VAT | {"basis_points_of": {"Floor": 0, "VIP": 2000}},
        price_changes=[{"starts_at": soon(hours=-1), "prices": {"Child": 300}}],
    )
    made = await organizer.post(f"/events/{event['id']}/channels", {"name": "Fans", "prices": {"VIP": 4000}})

    booking = await hold(buyer, event, areas=[floor(1, "Child"), floor(1, "VIP")])
    through = await hold(buyer, event, areas=[floor(1, "VIP")], channel_key=made.json()["key"])

    # The child's rate is that of the floor.
    assert [place["all_in_price"]["amount"] for place in booking["places"]] == [450, 6180]
    assert through["total"]["amount"] == 4980
    assert booking["total"]["amount"] == 6630
    seen = (await buyer.get(f"/events/{event['id']}")).json()
    assert (seen["all_in_prices"]["Child"]["amount"], seen["tax"]["basis_points_of"]) == (
        450,
        {"Floor": 0, "VIP": 2000},
    )
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_a_ticket_says_its_type_to_its_holder_and_at_the_gate(organizer: Person, buyer: Person):
    prices = PRICES | {"Floor": 0, "Child": 0}
    event = await sale(organizer, prices=prices)
    booking = await hold(buyer, event, areas=[floor(1), floor(1, "Child")])

    tickets = (await buyer.get(f"/bookings/{booking['id']}/tickets")).json()["items"]
    scans = [
        (await organizer.post(f"/events/{event['id']}/check-ins", {"code": ticket["code"]})).json()
        for ticket in tickets
    ]

    assert [ticket["ticket_type"] for ticket in tickets] == [None, "Child"]
    assert [scan["ticket"]["ticket_type"] for scan in scans] == [None, "Child"]


async def test_a_limit_that_is_lowered_during_the_sale_counts_what_was_sold(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(organizer)
    await hold(buyer, event, areas=[floor(2, "Child")])

    lowered = await organizer.patch(
        f"/events/{event['id']}", {"ticket_types": [CHILD | {"limit": 1}, VIP, SENIOR]}
    )
    refused = await ask(buyer, event, areas=[floor(1, "Child")])
    closed = await organizer.patch(f"/events/{event['id']}", {"ticket_types": [VIP, SENIOR]})
    without = {name: amount for name, amount in PRICES.items() if name != "Child"}
    gone = await organizer.patch(f"/events/{event['id']}", {"ticket_types": [VIP, SENIOR], "prices": without})
    unknown = await ask(buyer, event, areas=[floor(1, "Child")])

    assert lowered.status_code == 200
    assert refused.json()["ticket_types"] == [{"ticket_type": "Child", "places_left": 0}]
    assert [each["pointer"] for each in closed.json()["errors"]] == ["/prices/Child"]
    assert gone.status_code == 200
    assert [each["pointer"] for each in unknown.json()["errors"]] == ["/areas"]
    assert isinstance(await verify_event(db, event["id"]), Verified)


def test_who_looks_is_told_when_an_exchange_only_changes_the_ticket_type():
    inventory = on_sale(hall("AA"))
    before = picture_of(inventory)
    after = msgspec.structs.replace(before, version=1, types_left=(4,))
    types = {"Child": TicketType("Child", "A", 5)}
    terms = msgspec.structs.replace(before.terms, ticket_types=types)
    before, after = (msgspec.structs.replace(each, terms=terms) for each in (before, after))

    step = step_between(msgspec.structs.replace(before, types_left=(5,)), after)

    assert (step.seat_ids, step.area_ids) == ((), (0,))
    seats_only = dataclasses.replace(before.seat_map, areas=())
    before, after = (
        msgspec.structs.replace(each, seat_map=seats_only, area_left=()) for each in (before, after)
    )
    step = step_between(msgspec.structs.replace(before, types_left=(5,)), after)
    assert (step.seat_ids, step.area_ids) == ((0,), ())


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"areas": [floor(1, "Senior")]}, "/areas"),
        ({"areas": [floor(1, "Nobody")]}, "/areas"),
        ({"areas": [floor(1, "")]}, "/areas/0/ticket_type"),
        ({"areas": [floor(1, "Child"), floor(1, "Child")]}, "/areas/1/area_id"),
        ({"seat_ids": [0, 1], "seat_ticket_types": ["Senior"]}, "/seat_ticket_types"),
        ({"seat_ids": [0, 1], "seat_ticket_types": [None, "Child"]}, "/seat_ticket_types/1"),
        ({"areas": [floor(1)], "seat_ticket_types": ["Child"]}, "/seat_ticket_types"),
        (
            {"best_available": {"quantity": 2}, "seat_ticket_types": ["Senior", "VIP"]},
            "/seat_ticket_types/1",
        ),
    ],
)
async def test_a_hold_that_does_not_fit_is_pointed_at(
    organizer: Person, buyer: Person, wanted: dict[str, Any], pointer: str
):
    answer = await ask(buyer, await sale(organizer), **wanted)

    assert answer.status_code == 422, answer.text
    assert [each["pointer"] for each in answer.json()["errors"]] == [pointer]


def many(count: int) -> list[dict[str, Any]]:
    """So many ticket types."""
    return [{"name": f"T{number}", "category": "Floor"} for number in range(count)]


@pytest.mark.parametrize(
    ("types", "pointers"),
    [
        ([CHILD | {"category": "Balcony"}], ["/ticket_types/0/category"]),
        ([CHILD, CHILD | {"category": "Stalls"}], ["/ticket_types/1/name"]),
        ([CHILD, {"name": "Floor", "category": "Floor"}], ["/ticket_types/1/name"]),
        ([CHILD | {"limit": -1}], ["/ticket_types/0/limit"]),
        ([CHILD | {"limit": 1_000_001}], ["/ticket_types/0/limit"]),
        ([VIP, {"name": "New", "category": "Floor"}, CHILD, SENIOR], ["/prices/New"]),
        (many(TICKET_TYPES_MAX + 1), ["/ticket_types"]),
    ],
)
async def test_ticket_types_that_do_not_fit_are_pointed_at(
    organizer: Person, types: list[dict[str, Any]], pointers: list[str]
):
    event = await sale(organizer)

    answer = await organizer.patch(f"/events/{event['id']}", {"ticket_types": types, "prices": PRICES})

    assert answer.status_code == 422, answer.text
    found = [each["pointer"] for each in answer.json()["errors"]]
    assert [each for each in found if each in pointers] == pointers


async def test_an_event_may_have_the_most_ticket_types_there_can_be(organizer: Person):
    types = many(TICKET_TYPES_MAX)
    prices = {"Stalls": 1000, **{each["name"]: 100 for each in types}}

    event = await sale(organizer, ticket_types=types, prices=prices)

    assert len(event["ticket_types"]) == TICKET_TYPES_MAX


async def test_an_inventory_that_is_loaded_anew_counts_as_the_one_before(
    organizer: Person, buyer: Person, db: Database
):
    event = await sale(organizer)
    await hold(buyer, event, areas=[floor(2, "Child"), floor(1, "VIP")], seat_ids=[0])

    inventory = await GroupCommit(db, []).observe(event["id"])

    assert dict(inventory.taken_of_type) == {"Child": 2, "VIP": 1}
    assert [each.ticket_types for each in inventory.pending.values()] == [(None, "Child", "Child", "VIP")]
