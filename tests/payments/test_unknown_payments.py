"""Money at the provider that has no row here: ours by what it carries, or foreign."""

import asyncio
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY

from boxoffice.payments.ledger import console as ledger_console
from payments.baskets import Basket
from payments.stripe_shop import Shop


async def payments_of(shop: Shop, held: Basket) -> int:
    """How many payments its event has."""
    counted = "SELECT count(*) FROM payments WHERE event_id = $1"
    return await shop.parts.db.get(int, counted, held.show.event_id)


def counted(what: str) -> float:
    """What the alarm has counted."""
    labels = {"provider": "stripe", "what": what}
    return REGISTRY.get_sample_value("boxoffice_foreign_money_total", labels) or 0


@pytest.mark.parametrize("carries", ["nothing", "a dispute"])
async def test_foreign_money_is_noted_counted_and_left_alone(shop: Shop, dsn: str, carries: str):
    held = await shop.hold()
    intent_id = f"pi_{uuid4().hex}"
    about = {
        "id": intent_id,
        "status": "lost" if carries == "a dispute" else "succeeded",
        "amount": 700,
        "currency": "eur",
        "payment_intent": intent_id,
        "metadata": {},
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
    await asyncio.to_thread(ledger_console.mark_done, dsn, intent_id, "It is of the other shop.")
    assert await shop.tell(event) == 204
    assert counted(what) == before + 2
    assert len(shop.peer.asked) == asked
    assert await payments_of(shop, held) == 0
