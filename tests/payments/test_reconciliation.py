"""Comparing Stripe's books with ours: lost reports, and what people do in its dashboard."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from boxoffice.cli import app
from boxoffice.kit.errors import SetupError, Unavailable
from boxoffice.kit.text import LINE_CHARACTERS_MAX
from boxoffice.payments.ledger import console as ledger_console
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.provider import DisputeState
from boxoffice.payments.reconciliation.comparing import Compared, get_standing, reconcile, reconcile_window
from boxoffice.payments.reconciliation.disputes import DISPUTES_LOOKED_AT_DAYS, compare_disputes
from payments.stripe_peer import Fault
from payments.stripe_shop import Shop
from payments.test_dispute_races import write
from payments.test_disputes import listed, paid


async def compare(shop: Shop) -> Compared:
    """Look at everything that the peer has, twice: what was made up for is not found again."""
    assert shop.parts.stripe is not None
    window = datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    await reconcile_window(shop.parts.desk, shop.parts.sales, shop.parts.stripe, *window)
    return await reconcile_window(shop.parts.desk, shop.parts.sales, shop.parts.stripe, *window)


async def test_a_page_that_is_not_answered_is_asked_for_again_and_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    """A list of a thousand pages would never come to its end where each of a hundred calls is too much."""
    monkeypatch.setattr("boxoffice.payments.reconciliation.pages.PAUSES_SECONDS", (0.0, 0.0))
    held = await shop.hold()
    payment_id = await shop.start(held)
    shop.peer.pay(payment_id, method="sepa_debit")

    shop.peer.faults += [Fault.BUSY] * 3
    with pytest.raises(Unavailable):
        await compare(shop)
    assert await shop.states(held, payment_id) == ("PENDING", "PENDING")

    shop.peer.faults += [Fault.BUSY] * 2
    await compare(shop)
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")


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
    await see_it_done(shop, dsn, intent, capsys)
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert (await verify_ledger(shop.parts.db, held.show.event_id)).faults == []


async def see_it_done(
    shop: Shop, dsn: str, intent: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    """It waits, and the alarm counts it, until somebody has dealt with it; with another amount again."""
    db, note = shop.parts.db, "A tip: paid out by hand."
    waiting, counted = (await get_standing(db)).differences["stripe"], counted_differences()
    await compare(shop)
    assert counted_differences() == counted + 2
    await asyncio.to_thread(ledger_console.mark_done, dsn, intent["id"], note)
    assert f"{intent['id']} is dealt with." in capsys.readouterr().out
    with pytest.raises(SetupError, match=f"Nothing that differs waits by the id {intent['id']}"):
        await asyncio.to_thread(ledger_console.mark_done, dsn, intent["id"], note)
    audited = "SELECT after ->> 'note' FROM audit_log WHERE object = 'differences_done' ORDER BY id DESC"
    assert await db.get(str, f"{audited} LIMIT 1") == note

    await compare(shop)
    assert counted_differences() == counted + 2
    assert (await get_standing(db)).differences.get("stripe", 0) == waiting - 1
    await asyncio.to_thread(ledger_console.show_differences, dsn)
    assert intent["id"] not in capsys.readouterr().out
    intent["amount_received"] = 5002
    await compare(shop)
    assert counted_differences() == counted + 4
    assert (await get_standing(db)).differences["stripe"] == waiting


def counted_differences() -> float:
    """What the alarm has counted."""
    labels = {"provider": "stripe", "what": "CAPTURED"}
    return REGISTRY.get_sample_value("boxoffice_books_differ_total", labels) or 0


async def test_what_was_captured_by_hand_and_given_back_is_no_news(shop: Shop):
    """It was to be void; Stripe lists it as captured for as long as it is compared."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    await shop.tell(shop.peer.pay(payment_id, amount=4999))
    await shop.tell(shop.peer.capture_by_hand(payment_id, 4999))
    await shop.give_back(payment_id)
    assert await shop.states(held, payment_id) == ("PENDING", "REFUNDED")

    assert (await compare(shop)).made_up_for == 0
    assert await differences(shop, payment_id) == []


@pytest.mark.parametrize("note", [" ", "x" * (LINE_CHARACTERS_MAX + 1), "two\nlines"])
def test_a_note_is_a_line(dsn: str, note: str):
    with pytest.raises(SetupError, match="a line of 1 to 200"):
        ledger_console.mark_done(dsn, "pi_of_nobody", note)


@pytest.mark.parametrize("half", ["--done", "--note"])
def test_what_is_done_is_said_with_what_was_done(half: str):
    said = CliRunner().invoke(app, ["ledger", "differences", half, "x"])
    assert (said.exit_code, "go together" in said.output) == (2, True)


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
