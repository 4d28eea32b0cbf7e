"""A provider that is down for an hour: what is sold meanwhile waits, and ends by itself once it is back."""

import pytest

from boxoffice.kit.errors import Unavailable
from boxoffice.payments.ledger_verification import verify_ledger
from payments.baskets import Basket
from payments.stripe_shop import Shop
from payments.test_disputes import refund


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
