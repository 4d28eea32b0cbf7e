"""Stripe counts some currencies in its own way, and moves only some amounts."""

import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.kit.money import step_of
from boxoffice.kit.pace import Pace
from boxoffice.payments.refunds.owing import carry_out_refund
from boxoffice.payments.stripe.amounts import AmountNotPayable, from_stripe, to_stripe
from payments.baskets import headers_of
from payments.stripe_shop import Shop


@pytest.mark.parametrize(
    ("amount", "currency", "at_stripe"),
    [
        (12500, "EUR", 12500),
        (12500, "JPY", 12500),
        (12500, "ISK", 1250000),
        (12500, "UGX", 1250000),
        (12500, "MGA", 125),
        (12500, "KWD", 12500),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(amount: int, currency: str, at_stripe: int):
    assert to_stripe(amount, currency) == at_stripe
    assert from_stripe(at_stripe, currency) == amount


@pytest.mark.parametrize(("amount", "currency"), [(12501, "KWD"), (12550, "MGA")])
def test_what_stripe_would_have_to_round_is_refused(amount: int, currency: str):
    with pytest.raises(AmountNotPayable):
        to_stripe(amount, currency)


@pytest.mark.parametrize(("currency", "smallest"), [("KWD", 10), ("MGA", 1), ("JPY", 1)])
async def test_only_what_can_be_moved_is_given_back_in_parts(shop: Shop, currency: str, smallest: int):
    """What cannot is refused when it is asked for, so that no job waits for what never comes."""
    step = step_of(currency)
    held = await shop.hold(price=70 * step, currency=currency)
    payment_id = await shop.start(held)
    assert await shop.tell(shop.peer.pay(payment_id, method="sepa_debit")) == 204
    organizer = headers_of(held.show.organizer_id, Role.ORGANIZER)
    path = f"/bookings/{held.booking_id}/refunds"
    if step > 1:
        refused = await shop.client.post(path, json={"amount": step + step // 2}, headers=organizer)
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/amount")
    for amount in (step, 139 * step):
        answer = await shop.client.post(path, json={"amount": amount}, headers=organizer)
        assert answer.status_code == 201, answer.text
        job = msgspec.json.encode({"payment_id": payment_id, "refund_id": answer.json()["id"]})
        await carry_out_refund(shop.parts.db, shop.parts.providers, Pace(1_000), job)
    intent = shop.peer.intent_of(payment_id)["id"]
    given = [each["amount"] for each in shop.peer.refunds if each["payment_intent"] == intent]
    assert given == [smallest, 139 * smallest]
    assert await shop.states(held, payment_id) == ("CONFIRMED", "REFUNDED")
