"""An event's bookings as its team sees them: found by address, and as a table that a spreadsheet opens."""

import csv

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.booking.guests import listing
from boxoffice.kit.postgres import Database
from catalog.stage import Person, person

FORMULA = "=HYPERLINK(1)"


async def address_of(db: Database, buyer: Person) -> str:
    """The buyer's address, in capitals, and a name that means ill."""
    async with db.transaction() as tx:
        return await tx.get(
            str, "UPDATE users SET name = $2 WHERE id = $1 RETURNING upper(email)", buyer.id, FORMULA
        )


async def test_a_team_finds_who_booked_and_exports_who_has_which_place(
    app: Litestar, client: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
):
    organizer, stranger = [await person(app, client, db, Role.ORGANIZER) for _ in range(2)]
    free = {"prices": {"Stalls": 0, "Floor": 0}}
    event, other = await organizer.has_event(**free), await organizer.has_event(**free)
    held = await organizer.has_event(prices={"Stalls": 123_450, "Floor": 0})
    buyers = [await person(app, client, db, Role.USER) for _ in range(3)]
    for seat, buyer in enumerate(buyers):
        wanted = {"event_id": event["id"], "seat_ids": [seat], "areas": [{"area_id": 0, "quantity": 1}]}
        assert (await buyer.post("/bookings", wanted)).status_code == 201
    await buyers[0].post("/bookings", {"event_id": held["id"], "seat_ids": [0]})
    address = await address_of(db, buyers[1])
    path = f"/events/{event['id']}/bookings"

    [mine] = (await organizer.get(path, buyer=address)).json()["items"]
    tickets = (await buyers[1].get(f"/bookings/{mine['booking']['id']}/tickets")).json()["items"]
    await organizer.post(f"/events/{event['id']}/check-ins", {"code": tickets[0]["code"]})
    [mine] = (await organizer.get(path, buyer=address)).json()["items"]
    first = await organizer.get(path, limit=2)
    second = await organizer.get(path, cursor=first.json()["next_cursor"])
    assert (mine["buyer"], mine["admitted"]) == ({"name": FORMULA, "email": address.lower()}, 1)
    assert [place.get("seat_id") for place in mine["booking"]["places"]] == [1, None]
    shown = [
        each["booking"]["places"][0]["seat_id"] for each in first.json()["items"] + second.json()["items"]
    ]
    assert (shown, second.json()["next_cursor"]) == ([2, 1, 0], None)
    assert (await organizer.get(f"/events/{other['id']}/bookings")).json()["items"] == []

    monkeypatch.setattr(listing, "EXPORTED_AT_ONCE", 2)
    table = await organizer.get(f"{path}.csv")
    head, *rows = csv.reader(table.content.decode("utf-8-sig").splitlines())
    assert len(rows) == 6
    assert dict(zip(head, rows[2], strict=True)) == {
        "booking_id": mine["booking"]["id"],
        "booked_at": rows[2][1],
        "state": "CONFIRMED",
        "name": f"'{FORMULA}",
        "email": address.lower(),
        "category": "Stalls",
        "ticket_type": "",
        "zone": mine["booking"]["places"][0]["zone"],
        "row": mine["booking"]["places"][0]["row"],
        "number": mine["booking"]["places"][0]["number"],
        "price": "0.00",
        "currency": "EUR",
        "admitted_of_booking": "1",
    }
    [row] = csv.DictReader((await organizer.get(f"/events/{held['id']}/bookings.csv")).text[1:].splitlines())
    assert (row["state"], row["price"], row["currency"]) == ("PENDING", "1234.50", "EUR")
    for somebody, status in ((stranger, 404), (buyers[0], 403)):
        for each in (path, f"{path}.csv"):
            assert (await somebody.get(each)).status_code == status
