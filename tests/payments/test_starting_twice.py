"""Who begins to pay for the same booking at the same moment gets the same checkout, from any process."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any
from unittest.mock import patch

import pytest
import pytest_asyncio

from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.payments.checkout import StartedPayment, start_payment
from payments.baskets import Basket
from payments.stripe_peer import Fault, StripePeer
from payments.stripe_shop import Shop
from statements import noted_statements


@pytest_asyncio.fixture
async def rival(settings_of_peer: tuple[StripePeer, Settings], dsn: str) -> AsyncGenerator[Parts]:
    """Another process that is paid at the same Stripe."""
    made = Parts(settings_of_peer[1], dsn)
    async with made.running():
        yield made


async def start_together(held: Basket, provider: str, *processes: Parts) -> list[StartedPayment]:
    """Begin to pay in each of these; all have looked for an open payment before any asks the provider."""
    barrier = asyncio.Barrier(len(processes))
    chosen = {type(parts.providers.get(provider)) for parts in processes}.pop()
    open_checkout = chosen.open_checkout

    async def open_together(self: Any, charge: Any) -> Any:
        if charge.reference is None:
            await barrier.wait()
        return await open_checkout(self, charge)

    with patch.object(chosen, "open_checkout", open_together):
        return await asyncio.gather(*[
            start_payment(
                parts.desk,
                parts.providers,
                booking_id=held.booking_id,
                buyer_id=held.buyer_id,
                provider=provider,
            )
            for parts in processes
        ])  # fmt: skip


def opened_for(peer: StripePeer, held: Basket) -> list[str]:
    """The payments of this booking that have an intent, one for each intent."""
    made = [intent["metadata"] for intent in peer.intents.values()]
    return [
        each["boxoffice_payment_id"] for each in made if each["boxoffice_booking_id"] == str(held.booking_id)
    ]


@pytest.mark.parametrize("provider", ["stripe", "sandbox"])
@pytest.mark.parametrize("place", ["one process", "two processes"])
async def test_of_two_who_begin_to_pay_at_once_both_get_one_checkout(
    shop: Shop, rival: Parts, db: Database, provider: str, place: str
):
    """Seen to fail with an id of its own for each payment: there were two, at two checkouts."""
    held = await shop.hold()
    other = rival if place == "two processes" else shop.parts

    first, second = await start_together(held, provider, shop.parts, other)

    assert first == second
    count = "SELECT count(*) FROM payments WHERE event_id = $1 AND booking_id = $2"
    assert await db.get(int, count, held.show.event_id, held.booking_id) == 1
    if provider == "stripe":
        assert shop.peer.intent_of(str(first.id))["id"] == first.reference


@pytest.mark.parametrize("fault", [Fault.KEPT, Fault.KEPT_AND_DONE])
async def test_both_get_one_checkout_also_when_stripe_keeps_a_fault_for_the_first(
    shop: Shop, rival: Parts, fault: Fault
):
    """Seen to fail while both asked for the same payment again, under another key each: it had two."""
    held = await shop.hold()
    shop.peer.faults += [fault]

    first, second = await start_together(held, "stripe", shop.parts, rival)

    assert first == second
    assert first.reference is not None
    assert shop.peer.intent_of(str(first.id))["client_secret"] == first.client_secret
    made = opened_for(shop.peer, held)
    assert len(made) == len(set(made)) == (2 if fault is Fault.KEPT_AND_DONE else 1)


async def test_money_at_a_checkout_that_stripe_made_and_never_told_us_of_buys_the_tickets(shop: Shop):
    """Nobody has its secret, so nobody pays there; whatever comes all the same is a payment like others."""
    held = await shop.hold()
    shop.peer.faults.append(Fault.KEPT_AND_DONE)
    payment_id = await shop.start(held)
    (unknown,) = set(opened_for(shop.peer, held)) - {payment_id}

    await shop.tell(shop.peer.pay(unknown))
    await shop.capture(unknown)
    await shop.tell(shop.peer.pay(payment_id))
    await shop.give_back(payment_id)

    assert await shop.states(held, unknown) == ("CONFIRMED", "CAPTURED")
    assert await shop.states(held, payment_id) == ("CONFIRMED", "REFUNDED")
    assert [shop.peer.intent_of(each)["status"] for each in (unknown, payment_id)] == [
        "succeeded",
        "canceled",
    ]


async def test_after_another_fault_the_buyer_is_told_that_the_provider_is_down(shop: Shop):
    held = await shop.hold()
    shop.peer.faults += [Fault.KEPT, Fault.KEPT]

    answer = await shop.try_to_start(held)

    assert answer.status_code == 503
    assert not opened_for(shop.peer, held)


async def test_a_payment_that_is_over_is_followed_by_another_one(shop: Shop, db: Database):
    held = await shop.hold()
    payment_ids: list[str] = []
    close = "UPDATE payments SET state = 'CANCELLED' WHERE event_id = $1"
    for _ in range(3):
        payment_ids.append(await shop.start(held))
        assert await shop.start(held) == payment_ids[-1]
        async with db.transaction() as tx:
            await tx.execute(close, held.show.event_id)

    assert len(set(payment_ids)) == 3


async def test_to_begin_to_pay_takes_two_statements(shop: Shop):
    held = await shop.hold()

    with noted_statements() as noted, patch("boxoffice.kit.gathering.Context", lambda: None):
        await start_together(held, "stripe", shop.parts)

    assert len(noted) == 2
