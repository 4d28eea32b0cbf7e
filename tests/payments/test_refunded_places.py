"""Single places that organizers give back: with what they cost, each once, and the rest stays sold."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from contextvars import Context
from typing import Any, TypeVar
from uuid import UUID

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.inventory.commands import Expire, TakeBackPlaces, TakenBack
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.kit.errors import Refusal
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.refunds.queries import lock_bought_payments
from boxoffice.payments.schemas import PLACES_BACK_MAX
from boxoffice.tickets.queries import claim_admission
from catalog.stage import Person, person, wait_until_it_waits
from inventory.test_race import repairs
from payments.test_payments import report, tell

SERVICE = {"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 150}
HANDLING = {"name": "Handling", "per": "BOOKING", "mode": "ADDED", "amount": 199, "is_taxed": False}
HOUSE = {"name": "House", "per": "TICKET", "mode": "ABSORBED", "basis_points": 1000}
VAT = {"name": "VAT", "mode": "ADDED", "basis_points": 1000}
Answer = TypeVar("Answer")
CHILD = {"name": "Child", "category": "Floor", "limit": 3}


class Till:
    """An event with fees, a tax, a ticket type and a promo code, whose buyers have paid."""

    def __init__(self, client: httpx.AsyncClient, db: Database, organizer: Person, buyer: Person) -> None:
        self.client, self.db, self.organizer, self.buyer = client, db, organizer, buyer
        self.event: dict[str, Any] = {}

    async def open(self) -> None:
        self.event = await self.organizer.has_event(
            prices={"Stalls": 1000, "Floor": 500, "Child": 200},
            ticket_types=[CHILD],
            fees=[SERVICE, HANDLING, HOUSE],
            tax=VAT,
        )
        code = {"code": "EARLY", "amount": 100, "places_max": 4}
        made = await self.organizer.post(f"/events/{self.event['id']}/promo-codes", code)
        assert made.status_code == 201, made.text

    async def sell(
        self, *, seats: tuple[int, ...] = (0, 1), children: int = 0, code: str | None = None
    ) -> str:
        """A paid booking; its id."""
        areas = [{"area_id": 0, "quantity": children, "ticket_type": "Child"}] if children else []
        wanted: dict[str, Any] = {"event_id": self.event["id"], "seat_ids": seats, "areas": areas}
        held = await self.buyer.post("/bookings", wanted | ({"promo_code": code} if code else {}))
        assert held.status_code == 201, held.text
        payment = await self.buyer.post(f"/bookings/{held.json()['id']}/payments", {})
        assert payment.status_code == 201, payment.text
        assert (await tell(self.client, report(payment.json()))).status_code == 204
        return held.json()["id"]

    async def give_back(self, booking_id: str, **wanted: Any) -> httpx.Response:
        return await self.organizer.post(f"/bookings/{booking_id}/refunds", wanted)

    async def booking(self, booking_id: str) -> dict[str, Any]:
        return (await self.buyer.get(f"/bookings/{booking_id}")).json()

    async def tickets(self, booking_id: str) -> list[dict[str, Any]]:
        return (await self.buyer.get(f"/bookings/{booking_id}/tickets")).json()["items"]

    async def scan(self, code: str) -> str:
        answer = await self.organizer.post(f"/events/{self.event['id']}/check-ins", {"code": code})
        return answer.json()["result"]

    async def check(self) -> None:
        """The journal and the ledger hold together, and say the same as the tables."""
        assert isinstance(found := await verify_event(self.db, self.event["id"]), Verified), found
        assert (await verify_ledger(self.db, self.event["id"])).faults == []


def beside(work: Coroutine[Any, Any, Answer]) -> asyncio.Task[Answer]:
    """Somebody else's work while we are in a transaction."""
    return asyncio.create_task(work, context=Context())


async def open_till(app: Litestar, client: httpx.AsyncClient, db: Database) -> Till:
    """With an organizer and a buyer of its own."""
    made = Till(
        client, db, await person(app, client, db, Role.ORGANIZER), await person(app, client, db, Role.USER)
    )
    await made.open()
    return made


@pytest.fixture
async def till(app: Litestar, client: httpx.AsyncClient, db: Database) -> Till:
    return await open_till(app, client, db)


async def test_places_go_back_with_what_they_cost_and_the_last_of_them_is_the_whole_booking(till: Till):
    booking_id = await till.sell(children=2, code="EARLY")
    before, tickets = await till.booking(booking_id), await till.tickets(booking_id)
    cost = [place["all_in_price"]["amount"] for place in before["places"]]

    seat = await till.give_back(booking_id, places={"seat_ids": [1]})

    assert seat.status_code == 201, seat.text
    assert seat.json()["amount"]["amount"] == cost[1]
    assert (seat.json()["seat_ids"], seat.json()["area_ids"]) == ([1], [])
    left = await till.booking(booking_id)
    assert (left["state"], left["total"]["amount"]) == ("CONFIRMED", sum(cost) - cost[1])
    assert left["places"] == [place for index, place in enumerate(before["places"]) if index != 1]
    assert [ticket["state"] for ticket in await till.tickets(booking_id)] == [
        "VALID",
        "VOID",
        "VALID",
        "VALID",
    ]
    assert [await till.scan(tickets[index]["code"]) for index in (1, 2)] == ["VOID", "ADMITTED"]
    again = await till.sell(seats=(1,))
    assert len(await till.tickets(again)) == 1
    await till.check()

    # Nobody was let in with the last child's ticket, so that one goes.
    child = await till.give_back(
        booking_id, places={"areas": [{"area_id": 0, "quantity": 1, "ticket_type": "Child"}]}
    )
    assert (child.status_code, child.json()["amount"]["amount"]) == (201, cost[3])
    shown = await till.tickets(booking_id)
    assert [ticket["state"] for ticket in shown] == ["VALID", "VOID", "VALID", "VOID"]
    assert [ticket["ticket_type"] for ticket in shown] == [None, None, "Child", "Child"]
    await till.check()

    rest = {"seat_ids": [0], "ticket_ids": [tickets[2]["id"]]}
    refused = await till.give_back(booking_id, places=rest)
    assert refused.json()["ticket_ids"] == [tickets[2]["id"]]
    assert refused.json()["type"] == "/problems/already-admitted"
    whole = await till.give_back(booking_id, places=rest | {"admitted_too": True})

    assert whole.status_code == 201, whole.text
    assert whole.json()["amount"]["amount"] == cost[0] + cost[2]
    assert (await till.booking(booking_id))["state"] == "CANCELLED"
    refunds = (await till.buyer.get(f"/bookings/{booking_id}/refunds")).json()["items"]
    assert sum(each["amount"]["amount"] for each in refunds) == before["total"]["amount"]
    # Its invoice is written only now, and is of all that was sold.
    invoice = (await till.buyer.get(f"/bookings/{booking_id}/invoice")).json()
    assert (invoice["places"], invoice["total"]) == (before["places"], before["total"])
    assert sum(fee["amount"]["amount"] for fee in invoice["fees"]) == 4 * 150 + 199
    note = (await till.buyer.get(f"/bookings/{booking_id}/credit-note")).json()
    assert note["total"] == whole.json()["amount"]
    [code] = (await till.organizer.get(f"/events/{till.event['id']}/promo-codes")).json()
    assert code["places_used"] == 0
    await till.check()


async def test_what_goes_back_is_never_more_than_is_left_of_what_was_paid(till: Till):
    booking_id = await till.sell()
    cost = [place["all_in_price"]["amount"] for place in (await till.booking(booking_id))["places"]]

    assert (await till.give_back(booking_id, amount=cost[0] + 30)).status_code == 201
    place = await till.give_back(booking_id, places={"seat_ids": [0]})
    assert (place.status_code, place.json()["amount"]["amount"]) == (201, cost[1] - 30)
    await till.check()

    nothing = await till.give_back(booking_id, places={"seat_ids": [1]})
    assert (nothing.status_code, nothing.json()["type"]) == (409, "/problems/nothing-to-refund")
    whole = await till.give_back(booking_id)
    assert whole.status_code == 201
    assert (await till.booking(booking_id))["state"] == "CANCELLED"
    await till.check()


async def test_what_cannot_be_given_back_is_named(till: Till):
    booking_id = await till.sell(seats=(2, 3))
    other = UUID(int=7)

    both = await till.give_back(booking_id, amount=1, places={"seat_ids": [2]})
    assert [error["pointer"] for error in both.json()["errors"]] == ["/places"]
    many = [{"area_id": 0, "quantity": PLACES_BACK_MAX}, {"area_id": 0, "quantity": 1}]
    for places in ({}, {"areas": many}):
        assert (await till.give_back(booking_id, places=places)).status_code == 422
    edge = await till.give_back(booking_id, places={"areas": many[:1]})
    assert (edge.status_code, edge.json()["area_ids"]) == (409, [0])
    wrong = {"seat_ids": [2, 1], "areas": [{"area_id": 0, "quantity": 1}], "ticket_ids": [str(other)]}
    refused = (await till.give_back(booking_id, places=wrong)).json()
    assert refused["type"] == "/problems/not-of-this-booking"
    assert (refused["seat_ids"], refused["area_ids"], refused["ticket_ids"]) == ([1], [0], [str(other)])
    assert (await till.buyer.post(f"/bookings/{booking_id}/refunds", {"places": wrong})).status_code == 403
    held = await till.buyer.post("/bookings", {"event_id": till.event["id"], "seat_ids": [0]})
    pending = await till.give_back(held.json()["id"], places={"seat_ids": [0]})
    assert pending.json()["type"] == "/problems/booking-is-over"


async def test_of_many_who_give_one_place_back_one_does(till: Till, parts: Parts, rival: Parts):
    """From two processes, and with one key twice.

    Seen to fail without the event's lock: batches had to be repaired.
    """
    booking_id = UUID(await till.sell())

    async def give_back(process: Parts) -> str:
        command = TakeBackPlaces(booking_id, new_id(event_of(booking_id)), "Why not.", seat_ids=(0,))
        try:
            return type(await process.sales.submit(till.event["id"], command)).__name__
        except Refusal as refusal:
            return refusal.slug

    for process in (parts, rival):
        # What is loaded under the lock cannot be stale.
        await process.sales.submit(till.event["id"], Expire())
    before = repairs()

    answers = await asyncio.gather(*[give_back(process) for process in (parts, rival) * 5])

    assert repairs() == before
    assert Counter(answers) == {TakenBack.__name__: 1, "not-of-this-booking": 9}
    headers = till.organizer.headers | {"Idempotency-Key": "places"}
    path, body = f"/bookings/{booking_id}/refunds", {"places": {"seat_ids": [1]}}
    first, again = [await till.client.post(path, json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.status_code, first.json()) == (201, 201, again.json())
    await till.check()


async def test_amounts_and_places_of_one_booking_at_once_are_never_more_than_was_paid(till: Till):
    booking_id = await till.sell()
    total = (await till.booking(booking_id))["total"]["amount"]
    wanted: list[dict[str, Any]] = [{"amount": total // 2 + 1}, {"amount": total // 2 + 1}]
    wanted += [{"places": {"seat_ids": [seat]}} for seat in (0, 1)]

    answers = await asyncio.gather(*[till.give_back(booking_id, **each) for each in wanted])

    assert {answer.status_code for answer in answers} <= {201, 409}
    refunds = (await till.buyer.get(f"/bookings/{booking_id}/refunds")).json()["items"]
    assert total // 2 < sum(each["amount"]["amount"] for each in refunds) <= total
    # Each is in the audit log, with who asked for it, though batches are many people's.
    log = (await till.organizer.get("/audit-log", event_id=till.event["id"], limit=100)).json()["items"]
    audited = [each for each in log if each["object"] == "refunds"]
    assert {each["actor_id"] for each in audited} == {till.organizer.id}
    assert {each["row_id"].split()[1] for each in audited} == {each["id"] for each in refunds}
    await till.check()


async def test_who_is_at_the_gate_is_let_in_or_given_the_money_back_not_both(till: Till):
    """Seen to fail without FOR UPDATE on the tickets: the place went back while its holder went in."""
    booking_id = await till.sell()
    tickets = await till.tickets(booking_id)
    async with till.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        ticket_id = UUID(tickets[0]["id"])
        assert await claim_admission(tx, till.event["id"], ticket_id, 1, till.organizer.id)
        refund = beside(till.give_back(booking_id, places={"seat_ids": [0]}))
        await wait_until_it_waits(tx, holder, refund)
    assert (await refund).json()["type"] == "/problems/already-admitted"

    # The other way round: the refund has the ticket, and waits for the payment.
    async with till.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await lock_bought_payments(tx, till.event["id"], [UUID(booking_id)])
        refund = beside(till.give_back(booking_id, places={"seat_ids": [1]}))
        await wait_until_it_waits(tx, holder, refund)
        scan = beside(till.scan(tickets[1]["code"]))
    assert ((await refund).status_code, await scan) == (201, "VOID")
    await till.check()
