"""A provider that is down for an hour, or answers with a fault: what waits ends by itself once it is back."""

from uuid import UUID

import pytest

from boxoffice.kit.errors import Unavailable
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.provider import NotRefundable
from boxoffice.payments.refunds.owing import FAULTS_MAX
from payments.baskets import Basket
from payments.stripe_peer import Fault
from payments.stripe_shop import Shop
from payments.test_disputes import paid, refund

KEPT = [Fault.KEPT, Fault.KEPT_AND_DONE]


async def test_whatever_was_on_its_way_when_the_provider_went_down_ends_by_itself(shop: Shop):
    sold, unheard, given_back, begun = [await shop.hold() for _ in range(4)]
    capture_due, lost, refunded = [await shop.start(each) for each in (sold, unheard, given_back)]
    await shop.tell(shop.peer.pay(capture_due))
    shop.peer.pay(lost)
    await shop.tell(shop.peer.pay(refunded, method="sepa_debit"))
    late = await shop.hold(hold_seconds=2)
    paid_late = await shop.start(late)

    shop.peer.is_down = True
    answer = await shop.try_to_start(begun)
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/unavailable")
    assert int(answer.headers["retry-after"]) > 0
    another = await shop.hold()
    for work in (shop.capture(capture_due), refund_and_give_back(shop, given_back, refunded)):
        with pytest.raises(Unavailable):
            await work
    await shop.ask(lost)
    shop.peer.pay(paid_late)
    await late.show.wait_for_holds_to_end()

    shop.peer.is_down = False
    await shop.capture(capture_due)
    await shop.give_back(refunded)
    for payment_id in (lost, paid_late):
        await shop.ask(payment_id)
        await shop.capture(payment_id)
    assert (await shop.try_to_start(begun)).status_code == 201

    assert await shop.states(sold, capture_due) == ("CONFIRMED", "CAPTURED")
    assert await shop.states(unheard, lost) == ("CONFIRMED", "CAPTURED")
    assert await shop.states(late, paid_late) == ("CONFIRMED", "CAPTURED")
    assert await shop.states(given_back, refunded) == ("CANCELLED", "REFUNDED")
    for each in (sold, unheard, late, given_back, begun, another):
        assert (await verify_ledger(shop.parts.db, each.show.event_id)).faults == []
        await each.show.check_promises()


async def refund_and_give_back(shop: Shop, held: Basket, payment_id: str) -> None:
    """The organizer gives all of it back, and the job is on its way."""
    assert await refund(shop, held) == payment_id
    await shop.give_back(payment_id)


@pytest.mark.parametrize("fault", KEPT)
async def test_a_fault_that_the_provider_keeps_for_a_key_is_not_waited_out(shop: Shop, fault: Fault):
    """Stripe answers a 500 again for a day, whatever it has done. What was authorised is taken, or let go."""
    sold, given_up, begun = [await shop.hold() for _ in range(3)]
    taken, let_go = [await shop.start(each) for each in (sold, given_up)]
    for each in (taken, let_go):
        await shop.tell(shop.peer.pay(each))
    await refund(shop, given_up)
    for work in (shop.capture(taken), shop.give_back(let_go)):
        shop.peer.faults.append(fault)
        with pytest.raises(Unavailable):
            await work
    shop.peer.faults.append(fault)
    assert (await shop.try_to_start(begun)).status_code == 201

    await shop.capture(taken)
    await shop.give_back(let_go)

    assert [shop.peer.intent_of(each)["status"] for each in (taken, let_go)] == ["succeeded", "canceled"]
    assert await shop.states(sold, taken) == ("CONFIRMED", "CAPTURED")
    assert await shop.states(given_up, let_go) == ("CANCELLED", "REFUNDED")


@pytest.mark.parametrize("fault", KEPT)
async def test_a_refund_is_asked_for_under_another_key_after_an_hour_of_faults(shop: Shop, fault: Fault):
    held, payment_id = await paid(shop)
    refund_id = UUID(await refund(shop, held, amount=1200))
    shop.peer.faults.append(fault)
    async with shop.parts.db.transaction() as tx:
        await tx.execute("UPDATE refunds SET failures = $2 WHERE id = $1", refund_id, FAULTS_MAX - 2)

    # What was done in spite of the fault is seen there.
    for _ in range(2 if fault is Fault.KEPT else 1):
        with pytest.raises(Unavailable):
            await shop.give_back(payment_id, refund_id)
    await shop.give_back(payment_id, refund_id)

    intent_id = shop.peer.intent_of(payment_id)["id"]
    assert [each["amount"] for each in shop.peer.refunds if each["payment_intent"] == intent_id] == [1200]
    done = "SELECT state FROM refunds WHERE id = $1"
    assert await shop.parts.db.get(str, done, refund_id) == "DONE"


async def test_a_key_that_stands_for_another_amount_is_not_waited_out(shop: Shop):
    """Stripe refuses a key that comes with something else; meanwhile somebody has given some by hand."""
    held, payment_id = await paid(shop)
    await refund(shop, held)
    shop.peer.faults.append(Fault.KEPT)
    with pytest.raises(Unavailable):
        await shop.give_back(payment_id)
    shop.peer.refund_by_hand(payment_id, 1200)
    with pytest.raises(NotRefundable):
        await shop.give_back(payment_id)

    await shop.give_back(payment_id)

    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    intent_id = shop.peer.intent_of(payment_id)["id"]
    assert [each["amount"] for each in shop.peer.refunds if each["payment_intent"] == intent_id] == [
        1200,
        3800,
    ]


async def test_a_card_that_failed_at_a_capture_we_never_heard_of_is_not_tried_for_ever(shop: Shop):
    held = await shop.hold()
    payment_id = await shop.start(held)
    await shop.tell(shop.peer.pay(payment_id))
    shop.peer.intent_of(payment_id)["declines_capture"] = True
    shop.peer.faults.append(Fault.KEPT_AND_DONE)
    with pytest.raises(Unavailable):
        await shop.capture(payment_id)

    await shop.capture(payment_id)

    assert await shop.states(held, payment_id) == ("CANCELLED", "CANCELLED")
    assert shop.peer.intent_of(payment_id)["status"] == "canceled"
