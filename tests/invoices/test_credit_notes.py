"""Credit notes of parts: one for each refund, in a row without gaps, which add up to the invoice."""

from collections.abc import Sequence
from typing import Any

import httpx
import pytest
from litestar import Litestar

from boxoffice.invoices.writing import write_due_invoices
from boxoffice.kit.postgres import Database
from payments.test_cancellation_policies import cancel, put_policy
from payments.test_refunded_places import Till, open_till


@pytest.fixture
async def till(app: Litestar, client: httpx.AsyncClient, db: Database) -> Till:
    return await open_till(app, client, db)


async def invoice(till: Till, booking_id: str) -> dict[str, Any]:
    return (await till.buyer.get(f"/bookings/{booking_id}/invoice")).json()


async def notes(till: Till, booking_id: str) -> list[dict[str, Any]]:
    answer = await till.buyer.get(f"/bookings/{booking_id}/credit-notes")
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


def sums(documents: Sequence[dict[str, Any]]) -> tuple[int, int, int]:
    """Total, net and tax of these together; each adds up by itself."""
    for each in documents:
        added = sum(tax["amount"]["amount"] for tax in each["taxes"] if tax["mode"] == "ADDED")
        fees = sum(fee["amount"]["amount"] for fee in each["fees"])
        off = each["discount"]["amount"]["amount"] if each["discount"] else 0
        assert each["subtotal"]["amount"] - off + fees + added == each["total"]["amount"]
    taxes = [tax for each in documents for tax in each["taxes"]]
    return (
        sum(each["total"]["amount"] for each in documents),
        sum(tax["net"]["amount"] for tax in taxes),
        sum(tax["amount"]["amount"] for tax in taxes),
    )


async def test_amounts_places_and_the_rest_have_credit_notes_that_add_up_to_the_invoice(till: Till):
    booking_id = await till.sell(children=2, code="EARLY")
    bought = await invoice(till, booking_id)
    before = (await till.booking(booking_id))["places"]

    await till.give_back(booking_id, places={"seat_ids": [1]}, reason="A pillar.")
    [place] = await notes(till, booking_id)
    assert (place["places"], place["reason"], place["corrects"]) == (
        [before[1]],
        "A pillar.",
        bought["label"],
    )
    assert place["total"] == before[1]["all_in_price"]

    await till.give_back(booking_id, amount=333, reason="Too loud.")
    await till.give_back(booking_id, amount=1)
    [_, amount, _] = await notes(till, booking_id)
    assert (amount["places"], amount["total"]["amount"], amount["reason"]) == ([], 333, "Too loud.")
    # What bears no tax, the handling fee, is a part of what goes back.
    assert 0 < amount["taxes"][0]["net"]["amount"] + amount["taxes"][0]["amount"]["amount"] < 333

    await till.give_back(booking_id)
    written = await notes(till, booking_id)
    assert [note["number"] for note in written] == [1, 2, 3, 4]
    assert written[3]["places"] == []
    assert sums(written) == sums([bought])
    assert bought == await invoice(till, booking_id)
    newest = await till.buyer.get(f"/bookings/{booking_id}/credit-note")
    second = await till.buyer.get(f"/bookings/{booking_id}/credit-note", number=2)
    assert (newest.json(), second.json()) == (written[3], amount)
    drawn = await till.buyer.get(f"/bookings/{booking_id}/credit-note.pdf", number=2)
    assert drawn.content.startswith(b"%PDF")
    assert (await till.buyer.get(f"/bookings/{booking_id}/credit-note", number=5)).status_code == 404


async def test_a_share_by_the_policy_has_the_tax_of_what_it_is_a_share_of(till: Till):
    assert (await put_policy(till, [{"refund_percent": 50, "hours_before": 1}])).status_code == 200
    booking_id = await till.sell()
    assert (await cancel(till, booking_id)).status_code == 200

    [note] = await notes(till, booking_id)

    # Half of twice 10.00 and 10 % tax; without the fees, and so without what bears no tax.
    assert note["total"]["amount"] == 1100
    [tax] = note["taxes"]
    assert (tax["net"]["amount"], tax["amount"]["amount"]) == (1000, 100)
    assert (note["subtotal"]["amount"], note["fees"], note["reason"]) == (1000, [], "The buyer cancelled.")


async def test_amounts_are_credited_by_the_worker_and_all_is_listed_for_the_organizer(
    till: Till, db: Database
):
    ids = [await till.sell(seats=(seat,)) for seat in range(3)]
    await write_due_invoices(db)
    for booking_id in ids:
        await till.give_back(booking_id, amount=10)
    await write_due_invoices(db)
    await write_due_invoices(db)

    async def listed(**wanted: Any) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        path: str | None = "/organizers/me/invoices"
        answer = await till.organizer.get(path, limit=2, **wanted)
        while True:
            assert answer.status_code == 200, answer.text
            items += answer.json()["items"]
            link = answer.headers.get("link")
            if link is None:
                return items
            answer = await till.organizer.get(link.partition(">")[0].removeprefix("</api/v1"))

    assert [each["label"] for each in await listed()] == ["INV-000003", "INV-000002", "INV-000001"]
    credited = await listed(kind="CREDIT_NOTE")
    assert [each["number"] for each in credited] == [3, 2, 1]
    assert {each["booking_id"] for each in credited} == set(ids)
    assert {each["total"]["amount"] for each in credited} == {10}
    assert (await till.buyer.get("/organizers/me/invoices")).status_code == 403
    assert (await till.organizer.get("/organizers/me/invoices", cursor="x")).status_code == 422
    assert (await till.organizer.get("/organizers/me/invoices", kind="BILL")).status_code == 422
