"""Invoices over HTTP, and their numbers under rivals who fail half of the time."""

import asyncio
import random
from collections.abc import AsyncGenerator
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Identity, Role
from boxoffice.inventory.commands import Booking, Withdraw
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal import reading_on
from boxoffice.inventory.promo_codes.schemas import NewPromoCode
from boxoffice.inventory.promo_codes.writing import create_promo_code
from boxoffice.inventory.queries import list_bookings_by_id
from boxoffice.invoices import show, writing
from boxoffice.invoices.queries import insert_invoices, update_series
from boxoffice.invoices.writing import write_due_invoices, write_invoices
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from inventory.selling import hold, paid
from payments.conftest import headers_of
from shows import Show, insert_user, open_show

SELLER = {
    "name": "Riethsporthalle GmbH",
    "address_lines": ["Essener Straße 20", "99089 Erfurt"],
    "country": "DE",
    "tax_id": "DE123456789",
}
FEES = [{"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 119}]
VAT = {"name": "VAT", "mode": "INCLUDED", "basis_points": 1900}


@pytest.fixture
async def parts(dsn: str) -> AsyncGenerator[Parts]:
    """The parts of a process that writes no invoices by itself."""
    made = Parts(Settings(), dsn)
    async with made.running():
        yield made


@pytest.fixture
def sales(parts: Parts) -> GroupCommit:
    # Without consequences: what is sold here has no payment that a provider knows.
    return GroupCommit(parts.db, parts.sales._consequences[:1])  # pyright: ignore[reportPrivateUsage]


class Till:
    """A show whose places are sold and paid at once."""

    def __init__(self, db: Database, sales: GroupCommit, show: Show, client: httpx.AsyncClient) -> None:
        self.db, self.sales, self.show, self.client = db, sales, show, client
        self.organizer = headers_of(show.organizer_id, Role.ORGANIZER)

    async def charge(self, fees: list[dict[str, Any]], tax: dict[str, Any]) -> None:
        """Charge these from now on."""
        async with self.db.transaction() as tx:
            await tx.execute(
                "UPDATE events SET fees = $2::json, tax = $3::json, revision = revision + 1 WHERE id = $1",
                self.show.event_id,
                msgspec.json.encode(fees).decode(),
                msgspec.json.encode(tax).decode(),
            )

    async def sell(self, *seat_ids: int) -> tuple[Booking, UUID, dict[str, str]]:
        """A new buyer's booking, its payment, and the buyer's headers."""
        buyer_id = await insert_user(self.db)
        booking = await hold(self.sales, self.show.event_id, buyer_id, seat_ids)
        payment_id = new_id(self.show.event_id)
        await self.sales.submit(self.show.event_id, paid(booking, payment_id))
        return booking, payment_id, headers_of(buyer_id)

    async def take_back(self, booking: Booking, payment_id: UUID) -> None:
        await self.sales.submit(self.show.event_id, Withdraw(booking.id, payment_id))

    async def get(self, what: str, booking: Booking, headers: dict[str, str]) -> httpx.Response:
        return await self.client.get(f"/bookings/{booking.id}/{what}", headers=headers)

    async def numbers(self, kind: str) -> list[int]:
        """All numbers the organizer has given."""
        return await self.db.list(
            int,
            "SELECT number FROM invoices WHERE organizer_id = $1 AND kind = $2 ORDER BY number",
            self.show.organizer_id,
            kind,
        )


@pytest.fixture
async def till(db: Database, sales: GroupCommit, client: httpx.AsyncClient) -> Till:
    return Till(db, sales, await open_show(db, areas=[1000]), client)


async def test_an_invoice_says_who_sold_what_to_whom_and_never_changes(till: Till, db: Database):
    await till.charge(FEES, VAT)
    assert (await till.client.get("/me/seller", headers=till.organizer)).status_code == 404
    said = await till.client.put("/me/seller", json=SELLER, headers=till.organizer)
    assert (said.status_code, said.json()) == (200, SELLER)
    booking, _, buyer = await till.sell(3, 4)

    answer = await till.get("invoice", booking, buyer)

    invoice = answer.json()
    assert answer.status_code == 200, answer.text
    assert (invoice["kind"], invoice["number"], invoice["label"]) == ("INVOICE", 1, "INV-000001")
    assert (invoice["seller"], invoice["buyer"]["name"]) == (SELLER, "Somebody")
    assert (invoice["event"]["title"], invoice["event"]["venue"]) == ("An evening", "A hall")
    assert [place["number"] for place in invoice["places"]] == ["4", "5"]
    # Twice 25.00 and 1.19, of which 19/119 of each place.
    assert (invoice["subtotal"]["amount"], invoice["total"]["amount"]) == (5000, 5238)
    [tax] = invoice["taxes"]
    assert (tax["net"]["amount"], tax["amount"]["amount"]) == (5238 - 836, 836)
    assert [fee["amount"]["amount"] for fee in invoice["fees"]] == [238]

    await till.client.put("/me/seller", json=SELLER | {"name": "Others"}, headers=till.organizer)
    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET title = 'New' WHERE id = $1", till.show.event_id)
    assert (await till.get("invoice", booking, buyer)).json() == invoice
    other, _, others = await till.sell(5)
    later = (await till.get("invoice", other, others)).json()
    assert (later["number"], later["seller"]["name"], later["event"]["title"]) == (2, "Others", "New")


async def test_the_net_and_the_tax_of_an_invoice_are_what_was_paid(till: Till, db: Database):
    """Also with a tax that is added and a promo code."""
    await till.charge(FEES, VAT | {"mode": "ADDED"})
    organizer = Identity(till.show.organizer_id, Role.ORGANIZER)
    await create_promo_code(db, organizer, till.show.event_id, NewPromoCode("EARLY", basis_points=1000))
    buyer_id = await insert_user(db)
    held = await till.client.post(
        "/bookings",
        json={"event_id": till.show.event_id, "seat_ids": [0, 1, 2], "promo_code": "early"},
        headers=headers_of(buyer_id),
    )
    assert held.status_code == 201, held.text
    [booking] = await list_bookings_by_id(db, till.show.event_id, [UUID(held.json()["id"])])
    await till.sales.submit(till.show.event_id, paid(booking, new_id(till.show.event_id)))

    invoice = (await till.client.get(f"/bookings/{booking.id}/invoice", headers=headers_of(buyer_id))).json()

    assert invoice["total"] == held.json()["total"]
    assert invoice["discount"] == held.json()["discount"]
    [line] = invoice["taxes"]
    assert line["net"]["amount"] + line["amount"]["amount"] == invoice["total"]["amount"]
    assert line["net"]["amount"] == 3 * (2250 + 119)


async def test_what_is_taken_back_has_a_credit_note_with_a_number_of_its_own(till: Till):
    first, payment_id, buyer = await till.sell(1)
    await till.sell(2)
    assert (await till.get("credit-note", first, buyer)).status_code == 409
    invoice = (await till.get("invoice", first, buyer)).json()
    await till.take_back(first, payment_id)

    note = (await till.get("credit-note", first, buyer)).json()

    assert (note["kind"], note["label"], note["corrects"]) == ("CREDIT_NOTE", "CN-000001", "INV-000001")
    assert note["total"] == invoice["total"]
    assert (await till.get("invoice", first, buyer)).json() == invoice
    for what in ("invoice.pdf", "credit-note.pdf"):
        pdf = await till.get(what, first, buyer)
        assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
        assert pdf.content.startswith(b"%PDF-")
    assert (await till.numbers("INVOICE"), await till.numbers("CREDIT_NOTE")) == ([1, 2], [1])


async def test_sold_and_taken_back_before_anybody_looked_is_an_invoice_and_a_credit_note(till: Till):
    booking, payment_id, buyer = await till.sell(1)
    await till.take_back(booking, payment_id)

    note = (await till.get("credit-note", booking, buyer)).json()

    assert note["corrects"] == (await till.get("invoice", booking, buyer)).json()["label"]


async def test_what_is_not_paid_or_free_or_somebody_elses_has_none(
    till: Till, db: Database, monkeypatch: pytest.MonkeyPatch
):
    """And asking for it writes nobody else's: an event on sale has something new all the time."""
    buyer_id = await insert_user(db)
    held = await hold(till.sales, till.show.event_id, buyer_id, [7])
    free = await open_show(db, price=0)
    given = await hold(till.sales, free.event_id, buyer_id, [7])
    sold, _, owner = await till.sell(8)
    assert (await till.get("invoice", sold, owner)).status_code == 200
    await hold(till.sales, till.show.event_id, buyer_id, [9])
    monkeypatch.setattr(show, "write_invoices", None)
    assert (await till.get("credit-notes", sold, owner)).json() == {"items": []}

    for what in ("invoice", "credit-note", "invoice.pdf", "credit-note.pdf"):
        for booking in (held, given):
            answer = await till.get(what, booking, headers_of(buyer_id))
            assert answer.json()["type"] == "/problems/no-such-document"
        assert (await till.get(what, sold, headers_of(buyer_id))).status_code == 404
        assert (await till.get(what, sold, till.organizer)).status_code == 404
    assert await till.numbers("INVOICE") == [1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"country": "XX"}, "/country"),
        ({"country": "de"}, "/country"),
        ({"name": " "}, "/name"),
        ({"name": "x" * 201}, "/name"),
        ({"address_lines": []}, "/address_lines"),
        ({"address_lines": ["x"] * 6}, "/address_lines"),
        ({"tax_id": ""}, "/tax_id"),
    ],
)
async def test_a_seller_that_does_not_fit_is_pointed_at(till: Till, body: dict[str, Any], pointer: str):
    answer = await till.client.put("/me/seller", json=SELLER | body, headers=till.organizer)

    assert answer.status_code == 422, answer.text
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]


async def test_numbers_have_no_gap_whoever_writes_and_whatever_fails(
    till: Till, db: Database, parts: Parts, monkeypatch: pytest.MonkeyPatch
):
    """Two events of one organizer, two processes, six writers at once; every third transaction is rolled
    back after it has numbered. Seen to fail without FOR UPDATE in `lock_series`: writers collide at
    the primary key of `invoices`, and at `no_number_is_given_twice`.
    """
    second = await open_show(db)
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET organizer_id = $1 WHERE id = $2", till.show.organizer_id, second.event_id
        )
    other = Till(db, till.sales, second, till.client)
    chance = random.Random(20261125)
    monkeypatch.setattr(reading_on, "ROWS_AT_ONCE_MAX", 2)

    async def fail_sometimes(tx: Transaction, *made: Any) -> None:
        await update_series(tx, *made)
        if chance.random() < 1 / 3:
            raise OSError("the line is cut just before COMMIT")

    monkeypatch.setattr(writing.queries, "update_series", fail_sometimes)

    async def write(number: int) -> None:
        source = (db, parts.db)[number % 2]
        for _ in range(10):
            await asyncio.gather(
                write_invoices(source, (till.show.event_id, second.event_id)[number // 2 % 2]),
                return_exceptions=True,
            )

    async def sell(number: int) -> None:
        booking, payment_id, _ = await (till, other)[number % 2].sell(number)
        if number % 5 == 0:
            await till.take_back(booking, payment_id) if number % 2 == 0 else None

    await asyncio.gather(*[write(number) for number in range(6)], *[sell(number) for number in range(40)])
    monkeypatch.undo()
    collided = await asyncio.gather(
        *[write_invoices((db, parts.db)[n % 2], (till, other)[n // 2 % 2].show.event_id) for n in range(6)],
        return_exceptions=True,
    )

    assert [each for each in collided if each is not None] == []
    assert await till.numbers("INVOICE") == list(range(1, 41))
    assert await till.numbers("CREDIT_NOTE") == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("limit", "most", "at_once"),
    [("ROWS_AT_ONCE_MAX", 3, [3]), ("ROWS_AT_ONCE_MAX", 2, [2, 1]), ("LENGTH_AT_ONCE_MAX", 1, [1, 1, 1])],
)
async def test_the_worker_writes_what_nobody_has_asked_for(
    till: Till, db: Database, monkeypatch: pytest.MonkeyPatch, limit: str, most: int, at_once: list[int]
):
    for seat_id in range(3):
        await till.sell(seat_id)
    monkeypatch.setattr(reading_on, limit, most)
    written: list[int] = []

    async def insert(*taken: Any) -> None:
        await insert_invoices(*taken)
        if taken[1] == till.show.event_id:
            written.append(len(taken[3]))

    monkeypatch.setattr(writing.queries, "insert_invoices", insert)

    while await till.numbers("INVOICE") != [1, 2, 3]:
        await write_due_invoices(db)

    await write_due_invoices(db)
    assert await till.numbers("INVOICE") == [1, 2, 3]
    # A server of another test may have written some of them.
    assert written == at_once or sum(written) < 3


async def test_an_event_has_its_turn_however_many_before_it_have_something_new_each_time(
    till: Till, db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(reading_on, "EVENTS_AT_ONCE_MAX", 1)
    later = Till(db, till.sales, await open_show(db), till.client)
    await till.sell(9)
    await later.sell(9)

    await write_due_invoices(db)

    assert (await till.numbers("INVOICE"), await later.numbers("INVOICE")) == ([1], [1])
