"""A bank takes money back while we give it back: each waits for the payment, and nothing goes twice."""

from uuid import UUID

import pytest

from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Transaction
from boxoffice.payments.disputes import facts as disputes
from boxoffice.payments.disputes.queries import find_disputed, lock_payment
from boxoffice.payments.provider import DisputeFact, DisputeState, DueRefund
from boxoffice.payments.refunds.queries import (
    NewRefund,
    insert_refunds,
    lock_bought_payments,
    update_refund_done,
)
from catalog.stage import wait_until_it_waits
from inventory.test_race import repairs
from payments.baskets import Basket
from payments.case_banks import AtStripe, Books
from payments.stripe_shop import Shop
from payments.test_disputes import accounts, paid, refund
from payments.test_refunded_places import beside


async def owe(tx: Transaction, held: Basket, amount: int) -> UUID:
    """An amount that is decided to be given back, and not committed yet; the refund's id."""
    event_id = held.show.event_id
    [payment] = await lock_bought_payments(tx, event_id, [held.booking_id])
    refund_id = new_id(event_id)
    owed = NewRefund(
        id=refund_id,
        movement_id=new_id(event_id),
        payment_id=payment.id,
        booking_id=held.booking_id,
        amount=amount,
        currency="EUR",
        fees=0,
        taxes=0,
        worth=0,
        reason="Sorry.",
        is_captured=True,
    )
    await insert_refunds(tx, event_id, [owed])
    return refund_id


async def write(shop: Shop, tx: Transaction, payment_id: str, state: DisputeState) -> None:
    """What the bank reports is written, and not committed yet."""
    intent_id = shop.peer.intent_of(payment_id)["id"]
    payment = await find_disputed(tx, "stripe", intent_id)
    assert payment is not None
    fact = DisputeFact(f"dp_{intent_id}", intent_id, state, 5000, "EUR", "fraudulent")
    await disputes._write(tx, payment, fact)  # pyright: ignore[reportPrivateUsage]


async def pid(tx: Transaction) -> int:
    return await tx.get(int, "SELECT pg_backend_pid()")


async def books(shop: Shop, payment_id: str) -> Books:
    return await AtStripe(shop).books(payment_id)


async def test_a_dispute_that_is_lost_waits_for_a_refund_that_is_being_decided(shop: Shop):
    """Seen to fail without `lock_payment`: more was to go back than had come, which PostgreSQL refused."""
    held, payment_id = await paid(shop)
    shop.peer.dispute(payment_id, "needs_response")
    lost = shop.peer.dispute(payment_id, "lost")
    async with shop.parts.db.transaction() as tx:
        refund_id = await owe(tx, held, 3000)
        report = beside(shop.tell(lost))
        await wait_until_it_waits(tx, await pid(tx), report)

    assert await report == 204
    await shop.give_back(payment_id, refund_id)
    assert await books(shop, payment_id) == Books(received=5000, taken=5000)
    assert await accounts(shop, held) == {}
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")


@pytest.mark.parametrize(
    ("state", "decision", "answer"), [(DisputeState.LOST, "lost", 409), (DisputeState.OPEN, "won", 201)]
)
async def test_a_refund_waits_for_a_dispute_that_is_being_written(
    shop: Shop, state: DisputeState, decision: str, answer: int
):
    """Seen to fail without FOR UPDATE in `lock_bought_payments`: PostgreSQL refused more than was left."""
    held, payment_id = await paid(shop)
    shop.peer.dispute(payment_id, "needs_response")
    async with shop.parts.db.transaction() as tx:
        await write(shop, tx, payment_id, state)
        refunding = beside(shop.try_to_refund(held, amount=3000))
        await wait_until_it_waits(tx, await pid(tx), refunding)

    answered = await refunding
    assert answered.status_code == answer, answered.text
    assert await shop.tell(shop.peer.dispute(payment_id, decision)) == 204
    if answer == 201:
        await shop.give_back(payment_id, UUID(answered.json()["id"]))
    given = 3000 if answer == 201 else 0
    assert await books(shop, payment_id) == Books(5000, back=given, taken=0 if decision == "won" else 5000)
    left = {"PROVIDER": 2000, "ORGANIZER": -2000} if given else {}
    assert await accounts(shop, held) == left


async def test_a_dispute_that_is_lost_waits_for_a_refund_that_is_being_noted(shop: Shop):
    """The job has given back, and writes so, while the bank takes the same money once more.

    Seen to fail without `lock_payment`: the refund counted as owed still, and as given back by the bank, so
    that our books had 50 euros more than Stripe's.
    """
    held, payment_id = await paid(shop)
    await refund(shop, held)
    event_id, refund_id = held.show.event_id, UUID(payment_id)
    made = DueRefund(refund_id, "stripe", shop.peer.intent_of(payment_id)["id"], 5000, "EUR", refund_id, 5000)
    await shop.parts.providers.get("stripe").give_back(made)
    shop.peer.dispute(payment_id, "needs_response")
    lost = shop.peer.dispute(payment_id, "lost")
    async with shop.parts.db.transaction() as tx:
        await update_refund_done(tx, event_id, refund_id, new_id(event_id), 0)
        report = beside(shop.tell(lost))
        await wait_until_it_waits(tx, await pid(tx), report)

    assert await report == 204
    assert await books(shop, payment_id) == Books(received=5000, back=5000, taken=5000)
    assert await accounts(shop, held) == {"PROVIDER": -5000, "ORGANIZER": 5000}


async def test_a_refund_job_that_has_not_seen_the_dispute_asks_in_vain_and_leaves_it_to_the_bank(shop: Shop):
    """It looks before the lost dispute is committed; Stripe knows of it, and gives nothing twice."""
    held, payment_id = await paid(shop)
    await refund(shop, held)
    shop.peer.dispute(payment_id, "lost")
    before = repairs()
    async with shop.parts.db.transaction() as tx:
        await write(shop, tx, payment_id, DisputeState.LOST)
        with pytest.raises(Exception, match="charge disputed"):
            await beside(shop.give_back(payment_id))

    await shop.give_back(payment_id)
    assert await books(shop, payment_id) == Books(received=5000, taken=5000)
    assert await accounts(shop, held) == {}
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert repairs() == before


async def test_two_refunds_of_one_payment_that_are_noted_at_once_are_all_of_it(shop: Shop):
    """Seen to fail without `lock_payment`: each saw the other still owed, and it was REFUND_DUE for ever."""
    held, payment_id = await paid(shop)
    event_id, paid_id = held.show.event_id, UUID(payment_id)
    part_id = UUID(await refund(shop, held, amount=2000))
    await refund(shop, held)
    # Stripe has carried out the first, and it is being noted while the job of the other is done.
    part = DueRefund(paid_id, "stripe", shop.peer.intent_of(payment_id)["id"], 2000, "EUR", part_id, 5000)
    await shop.parts.providers.get("stripe").give_back(part)
    async with shop.parts.db.transaction() as tx:
        await lock_payment(tx, event_id, paid_id)
        await update_refund_done(tx, event_id, part_id, new_id(event_id), 0)
        other = beside(shop.give_back(payment_id))
        await wait_until_it_waits(tx, await pid(tx), other)

    await other
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}
