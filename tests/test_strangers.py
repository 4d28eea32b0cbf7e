"""Whatever is somebody's own is not there for anybody else: each kind of object, each way to ask for it."""

from typing import Any

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from boxoffice.permissions import PERMISSIONS, Who
from catalog.stage import Person, person
from journeys.api_document import operations_of


@pytest.fixture
async def owned(app: Litestar, client: httpx.AsyncClient, db: Database) -> dict[str, Any]:
    """The ids of a buyer's things, one of each kind that has an address."""
    organizer = await person(app, client, db, Role.ORGANIZER)
    buyer = await person(app, client, db, Role.USER)
    paid = await organizer.has_event()
    free = await organizer.has_event(prices={"Stalls": 0, "Floor": 0})
    held = (await buyer.post("/bookings", {"event_id": paid["id"], "seat_ids": [0]})).json()
    payment = (await buyer.post(f"/bookings/{held['id']}/payments", {})).json()
    given = (await buyer.post("/bookings", {"event_id": free["id"], "seat_ids": [0]})).json()
    tickets = (await buyer.get(f"/bookings/{given['id']}/tickets")).json()["items"]
    async with db.transaction() as tx:
        session_id = await tx.get(
            int,
            """
            INSERT INTO sessions (family_hash, secret_hash, user_id, expires_at)
            VALUES (sha256(random()::text::bytea), sha256('b'), $1, now() + interval '1 day')
            RETURNING id
            """,
            buyer.id,
        )
    return {
        "buyer": buyer,
        "booking_id": held["id"],
        "payment_id": payment["id"],
        "ticket_id": tickets[0]["id"],
        "session_id": session_id,
    }


async def test_nobody_finds_what_is_somebody_elses(
    owned: dict[str, Any], app: Litestar, client: httpx.AsyncClient, db: Database
):
    strangers = [await person(app, client, db, role) for role in (Role.USER, Role.ORGANIZER)]
    buyer: Person = owned["buyer"]
    operations = operations_of((await client.get("http://testserver/schema")).json())
    tried: set[str] = set()
    for operation in operations:
        name = operation.spec["operationId"]
        places = set(operation.names("path"))
        who = PERMISSIONS.get(name)
        if who not in (Who.PERSON, Who.CONCERNED) or not places or not places <= owned.keys():
            continue
        address = f"http://testserver{operation.path.format(**owned)}"
        body = None if operation.body is None else operation.example(operation.body)
        # An exchange names places; what it names does not matter to who may not ask for it.
        # Nothing was asked of the buyer, so there are no answers to see.
        is_there = operation.method == "get" and not operation.path.endswith("/answers")
        for somebody in (*strangers, buyer) if is_there else strangers:
            answer = await client.request(operation.method, address, headers=somebody.headers, json=body)
            found = answer.status_code != 404
            assert found == (somebody is buyer), f"{operation}: {answer.status_code} {answer.text[:200]}"
        tried.add(name)

    assert tried >= {
        "GetBooking",
        "CancelBooking",
        "ExchangePlaces",
        "StartPayment",
        "GetPayment",
        "GetTicket",
    }
    assert tried >= {"RenewHold", "ListBookingTickets", "GetTicketQr", "EndSession"}
