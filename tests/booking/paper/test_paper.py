"""What a buyer keeps of a booking, over HTTP: who gets it, and that it says what the booking says."""

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.booking.schemas import PLACES_PER_BOOKING_MAX
from boxoffice.kit.money import in_words
from boxoffice.kit.postgres import Database
from catalog.stage import person
from payments.test_refunded_places import Till, open_till
from pdf_reader import read_pdf
from tickets.qr_reader import modules_of_pdf, read_qr

KEPT = ("tickets.pdf", "calendar.ics")


@pytest.fixture
async def till(app: Litestar, client: httpx.AsyncClient, db: Database) -> Till:
    return await open_till(app, client, db)


async def test_there_is_a_page_for_each_valid_ticket_with_its_code_and_what_was_paid(till: Till):
    booking_id = await till.sell(children=1, code="EARLY")
    assert (await till.give_back(booking_id, places={"seat_ids": [0]})).status_code == 201
    places = (await till.booking(booking_id))["places"]
    void, *valid = await till.tickets(booking_id)

    answer = await till.buyer.get(f"/bookings/{booking_id}/tickets.pdf")

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/pdf")
    pages = read_pdf(answer.content)
    assert [read_qr(modules_of_pdf(page.rectangles)) for page in pages] == [each["code"] for each in valid]
    for page, ticket, place in zip(pages, valid, places, strict=True):
        assert {
            till.event["title"],
            "Old theatre",
            "Erfurt, DE",
            ticket["place"]["label"],
            "Floor, Child" if ticket["ticket_type"] else place["category"],
            "Ada",
            in_words(**place["all_in_price"]),
            booking_id,
            f"Ticket {ticket['id']}",
        } < {*page.words}
    assert (await till.buyer.get(f"/bookings/{booking_id}/tickets.pdf")).content == answer.content
    single = await till.buyer.get(f"/tickets/{valid[1]['id']}/pdf")
    assert [page.words for page in read_pdf(single.content)] == [pages[1].words]
    gone = await till.buyer.get(f"/tickets/{void['id']}/pdf")
    assert (gone.status_code, gone.json()["type"]) == (410, "/problems/ticket-is-void")


async def test_nobody_else_gets_any_of_it(till: Till, app: Litestar, client: httpx.AsyncClient, db: Database):
    booking_id = await till.sell()
    (ticket, _) = await till.tickets(booking_id)
    paths = [*(f"/bookings/{booking_id}/{kept}" for kept in KEPT), f"/tickets/{ticket['id']}/pdf"]
    other = await person(app, client, db, Role.USER)

    for path in paths:
        assert (await till.organizer.get(path)).status_code == 404
        assert (await other.get(path)).status_code == 404
        assert (await client.get(path)).status_code == 401


async def test_what_is_not_confirmed_has_neither_and_what_was_is_cancelled_in_the_calendar(till: Till):
    held = await till.buyer.post("/bookings", {"event_id": till.event["id"], "seat_ids": [3]})
    refused = [await till.buyer.get(f"/bookings/{held.json()['id']}/{kept}") for kept in KEPT]
    assert [(each.status_code, each.json()["type"]) for each in refused] == [
        (409, "/problems/no-tickets-to-print"),
        (409, "/problems/never-confirmed"),
    ]

    booking_id = await till.sell(seats=(2,))
    before = await till.buyer.get(f"/bookings/{booking_id}/calendar.ics")
    assert (await till.give_back(booking_id)).status_code == 201
    tickets, after = [await till.buyer.get(f"/bookings/{booking_id}/{kept}") for kept in KEPT]

    assert tickets.status_code == 409
    assert before.headers["content-type"] == "text/calendar; charset=utf-8"
    entries = [
        dict(line.split(":", 1) for line in each.text.replace("\r\n ", "").splitlines())
        for each in (before, after)
    ]
    assert [entry["STATUS"] for entry in entries] == ["CONFIRMED", "CANCELLED"]
    assert {entry["UID"] for entry in entries} == {booking_id}
    assert int(entries[1]["SEQUENCE"]) == int(entries[0]["SEQUENCE"]) + 1
    assert entries[0]["SUMMARY"] == till.event["title"]
    assert entries[0]["LOCATION"] == "Old theatre\\, Erfurt\\, DE"
    assert entries[0]["DESCRIPTION"] == f"Left\\, row B\\, seat 1\\nBooking {booking_id}"


async def test_the_largest_booking_is_one_document(till: Till):
    event = await till.organizer.has_event(
        prices={"Stalls": 0, "Floor": 0}, places_per_buyer_max=PLACES_PER_BOOKING_MAX
    )
    areas = [{"area_id": 0, "quantity": PLACES_PER_BOOKING_MAX}]
    booking = (await till.buyer.post("/bookings", {"event_id": event["id"], "areas": areas})).json()

    answer = await till.buyer.get(f"/bookings/{booking['id']}/tickets.pdf")

    assert answer.status_code == 200, answer.text
    assert len({page.words[-2] for page in read_pdf(answer.content)}) == PLACES_PER_BOOKING_MAX
