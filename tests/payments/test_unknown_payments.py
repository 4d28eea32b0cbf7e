"""Money at the provider that has no row here: ours by what it carries, or foreign."""

from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from boxoffice.accounts.identity import Role
from boxoffice.kit.ids import new_id
from boxoffice.payments.ledger_verification import verify_ledger
from payments.baskets import Basket, headers_of
from payments.stripe_shop import Shop


async def forgotten(shop: Shop) -> tuple[Basket, str]:
    """A payment that was opened at Stripe, and whose row we died before writing."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    async with shop.parts.db.transaction() as tx:
        await tx.execute("DELETE FROM payments WHERE event_id = $1", held.show.event_id)
    return held, payment_id


async def payments_of(shop: Shop, held: Basket) -> int:
    """How many payments its event has."""
    counted = "SELECT count(*) FROM payments WHERE event_id = $1"
    return await shop.parts.db.get(int, counted, held.show.event_id)


@pytest.mark.parametrize(("method", "state"), [("card", "CAPTURE_DUE"), ("sepa_debit", "CAPTURED")])
async def test_a_payment_that_was_never_written_down_becomes_tickets(shop: Shop, method: str, state: str):
    held, payment_id = await forgotten(shop)
    event = shop.peer.pay(payment_id, method=method)

    for _ in range(2):
        assert await shop.tell(event) == 204

    assert await shop.states(held, payment_id) == ("CONFIRMED", state)
    assert await held.show.count("tickets") == 2
    await held.show.check_promises()


async def test_a_payment_that_was_never_written_down_goes_back_when_its_event_is_over(shop: Shop):
    held, payment_id = await forgotten(shop)
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    assert (
        await shop.client.post(f"/events/{held.show.event_id}/cancel", headers=headers)
    ).status_code == 200

    assert await shop.tell(shop.peer.pay(payment_id, method="sepa_debit")) == 204

    await shop.give_back(payment_id)
    assert (await shop.states(held, payment_id))[1] == "REFUNDED"
    assert (await verify_ledger(shop.parts.db, held.show.event_id)).faults == []


async def test_a_payment_without_a_row_that_is_declined_concerns_nobody(shop: Shop):
    held, payment_id = await forgotten(shop)
    assert await shop.tell(shop.peer.decline(payment_id)) == 204
    assert await payments_of(shop, held) == 0


def counted(what: str) -> float:
    """What the alarm has counted."""
    labels = {"provider": "stripe", "what": what}
    return REGISTRY.get_sample_value("boxoffice_foreign_money_total", labels) or 0


@pytest.mark.parametrize("carries", ["nothing", "a payment elsewhere", "a booking elsewhere", "a dispute"])
async def test_foreign_money_is_noted_counted_and_left_alone(shop: Shop, carries: str):
    held = await shop.hold()
    event_id, intent_id = held.show.event_id, f"pi_{uuid4().hex}"
    metadata = {
        "a payment elsewhere": {"boxoffice_payment_id": str(new_id(event_id))},
        "a booking elsewhere": {
            "boxoffice_payment_id": str(new_id(event_id)),
            "boxoffice_booking_id": str(new_id(event_id)),
        },
    }.get(carries, {})
    about = {
        "id": intent_id,
        "status": "lost" if carries == "a dispute" else "succeeded",
        "amount": 700,
        "currency": "eur",
        "payment_intent": intent_id,
        "metadata": metadata,
    }
    kind = "charge.dispute.closed" if carries == "a dispute" else "payment_intent.succeeded"
    event = {"id": f"evt_{uuid4().hex}", "type": kind, "data": {"object": about}}
    what = "DISPUTE" if carries == "a dispute" else "PAYMENT"
    before, asked = counted(what), len(shop.peer.asked)

    for _ in range(2):
        assert await shop.tell(event) == 204

    noted = await shop.parts.db.list(
        str, "SELECT what || amount::text || currency FROM foreign_money WHERE reference = $1", intent_id
    )
    assert noted == [f"{what}700EUR"]
    assert counted(what) == before + 2
    assert len(shop.peer.asked) == asked
    assert await payments_of(shop, held) == 0
