"""Bookings over HTTP: what a buyer writes, sees, and cannot do."""

from typing import Any
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.booking.schemas import PLACES_PER_BOOKING_MAX
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import person
from payments.conftest import headers_of
from shows import insert_user, open_show


async def test_a_booking_spells_out_its_places(db: Database, client: httpx.AsyncClient):
    show = await open_show(db, areas=[10])
    headers = headers_of(await insert_user(db))

    answer = await client.post(
        "/bookings",
        json={"event_id": show.event_id, "seat_ids": [21], "areas": [{"area_id": 0, "quantity": 2}]},
        headers=headers,
    )

    assert answer.status_code == 201
    booking = answer.json()
    price = {"amount": 2500, "currency": "EUR"}
    admission = {"category": "Any", "price": price, "zone": "Area 0", "area_id": 0}
    assert booking["places"] == [
        {"category": "Any", "price": price, "zone": "Block A", "seat_id": 21, "row": "2", "number": "2"},
        admission,
        admission,
    ]
    assert booking["state"] == "PENDING"
    assert booking["total"] == {"amount": 7500, "currency": "EUR"}
    assert booking["expires_at"] > booking["created_at"]
    shown = await client.get(f"/bookings/{booking['id']}", headers=headers)
    assert shown.json() == booking


async def test_what_costs_nothing_after_an_exchange_is_sold_at_once(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    """It was held on, and to pay for it was answered 500: nobody can ask for nothing."""
    organizer = await person(app, client, db, Role.ORGANIZER)
    buyer = await person(app, client, db, Role.USER)
    event = await organizer.has_event(prices={"Stalls": 1000, "Floor": 0})
    held = (await buyer.post("/bookings", {"event_id": event["id"], "seat_ids": [0]})).json()
    swap = {"give": {"seat_ids": [0]}, "take": {"areas": [{"area_id": 0, "quantity": 1}]}}

    booking = (await buyer.post(f"/bookings/{held['id']}/exchange", swap)).json()

    assert (booking["state"], booking["total"]["amount"], booking["expires_at"]) == ("CONFIRMED", 0, None)
    assert (await buyer.get(f"/bookings/{held['id']}")).json() == booking
    tickets = (await buyer.get(f"/bookings/{held['id']}/tickets")).json()["items"]
    assert [each["state"] for each in tickets] == ["VALID"]
    assert (await buyer.post(f"/bookings/{held['id']}/payments", {})).status_code == 409
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_a_refusal_names_the_seats_that_are_gone(db: Database, client: httpx.AsyncClient):
    show = await open_show(db)
    first, second = headers_of(await insert_user(db)), headers_of(await insert_user(db))
    await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [1, 2]}, headers=first)

    answer = await client.post(
        "/bookings", json={"event_id": show.event_id, "seat_ids": [2, 3]}, headers=second
    )

    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (problem["type"], problem["seat_ids"]) == ("/problems/seats-taken", [2])
    assert problem["request_id"] == answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("wanted", "pointer"),
    [
        ({"seat_ids": [1, 2, 1]}, "/seat_ids/2"),
        ({"seat_ids": [1, 4000]}, "/seat_ids/1"),
        ({"seat_ids": [-1]}, "/seat_ids/0"),
        ({"seat_ids": list(range(10_001))}, "/seat_ids"),
        ({"seat_ids": list(range(PLACES_PER_BOOKING_MAX + 1))}, "/seat_ids"),
        ({"seat_ids": ["1"]}, "/seat_ids/0"),
        ({"seat_ids": [1.5]}, "/seat_ids/0"),
        ({"seat_ids": 1}, "/seat_ids"),
        ({}, "/seat_ids"),
        ({"areas": [{"area_id": 0, "quantity": 0}]}, "/areas/0/quantity"),
        ({"areas": [{"area_id": 0, "quantity": 1}, {"area_id": 0, "quantity": 1}]}, "/areas/1/area_id"),
        ({"areas": [{"area_id": 7, "quantity": 1}]}, "/areas"),
        ({"seat_ids": [0], "areas": [{"area_id": 0, "quantity": PLACES_PER_BOOKING_MAX}]}, "/areas"),
        ({"seat_ids": [0], "price": 0}, "/price"),
        ({"seat_ids": [0], "event_id": 2**32}, "/event_id"),
    ],
)
async def test_what_does_not_fit_is_pointed_at_and_changes_nothing(
    db: Database, client: httpx.AsyncClient, wanted: dict[str, Any], pointer: str
):
    show = await open_show(db, areas=[500])
    headers = headers_of(await insert_user(db))

    answer = await client.post("/bookings", json={"event_id": show.event_id, **wanted}, headers=headers)

    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert await show.count("bookings") == 0


async def test_as_many_places_as_one_booking_may_have(db: Database, client: httpx.AsyncClient):
    show = await open_show(db, areas=[500])
    headers = headers_of(await insert_user(db))
    wanted = {"event_id": show.event_id, "areas": [{"area_id": 0, "quantity": PLACES_PER_BOOKING_MAX}]}

    answer = await client.post("/bookings", json=wanted, headers=headers)

    assert answer.status_code == 201
    assert len(answer.json()["places"]) == PLACES_PER_BOOKING_MAX


async def test_other_peoples_bookings_are_not_there(db: Database, client: httpx.AsyncClient):
    show = await open_show(db)
    mine, theirs = headers_of(await insert_user(db)), headers_of(await insert_user(db))
    made = await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [1]}, headers=theirs)
    booking_id = made.json()["id"]

    assert (await client.get(f"/bookings/{booking_id}", headers=mine)).status_code == 404
    assert (await client.post(f"/bookings/{booking_id}/cancel", headers=mine)).status_code == 404
    assert (await client.get("/bookings", headers=mine)).json()["items"] == []
    assert (await client.get(f"/bookings/{booking_id}")).status_code == 401


async def test_a_list_comes_in_pages_newest_first(db: Database, client: httpx.AsyncClient):
    show = await open_show(db)
    headers = headers_of(await insert_user(db))
    made = [
        (
            await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [n]}, headers=headers)
        ).json()["id"]
        for n in range(5)
    ]

    seen: list[str] = []
    url = "/bookings?limit=2"
    while url:
        answer = await client.get(url, headers=headers)
        seen += [booking["id"] for booking in answer.json()["items"]]
        link = answer.headers.get("link", "")
        url = link.partition(">")[0].removeprefix("</api/v1")

    assert seen == sorted(made, reverse=True)
    for query, status in (("limit=0", 422), ("limit=101", 422), ("cursor=!!", 422), ("limit=100", 200)):
        assert (await client.get(f"/bookings?{query}", headers=headers)).status_code == status


async def test_a_cancelled_booking_is_shown_as_such_and_its_seats_are_free(
    db: Database, client: httpx.AsyncClient
):
    show = await open_show(db)
    headers = headers_of(await insert_user(db))
    made = await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [1]}, headers=headers)

    answer = await client.post(f"/bookings/{made.json()['id']}/cancel", headers=headers)

    assert (answer.status_code, answer.json()["state"], answer.json()["expires_at"]) == (
        200,
        "CANCELLED",
        None,
    )
    again = await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [1]}, headers=headers)
    assert again.status_code == 201


async def test_a_hold_whose_time_is_over_is_shown_as_expired_before_anybody_tidies_up(
    db: Database, client: httpx.AsyncClient
):
    show = await open_show(db, hold_seconds=1)
    headers = headers_of(await insert_user(db))
    made = await client.post("/bookings", json={"event_id": show.event_id, "seat_ids": [1]}, headers=headers)
    await show.wait_for_holds_to_end()

    shown = await client.get(f"/bookings/{made.json()['id']}", headers=headers)

    assert (shown.json()["state"], shown.json()["expires_at"]) == ("EXPIRED", None)
    assert await show.states() == {UUID(made.json()["id"]): "PENDING"}
