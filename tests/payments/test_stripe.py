"""Paying with Stripe: its SDK, over HTTP, against a peer that keeps books and misbehaves."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.catalog.cancelling import CancelledEvent
from boxoffice.inventory.calling_off import call_off
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.payments.asking import ask_providers
from boxoffice.payments.provider import Asked
from boxoffice.payments.reconciliation.comparing import reconcile_window
from payments.baskets import Basket, headers_of
from payments.stripe_peer import Fault
from payments.stripe_shop import Shop
from payments.test_disputes import accounts


async def test_after_a_declined_card_the_same_intent_takes_another(shop: Shop):
    held = await shop.hold()
    first = (await shop.try_to_start(held)).json()
    payment_id = first["id"]
    assert first["checkout_url"] is None
    assert first["client_secret"] == shop.peer.intent_of(payment_id)["client_secret"]
    assert await shop.tell(shop.peer.decline(payment_id)) == 204
    assert await shop.states(held, payment_id) == ("PENDING", "DECLINED")

    again = (await shop.try_to_start(held)).json()

    assert again["id"] == payment_id
    assert again["client_secret"] == shop.peer.intent_of(payment_id)["client_secret"]
    assert await shop.tell(shop.peer.pay(payment_id)) == 204
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURE_DUE")


async def test_a_provider_that_is_away_is_tried_again_by_the_job_and_answers_503(shop: Shop):
    held = await shop.hold()
    shop.peer.is_down = True
    answer = await shop.try_to_start(held)
    shop.peer.is_down = False
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    payment_id = await shop.start(held)
    await shop.tell(shop.peer.pay(payment_id))

    shop.peer.faults.append(Fault.BUSY)
    with pytest.raises(Unavailable):
        await shop.capture(payment_id)

    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURE_DUE")
    await shop.capture(payment_id)
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")


async def test_an_amount_that_stripe_does_not_take_is_refused_before_anybody_pays(shop: Shop):
    answers = [await shop.try_to_start(await shop.hold(price=price)) for price in (24, 25)]

    assert [answer.status_code for answer in answers] == [409, 201]
    assert answers[0].json()["type"] == "/problems/amount-not-payable"


async def test_it_is_asked_before_the_hold_ends(shop: Shop, db: Database):
    held = await shop.hold()
    payment_id = await shop.start(held)

    before = await db.get(
        float,
        """
        SELECT extract(epoch FROM booking.expires_at - payment.ask_at)::float
          FROM payments AS payment
          JOIN bookings AS booking ON booking.event_id = payment.event_id AND booking.id = payment.booking_id
         WHERE payment.id = $1
        """,
        UUID(payment_id),
    )

    assert before == 30


async def test_a_payment_that_stripe_does_not_know_keeps_no_other_from_being_asked_about(shop: Shop):
    strange, unheard = await shop.hold(), await shop.hold()
    unknown, lost = await shop.start(strange), await shop.start(unheard)
    async with shop.parts.db.transaction() as tx:
        await tx.execute(
            """
            UPDATE payments
               SET reference = 'pi_of_another_account', ask_at = now() - interval '1 second'
             WHERE id = $1
            """,
            UUID(unknown),
        )
    shop.peer.pay(lost)

    await shop.ask(lost)

    assert await shop.states(unheard, lost) == ("CONFIRMED", "CAPTURE_DUE")
    assert await shop.states(strange, unknown) == ("PENDING", "PENDING")
    again = await shop.try_to_start(strange)
    assert (again.status_code, again.json()["type"]) == (409, "/problems/checkout-gone")


async def test_two_processes_ask_about_a_payment_once(shop: Shop):
    held = await shop.hold()
    payment_id = await shop.start(held)
    intent_id = shop.peer.intent_of(payment_id)["id"]
    async with shop.parts.db.transaction() as tx:
        await tx.execute("UPDATE payments SET ask_at = now() WHERE id = $1", UUID(payment_id))
    shop.peer.asked.clear()

    await asyncio.gather(
        *[ask_providers(shop.parts.desk, shop.parts.sales, shop.parts.providers) for _ in range(4)]
    )

    assert shop.peer.asked.count(f"GET /v1/payment_intents/{intent_id}") == 1


async def test_a_webhook_counts_only_with_its_signature(shop: Shop):
    held = await shop.hold()
    payment_id = await shop.start(held)
    event = shop.peer.pay(payment_id)

    assert await shop.tell(event, secret="whsec_of_somebody_else") == 401
    assert await shop.tell(event, age=301) == 401
    for header in ("", "t=1", "v1=x", "t=x,v1=y", "t=1,v1=ü"):
        answer = await shop.client.post(
            "/payment-events/stripe",
            content=b"{}",
            headers=[(b"stripe-signature", header.encode())],
        )
        assert answer.status_code == 401, header

    assert await shop.states(held, payment_id) == ("PENDING", "PENDING")
    assert await shop.tell(event, age=290) == 204


async def test_events_that_do_not_concern_us_are_taken_and_change_nothing(shop: Shop):
    assert await shop.tell({"id": "evt_x", "type": "customer.created", "data": {"object": {}}}) == 204
    foreign = {
        "id": "pi_foreign",
        "status": "succeeded",
        "amount": 1,
        "amount_received": 1,
        "currency": "eur",
        "metadata": {},
    }
    for metadata in ({}, {"boxoffice_payment_id": "not-ours"}):
        event = {
            "id": "evt_y",
            "type": "payment_intent.succeeded",
            "data": {"object": {**foreign, "metadata": metadata}},
        }
        assert await shop.tell(event) == 204
    for broken in ({"id": 1}, [], {"id": "evt", "type": "payment_intent.succeeded", "data": {}}):
        assert await shop.tell(broken) == 422  # pyright: ignore[reportArgumentType]  that is the point


async def cancel_and_refund(shop: Shop, held: Basket, payment_id: str) -> None:
    """The event is cancelled, its bookings are called off, and the refund is carried out."""
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    answer = await shop.client.post(f"/events/{held.show.event_id}/cancel", headers=headers)
    assert answer.status_code == 200, answer.text
    job = msgspec.json.encode(CancelledEvent(held.show.event_id))
    await call_off(shop.parts.db, shop.parts.sales, job)
    await shop.give_back(payment_id)


def captures_lost() -> float:
    """How many authorisations were gone when they were to be captured."""
    return sum(sample.value for metric in metrics.CAPTURES_LOST.collect() for sample in metric.samples[:1])


@pytest.mark.parametrize("captured_first", [True, False])
async def test_a_capture_that_is_on_its_way_ends_refunded_or_void(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, *, captured_first: bool
):
    """The job has read that it is to capture; the cancellation comes before its call, or before its note."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    await shop.tell(shop.peer.pay(payment_id))
    assert shop.parts.stripe is not None
    capture, before = shop.parts.stripe.capture, captures_lost()

    async def capture_meanwhile(payment: Asked) -> None:
        if captured_first:
            await capture(payment)
        await cancel_and_refund(shop, held, payment_id)
        if not captured_first:
            await capture(payment)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(shop.parts.stripe, "capture", capture_meanwhile)
        await shop.capture(payment_id)
    for _ in range(2):
        await shop.capture(payment_id)
        await shop.give_back(payment_id)

    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    intent = shop.peer.intent_of(payment_id)
    refunds = [each for each in shop.peer.refunds if each["payment_intent"] == intent["id"]]
    assert (intent["status"], len(refunds)) == (("succeeded", 1) if captured_first else ("canceled", 0))
    assert captures_lost() == before
    await held.show.check_promises()

    # What was captured is found when the books are compared, and its refund may come back like any other.
    since, parts = datetime.fromtimestamp(intent["created"], UTC), shop.parts
    until = since + timedelta(seconds=1)
    await reconcile_window(parts.desk, parts.sales, shop.parts.stripe, since, until)
    again = await reconcile_window(parts.desk, parts.sales, shop.parts.stripe, since, until)
    assert again.made_up_for == 0
    assert await accounts(shop, held) == {}
    if captured_first:
        assert await shop.tell(shop.peer.fail_refund(refunds[0]["id"])) == 204
        assert await accounts(shop, held) == {"PROVIDER": 5000, "BUYER": -5000}
        await shop.give_back(payment_id)
        assert await accounts(shop, held) == {}
