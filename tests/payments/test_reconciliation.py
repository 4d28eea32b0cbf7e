"""Comparing Stripe's books with ours: lost reports, and what people do in its dashboard."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from boxoffice.payments import ledger_console
from boxoffice.payments.dispute_comparison import DISPUTES_LOOKED_AT_DAYS, compare_disputes
from boxoffice.payments.ledger_verification import verify_ledger
from boxoffice.payments.provider import DisputeState
from boxoffice.payments.reconciliation import reconcile, reconcile_window
from payments.stripe_shop import Shop
from payments.test_dispute_races import write
from payments.test_disputes import listed, paid


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


async def test_disputes_that_are_true_here_are_no_news(shop: Shop):
    """Also one that we have died over: it is written, and the booking was not taken back."""
    assert shop.parts.stripe is not None
    now = datetime.now(UTC)
    died_over, died_payment = await paid(shop)
    opened, opened_payment = await paid(shop)
    asked, asked_payment = await paid(shop)
    shop.peer.dispute(died_payment, "lost")
    async with shop.parts.db.transaction() as tx:
        await write(shop, tx, died_payment, DisputeState.LOST)
    shop.peer.dispute(opened_payment, "under_review")
    shop.peer.dispute(asked_payment, "warning_needs_response")
    elsewhere = {"id": "dp_pi_of_another_shop", "payment_intent": "pi_of_another_shop"}
    shop.peer.disputes["pi_of_another_shop"] = {
        **shop.peer.disputes.popitem()[1],
        **elsewhere,
        "status": "won",
    }

    window = now - timedelta(minutes=1), now + timedelta(minutes=1)
    for news in (3, 0):
        found = await compare_disputes(shop.parts.desk, shop.parts.sales, shop.parts.stripe, *window)
        assert found == news
    assert await shop.states(died_over, died_payment) == ("CANCELLED", "REFUNDED")
    assert [each["state"] for each in await listed(shop, opened)] == ["OPEN"]
    assert await listed(shop, asked) == []


async def test_a_dispute_is_looked_for_as_long_as_an_inquiry_may_become_one(shop: Shop):
    assert shop.parts.stripe is not None
    margin, begin = timedelta(hours=2), datetime.now(UTC) - timedelta(days=DISPUTES_LOOKED_AT_DAYS)
    shows = []
    for created in (begin + margin, begin - margin):
        held, payment_id = await paid(shop)
        shop.peer.dispute(payment_id, "needs_response")
        dispute = shop.peer.disputes[shop.peer.intent_of(payment_id)["id"]]
        dispute["created"] = int(created.timestamp())
        shows.append(held)

    await reconcile(shop.parts.desk, shop.parts.sales, shop.parts.stripe)

    assert [len(await listed(shop, held)) for held in shows] == [1, 0]
