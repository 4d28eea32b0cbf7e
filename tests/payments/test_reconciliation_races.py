"""Books are compared by two processes at once, and while Stripe reports the same money: it counts once."""

import asyncio
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
import pytest_asyncio

from boxoffice.inventory.commands import Expire
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.payments.ledger.movements import AT_LAST, record_captured
from boxoffice.payments.provider import DisputeState
from boxoffice.payments.queries import insert_forgotten_payment
from boxoffice.payments.reconciliation.comparing import (
    RECONCILE_SECONDS,
    TURN_SECONDS_MAX,
    Compared,
    reconcile_in_turn,
    reconcile_window,
)
from boxoffice.payments.reconciliation.disputes import compare_disputes
from boxoffice.payments.reconciliation.queries import find_reconciled_until, update_reconciled_until
from boxoffice.payments.reports import take_report
from catalog.stage import wait_until_it_waits
from inventory.test_race import repairs
from payments.stripe_peer import StripePeer, signed
from payments.stripe_shop import Shop
from payments.test_cancellation_races import lingering, wait_for_a_lock
from payments.test_dispute_races import write
from payments.test_disputes import accounts, paid
from payments.test_refunded_places import beside


@pytest_asyncio.fixture
async def rival(settings_of_peer: tuple[StripePeer, Settings], dsn: str) -> AsyncGenerator[Parts]:
    """Another process that is paid at the same Stripe."""
    made = Parts(settings_of_peer[1], dsn)
    async with made.running():
        yield made


async def compare(parts: Parts, shop: Shop, payment_id: str) -> None:
    """Compare what was opened in the second of this payment."""
    assert parts.stripe is not None
    since = datetime.fromtimestamp(shop.peer.intent_of(payment_id)["created"], UTC)
    await reconcile_window(parts.desk, parts.sales, parts.stripe, since, since + timedelta(seconds=1))


async def hear(parts: Parts, event: dict[str, object]) -> None:
    """Take a webhook in this process."""
    assert parts.stripe is not None
    body, signature = signed(event)
    report = parts.stripe.read_report({"stripe-signature": signature}, body)
    assert report is not None
    await take_report(parts.desk, parts.sales, parts.providers, "stripe", report)


@pytest.mark.parametrize("method", ["card", "sepa_debit"])
@pytest.mark.parametrize("first", ["a report", "a comparison"])
async def test_who_compares_waits_for_whoever_decides_about_the_same_money(
    shop: Shop, rival: Parts, first: str, method: str
):
    """Both have read that the payment is open, in two processes.

    Seen to fail without FOR UPDATE in `lock_inventory`: batches had to be repaired.
    """
    held = await shop.hold()
    payment_id = await shop.start(held)
    event = shop.peer.pay(payment_id, method=method)
    for parts in (shop.parts, rival):
        # What is loaded under the lock cannot be stale.
        await parts.sales.submit(held.show.event_id, Expire())
    before = repairs()
    async with lingering(rival) as (reached, go_on):
        told = asyncio.create_task(
            hear(rival, event) if first == "a report" else compare(rival, shop, payment_id)
        )
        await reached.wait()
        comparing = asyncio.create_task(compare(shop.parts, shop, payment_id))
        await wait_for_a_lock(shop.parts.db, comparing)
        go_on.set()
        await asyncio.gather(told, comparing)

    assert repairs() == before
    for _ in range(2):
        await shop.capture(payment_id)
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert await accounts(shop, held) == {"PROVIDER": 5000, "ORGANIZER": -5000}
    await held.show.check_promises()


async def test_a_comparison_waits_for_a_capture_that_is_being_noted(shop: Shop):
    """It has read that nothing is captured yet.

    Seen to fail with `update_captured` that looks at the state in a statement before: the ledger refused a
    second movement, and the batch had to be taken apart.
    """
    held = await shop.hold()
    payment_id = await shop.start(held)
    assert await shop.tell(shop.peer.pay(payment_id)) == 204
    shop.peer.capture_by_hand(payment_id, 5000)
    before = repairs()
    async with shop.parts.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await record_captured(tx, held.show.event_id, [UUID(payment_id)], AT_LAST)
        comparing = beside(compare(shop.parts, shop, payment_id))
        await wait_until_it_waits(tx, holder, comparing)

    await comparing
    assert repairs() == before
    assert await accounts(shop, held) == {"PROVIDER": 5000, "ORGANIZER": -5000}


async def test_of_two_who_write_a_forgotten_payment_down_the_second_finds_it(shop: Shop, rival: Parts):
    """Seen to fail without ON CONFLICT DO NOTHING in `insert_forgotten_payment`."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    shop.peer.pay(payment_id, method="sepa_debit")
    async with shop.parts.db.transaction() as tx:
        await tx.execute("DELETE FROM payments WHERE event_id = $1", held.show.event_id)
    async with shop.parts.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await insert_forgotten_payment(
            tx,
            event_id=held.show.event_id,
            payment_id=UUID(payment_id),
            booking_id=held.booking_id,
            provider="stripe",
            amount=5000,
            currency="EUR",
            reference=shop.peer.intent_of(payment_id)["id"],
        )
        comparing = beside(compare(rival, shop, payment_id))
        await wait_until_it_waits(tx, holder, comparing)

    await comparing
    await compare(shop.parts, shop, payment_id)
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert await accounts(shop, held) == {"PROVIDER": 5000, "ORGANIZER": -5000}


async def test_a_comparison_waits_for_a_dispute_that_is_being_written(shop: Shop):
    """It has read that we know of none.

    Seen to fail without FOR UPDATE in `lock_payment`: a dispute was to be written twice.
    """
    held, payment_id = await paid(shop)
    shop.peer.dispute(payment_id, "lost")
    assert shop.parts.stripe is not None
    now, minute = datetime.now(UTC), timedelta(minutes=1)
    async with shop.parts.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await write(shop, tx, payment_id, DisputeState.LOST)
        comparing = beside(
            compare_disputes(shop.parts.desk, shop.parts.sales, shop.parts.stripe, now - minute, now + minute)
        )
        await wait_until_it_waits(tx, holder, comparing)

    await comparing
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}


async def test_two_who_find_the_same_difference_note_it_once(shop: Shop, rival: Parts):
    """Seen to fail without ON CONFLICT in `insert_difference`."""
    held, payment_id = await paid(shop)
    intent = shop.peer.intent_of(payment_id)
    intent["amount_received"] = 5001

    await asyncio.gather(*[compare(parts, shop, payment_id) for parts in (shop.parts, rival) * 3])

    noted = "SELECT count(*) FROM book_differences WHERE reference = $1"
    assert await shop.parts.db.get(int, noted, intent["id"]) == 1
    assert await accounts(shop, held) == {"PROVIDER": 5000, "ORGANIZER": -5000}


async def test_of_two_processes_one_compares_the_books(shop: Shop, rival: Parts):
    """And both do, one after the other, when the time has come or who began has died.

    Seen to fail with `claim_turn` that looks in a statement before it writes: both compared.
    """
    await set_turn(shop, age_seconds=7200)
    asked = len(shop.peer.asked)

    found = await asyncio.gather(*[in_turn(parts) for parts in (shop.parts, rival) * 2])

    assert len([each for each in found if each is not None]) == 1
    assert len(shop.peer.asked) > asked
    assert await in_turn(rival) is None
    for age_seconds, is_over, is_due in (
        (RECONCILE_SECONDS - 60, True, False),
        (RECONCILE_SECONDS + 1, True, True),
        (TURN_SECONDS_MAX - 60, False, False),
        (TURN_SECONDS_MAX + 1, False, True),
    ):
        await set_turn(shop, age_seconds=age_seconds, is_over=is_over)
        assert (await in_turn(rival) is not None) is is_due


async def in_turn(parts: Parts) -> Compared | None:
    """What the background work of this process does every few minutes."""
    assert parts.stripe is not None
    return await reconcile_in_turn(parts.desk, parts.sales, parts.stripe)


async def set_turn(shop: Shop, *, age_seconds: float, is_over: bool = True) -> None:
    """Somebody began so long ago."""
    async with shop.parts.db.transaction() as tx:
        await tx.execute("DELETE FROM reconciliation_turns WHERE provider = 'stripe'")
        await tx.execute(
            """
            INSERT INTO reconciliation_turns (provider, begun_at, is_over)
            VALUES ('stripe', now() - make_interval(secs => $1), $2)
            """,
            age_seconds,
            is_over,
        )


async def test_a_round_that_ends_late_makes_nobody_look_at_less(shop: Shop):
    """Seen to fail without `greatest` in `update_reconciled_until`."""
    provider, now = "a provider of this test", datetime.now(UTC)
    db = shop.parts.db

    async def end(until: datetime) -> None:
        async with db.transaction() as tx:
            await update_reconciled_until(tx, provider, until)

    async with db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await update_reconciled_until(tx, provider, now)
        late = beside(end(now - timedelta(hours=1)))
        await wait_until_it_waits(tx, holder, late)

    await late
    assert await find_reconciled_until(db, provider) == now
