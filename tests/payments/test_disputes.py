"""Disputes: what a buyer's bank takes back, and that nothing goes back twice for it."""

import itertools
from typing import Any
from uuid import UUID

import pytest

from boxoffice.accounts.identity import Role
from boxoffice.payments.disputes.facts import share_loss
from boxoffice.payments.disputes.queries import Disputed, Loss
from boxoffice.payments.ledger.verification import verify_ledger
from payments.baskets import Basket, headers_of
from payments.stripe_shop import Shop
from shows import insert_user


async def paid(shop: Shop) -> tuple[Basket, str]:
    """A booking of 50 euros that is paid for, and its payment."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    assert await shop.tell(shop.peer.pay(payment_id, method="sepa_debit")) == 204
    return held, payment_id


async def accounts(shop: Shop, held: Basket) -> dict[str, int]:
    """What is on each account of the event; the ledger verified."""
    assert (await verify_ledger(shop.parts.db, held.show.event_id)).faults == []
    rows = await shop.parts.db.list(
        str,
        """
        SELECT account || '=' || sum(amount)::text FROM ledger_entries
         WHERE event_id = $1 GROUP BY account HAVING sum(amount) <> 0
        """,
        held.show.event_id,
    )
    return {account: int(amount) for account, amount in (row.split("=") for row in rows)}


async def listed(shop: Shop, held: Basket) -> list[dict[str, Any]]:
    """The disputes as the organizer sees them."""
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    answer = await shop.client.get(f"/events/{held.show.event_id}/disputes", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def refund(shop: Shop, held: Basket, **wanted: int) -> str:
    """The organizer gives back; the refund's id."""
    answer = await shop.try_to_refund(held, **wanted)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def test_a_dispute_that_is_won_brings_the_money_back_and_tickets_stay_good(shop: Shop):
    held, payment_id = await paid(shop)

    assert await shop.tell(shop.peer.dispute(payment_id, "warning_needs_response")) == 204
    assert await listed(shop, held) == []
    assert await shop.tell(shop.peer.dispute(payment_id, "needs_response")) == 204

    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert await accounts(shop, held) == {"DISPUTED": 5000, "ORGANIZER": -5000}
    dispute = (await listed(shop, held))[0]
    assert (dispute["state"], dispute["amount"]["amount"]) == ("OPEN", 5000)
    assert (dispute["reason"], dispute["payment_id"]) == ("fraudulent", payment_id)

    assert await shop.tell(shop.peer.dispute(payment_id, "won")) == 204
    assert await accounts(shop, held) == {"PROVIDER": 5000, "ORGANIZER": -5000}
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert [each["state"] for each in await listed(shop, held)] == ["WON"]
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    statement = (await shop.client.get("/organizers/me/statement", headers=headers)).json()["items"]
    assert [(line["kind"], line["gross"]["amount"], line["net"]["amount"]) for line in statement] == [
        ("DISPUTE_WON", 0, 0),
        ("DISPUTED", 0, 0),
        ("CAPTURED", 5000, 5000),
    ]


@pytest.mark.parametrize("order", list(itertools.permutations(["needs_response", "under_review", "lost"])))
async def test_reports_of_a_dispute_in_any_order_and_twice_count_once(shop: Shop, order: tuple[str, ...]):
    held, payment_id = await paid(shop)
    events = {each: shop.peer.dispute(payment_id, each) for each in sorted(order)}

    for each in order * 2:
        assert await shop.tell(events[each]) == 204

    assert await accounts(shop, held) == {}
    assert [each["state"] for each in await listed(shop, held)] == ["LOST"]
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")


async def test_only_who_sees_the_event_sees_its_disputes(shop: Shop):
    held, _ = await paid(shop)
    path = f"/events/{held.show.event_id}/disputes"
    assert (await shop.client.get(path, headers=held.headers)).status_code == 403
    stranger = headers_of(await insert_user(shop.parts.db), Role.ORGANIZER)
    assert (await shop.client.get(path, headers=stranger)).status_code == 404


@pytest.mark.parametrize(
    ("amount", "refunded", "due", "given_back", "others", "expected"),
    [
        (5000, 0, 0, 0, 0, Loss(left=5000, owed=0)),
        (3000, 2000, 2000, 0, 0, Loss(left=3000, owed=0)),
        (3001, 2000, 2000, 0, 0, Loss(left=3000, owed=1)),
        (5000, 5000, 5000, 0, 0, Loss(left=0, owed=5000)),
        (5000, 5000, 0, 5000, 0, Loss(left=0, owed=0)),
        (2000, 5000, 5000, 0, 3000, Loss(left=0, owed=2000)),
        (5000, 3000, 0, 3000, 0, Loss(left=2000, owed=0)),
    ],
)
def test_whose_loss_a_lost_dispute_is(
    amount: int, refunded: int, due: int, given_back: int, others: int, expected: Loss
):
    disputed = Disputed(5000, refunded, due, given_back, others, UUID(int=1), "OPEN", amount, has_bought=True)
    assert share_loss(amount, disputed, 1) == expected


@pytest.mark.parametrize(("back", "taken"), [(5000, 5000), (3500, 5000), (3500, 2500)])
async def test_what_a_bank_took_of_a_refund_that_fails_afterwards_is_not_lost_twice(
    shop: Shop, back: int, taken: int
):
    """It had gone back when the dispute was lost, and the organizer had to bear it: now it has not."""
    held, payment_id = await paid(shop)
    refund_id = UUID(await refund(shop, held, amount=back))
    await shop.give_back(payment_id, refund_id)
    for status in ("needs_response", "lost"):
        assert await shop.tell(shop.peer.dispute(payment_id, status, amount=taken)) == 204
    twice = back + taken - 5000
    assert await accounts(shop, held) == {"PROVIDER": -twice, "ORGANIZER": twice}

    assert await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"])) == 204
    await shop.give_back(payment_id, refund_id)

    assert await accounts(shop, held) == {}
    intent_id = shop.peer.intent_of(payment_id)["id"]
    made = [each for each in shop.peer.refunds if each["payment_intent"] == intent_id]
    asked_again = [5000 - taken] if taken < 5000 else []
    assert [each["amount"] for each in made] == [back, *asked_again], "what the bank has given is not"
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    lines = (await shop.client.get("/organizers/me/statement", headers=headers)).json()["items"]
    assert {"REFUND_FAILED": twice} == {
        line["kind"]: line["net"]["amount"] for line in lines if line["kind"] == "REFUND_FAILED"
    }


async def test_of_two_disputes_at_once_what_the_other_takes_is_not_gone_yet(shop: Shop):
    """The first is lost while the second is open, and then won: what was owed goes back by the provider."""
    held, payment_id = await paid(shop)
    first = [shop.peer.dispute(payment_id, status, amount=3000) for status in ("needs_response", "lost")]
    second = [shop.peer.dispute(payment_id, status, amount=2000) for status in ("needs_response", "won")]
    for event in second:
        event["data"]["object"]["id"] = f"dp_second_{payment_id}"
    assert await shop.tell(first[0]) == 204
    assert await shop.tell(second[0]) == 204
    refund_id = await refund(shop, held, amount=1000)

    assert await shop.tell(first[1]) == 204
    assert await shop.tell(second[1]) == 204
    await shop.give_back(payment_id, UUID(refund_id))

    intent_id = shop.peer.intent_of(payment_id)["id"]
    assert [each["amount"] for each in shop.peer.refunds if each["payment_intent"] == intent_id] == [1000]
    assert await accounts(shop, held) == {"PROVIDER": 1000, "ORGANIZER": -1000}
