"""Comparing Stripe's books with ours: lost reports, and what people do in its dashboard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.payments import ledger_console
from boxoffice.payments.ledger_verification import verify_ledger
from boxoffice.payments.reconciliation import reconcile, reconcile_window
from payments.stripe_shop import Shop


async def compare(shop: Shop) -> None:
    """Look at everything that the peer has, twice: what was made up for is not found again."""
    assert shop.parts.stripe is not None
    now = datetime.now(UTC)
    for _ in range(2):
        await reconcile_window(
            shop.parts.desk,
            shop.parts.sales,
            shop.parts.stripe,
            now - timedelta(days=1),
            now + timedelta(days=1),
        )


async def differences(shop: Shop, payment_id: str) -> list[str]:
    """What a person has to look at."""
    return await shop.parts.db.list(
        str,
        """
        SELECT what || ' ' || ours::text || ' ' || theirs::text FROM book_differences
         WHERE reference = $1 ORDER BY what
        """,
        shop.peer.intent_of(payment_id)["id"],
    )


async def test_money_that_is_not_what_it_was_is_kept_for_a_person(
    shop: Shop, dsn: str, capsys: pytest.CaptureFixture[str]
):
    held = await shop.hold()
    payment_id = await shop.start(held)
    await shop.tell(shop.peer.pay(payment_id, method="sepa_debit"))
    intent = shop.peer.intent_of(payment_id)
    intent["amount_received"] = 5001

    await compare(shop)

    assert await differences(shop, payment_id) == ["CAPTURED 5000 5001"]
    assert not await asyncio.to_thread(ledger_console.show_differences, dsn)
    said = capsys.readouterr().out
    assert f"{intent['id']}: CAPTURED is 50.01 EUR there and 50.00 EUR here, payment {payment_id}" in said
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert (await verify_ledger(shop.parts.db, held.show.event_id)).faults == []


async def test_a_round_remembers_until_when_it_has_looked(shop: Shop):
    assert shop.parts.stripe is not None
    before = datetime.now(UTC)
    await reconcile(shop.parts.desk, shop.parts.sales, shop.parts.stripe)
    until = "SELECT reconciled_until FROM reconciliations WHERE provider = 'stripe'"
    assert await shop.parts.db.get(datetime, until) <= before
