"""Fees and tax of a booking, over HTTP: fixed when it was held, shown in parts, paid as a whole."""

from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person

SERVICE = {"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 150}
POSTAGE = {"name": "Postage", "per": "BOOKING", "mode": "ADDED", "amount": 100, "is_taxed": False}
HOUSE = {"name": "House", "per": "TICKET", "mode": "ABSORBED", "basis_points": 1000}
VAT = {"name": "VAT", "mode": "ADDED", "basis_points": 1000}


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


async def on_sale(organizer: Person, **changes: Any) -> dict[str, Any]:
    """An event with a seat map whose stalls cost 10.00."""
    return await organizer.has_event(**({"prices": {"Stalls": 1000, "Floor": 500}} | changes))


async def hold(buyer: Person, event: dict[str, Any], **wanted: Any) -> dict[str, Any]:
    """Hold places."""
    answer = await buyer.post("/bookings", {"event_id": event["id"]} | wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def test_a_booking_shows_its_parts_and_is_paid_as_a_whole(
    organizer: Person, buyer: Person, db: Database
):
    event = await on_sale(organizer, fees=[SERVICE, POSTAGE, HOUSE], tax=VAT)
    assert event["all_in_prices"]["Stalls"] == {"amount": 1365, "currency": event["currency"]}

    booking = await hold(buyer, event, seat_ids=[0, 1])

    # Twice 10.00 and 1.50, of which 10 % tax, and once 1.00 without.
    assert booking["subtotal"]["amount"] == 2000
    assert [(fee["name"], fee["amount"]["amount"]) for fee in booking["fees"]] == [
        ("Service", 300),
        ("Postage", 100),
    ]
    assert [(tax["name"], tax["amount"]["amount"]) for tax in booking["taxes"]] == [("VAT", 230)]
    assert booking["total"]["amount"] == 2630
    assert [place["all_in_price"]["amount"] for place in booking["places"]] == [1315, 1315]
    payment = await buyer.post(f"/bookings/{booking['id']}/payments", {})
    assert payment.json()["amount"] == booking["total"]
    shown = await buyer.client.get(f"/bookings/{booking['id']}", headers=buyer.headers)
    assert shown.json() == booking
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_a_change_of_fees_changes_nothing_that_is_held(organizer: Person, buyer: Person, db: Database):
    event = await on_sale(organizer, fees=[SERVICE, POSTAGE])
    before = await hold(buyer, event, seat_ids=[0, 1])
    changed = await organizer.client.patch(
        f"/events/{event['id']}",
        json={"fees": [SERVICE | {"amount": 400}], "tax": VAT},
        headers=organizer.headers,
    )
    assert changed.status_code == 200, changed.text
    after = await hold(buyer, event, seat_ids=[2])

    assert before["total"]["amount"] == 2400
    assert after["total"]["amount"] == 1540
    swapped = await buyer.post(
        f"/bookings/{before['id']}/exchange", {"give": {"seat_ids": [1]}, "take": {"seat_ids": [3]}}
    )
    # Seat 0 as it was held, seat 3 at today's fee and tax, the postage as it was.
    assert swapped.json()["total"]["amount"] == 1150 + 1540 + 100
    assert sum(place["all_in_price"]["amount"] for place in swapped.json()["places"]) == 2790
    assert isinstance(await verify_event(db, event["id"]), Verified)


async def test_without_fees_and_tax_a_booking_costs_its_prices(organizer: Person, buyer: Person):
    booking = await hold(buyer, await on_sale(organizer), seat_ids=[0], areas=[{"area_id": 0, "quantity": 1}])

    assert (booking["subtotal"], booking["fees"], booking["taxes"]) == (booking["total"], [], [])
    assert all("all_in_price" not in place for place in booking["places"])


async def test_a_free_booking_stays_free(organizer: Person, buyer: Person):
    event = await on_sale(organizer, prices={"Stalls": 0, "Floor": 0}, fees=[SERVICE, POSTAGE], tax=VAT)

    booking = await hold(buyer, event, seat_ids=[0])

    assert (booking["state"], booking["total"]["amount"]) == ("CONFIRMED", 0)


async def test_what_the_organizer_bears_is_the_organizers_business(organizer: Person, buyer: Person):
    event = await on_sale(organizer, fees=[HOUSE])

    seen = (await buyer.client.get(f"/events/{event['id']}", headers=buyer.headers)).json()
    own = (await buyer.client.get(f"/events/{event['id']}", headers=organizer.headers)).json()
    booking = await hold(buyer, event, seat_ids=[0])

    assert (seen["fees"], [fee["name"] for fee in own["fees"]]) == ([], ["House"])
    assert booking["total"]["amount"] == 1000
    assert booking["fees"] == []


async def test_availability_says_what_a_buyer_pays(organizer: Person):
    event = await on_sale(organizer, fees=[SERVICE])

    document = (await organizer.client.get(f"/events/{event['id']}/availability")).json()

    stalls = next(each for each in document["categories"] if each["category"] == "Stalls")
    assert (stalls["all_in_price"]["amount"], stalls["price"]["amount"]) == (1150, 1000)


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"fees": [SERVICE | {"basis_points": 100}]}, "/fees/0"),
        ({"fees": [{"name": "x", "per": "TICKET", "mode": "ADDED"}]}, "/fees/0"),
        ({"fees": [SERVICE, SERVICE]}, "/fees/1/name"),
        ({"fees": [SERVICE | {"amount": 0}]}, "/fees/0/amount"),
        ({"fees": [HOUSE | {"basis_points": 10_001}]}, "/fees/0/basis_points"),
        ({"fees": [HOUSE | {"is_taxed": False}]}, "/fees/0/is_taxed"),
        ({"fees": [SERVICE | {"name": f"Fee {n}"} for n in range(11)]}, "/fees"),
        ({"tax": VAT | {"basis_points": -1}}, "/tax/basis_points"),
        ({"tax": VAT | {"basis_points_of": {"Balcony": 700}}}, "/tax/basis_points_of/Balcony"),
        ({"tax": VAT | {"basis_points_of": {"Stalls": 10_001}}}, "/tax/basis_points_of/Stalls"),
    ],
)
async def test_what_does_not_fit_is_pointed_at(organizer: Person, change: dict[str, Any], pointer: str):
    event = await on_sale(organizer)

    answer = await organizer.client.patch(
        f"/events/{event['id']}",
        content=msgspec.json.encode(change),
        headers=organizer.headers | {"Content-Type": "application/json"},
    )

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
