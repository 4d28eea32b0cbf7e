"""What Stripe says of refunds afterwards: one has failed, or somebody has made one in its dashboard."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.kit.pace import Pace
from boxoffice.payments.disputes.queries import lock_payment
from boxoffice.payments.provider import DueRefund, RefundFact
from boxoffice.payments.reconciliation.comparing import get_standing, reconcile_refunds
from boxoffice.payments.reconciliation.queries import list_differences
from boxoffice.payments.refunds.facts import AGAIN_AFTER, TakeBackDue, carry_out_take_back
from boxoffice.payments.refunds.owing import REFUSALS_MAX, carry_out_refund
from catalog.stage import wait_until_it_waits
from payments.baskets import Basket, headers_of
from payments.stripe_shop import Shop
from payments.test_disputes import accounts, paid, refund
from payments.test_refunded_places import beside
from shows import insert_user


async def give_back(shop: Shop, payment_id: str, refund_id: str) -> None:
    """The job of a refund."""
    job = msgspec.json.encode({"payment_id": payment_id, "refund_id": refund_id})
    await carry_out_refund(shop.parts.db, shop.parts.providers, Pace(1_000), job)


async def refunds(shop: Shop, held: Basket) -> list[dict[str, Any]]:
    """The refunds of the booking as its buyer sees them."""
    return (await shop.client.get(f"/bookings/{held.booking_id}/refunds", headers=held.headers)).json()[
        "items"
    ]


async def states(shop: Shop, held: Basket) -> list[tuple[int, str]]:
    """Their amounts and states."""
    return [(each["amount"]["amount"], each["state"]) for each in await refunds(shop, held)]


def refunds_at_stripe(shop: Shop, payment_id: str) -> list[int]:
    """What was asked of Stripe, whatever became of it."""
    intent = shop.peer.intent_of(payment_id)
    return [each["amount"] for each in shop.peer.refunds if each["payment_intent"] == intent["id"]]


async def decide(shop: Shop, held: Basket, refund_id: str, what: str, *, role: Role) -> httpx.Response:
    """What the organizer or the house decides about a refund that has failed."""
    user_id = held.show.organizer_id
    if role is Role.ADMIN:
        user_id = await insert_user(shop.parts.db, "ADMIN")
    path = f"/bookings/{held.booking_id}/refunds/{refund_id}/{what}"
    return await shop.client.post(path, headers=headers_of(user_id, role))


async def compare(shop: Shop) -> int:
    """Ask for all refunds there are; how many were news."""
    now = datetime.now(UTC)
    assert shop.parts.stripe is not None
    return await reconcile_refunds(
        shop.parts.db, shop.parts.stripe, now - timedelta(days=1), now + timedelta(days=1)
    )


async def test_a_refund_that_fails_is_owed_again_and_tried_again(shop: Shop):
    held, payment_id = await paid(shop)
    await refund(shop, held)
    await shop.give_back(payment_id)
    first = shop.peer.refunds[-1]
    reported = shop.peer.events[-1]
    assert await shop.tell(reported) == 204
    assert await accounts(shop, held) == {}

    failed = shop.peer.fail_refund(first["id"])
    for event in (failed, reported, failed):
        assert await shop.tell(event) == 204

    assert await accounts(shop, held) == {"PROVIDER": 5000, "BUYER": -5000}
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUND_DUE")
    [owed] = await refunds(shop, held)
    assert (owed["state"], owed["failure"], owed["failure_words"]) == ("DUE", "DECLINED", None)
    assert await shop.queued("refund", payment_id) == 2
    for _ in range(2):
        await shop.give_back(payment_id)
    assert [
        each["status"] for each in shop.peer.refunds if each["payment_intent"] == first["payment_intent"]
    ] == [
        "failed",
        "succeeded",
    ]
    assert await shop.tell(failed) == 204
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}


async def test_a_refund_that_comes_back_before_we_note_it_is_owed(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
):
    """Seen to fail without looking again under the lock: it was DONE, and the money at our account."""
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=2000)
    assert shop.parts.stripe is not None
    make = shop.parts.stripe.give_back

    async def make_and_have_it_sent_back(due: DueRefund) -> RefundFact | None:
        made = await make(due)
        assert await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"])) == 204
        return made

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(shop.parts.stripe, "give_back", make_and_have_it_sent_back)
        await give_back(shop, payment_id, refund_id)

    assert await states(shop, held) == [(2000, "DUE")]
    await give_back(shop, payment_id, refund_id)
    assert await states(shop, held) == [(2000, "DONE")]
    assert await accounts(shop, held) == {"PROVIDER": 3000, "ORGANIZER": -3000}


async def test_trying_again_ends(shop: Shop):
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=2000)
    for _ in range(len(AGAIN_AFTER) + 1):
        assert await states(shop, held) == [(2000, "DUE")]
        await give_back(shop, payment_id, refund_id)
        assert await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"])) == 204
    assert await states(shop, held) == [(2000, "FAILED")]
    await give_back(shop, payment_id, refund_id)
    assert await states(shop, held) == [(2000, "FAILED")]
    assert await accounts(shop, held) == {"PROVIDER": 5000, "BUYER": -2000, "ORGANIZER": -3000}


@pytest.mark.parametrize(
    ("role", "left"), [(Role.ORGANIZER, {"PROVIDER": 5000, "ORGANIZER": -5000}), (Role.ADMIN, {})]
)
async def test_what_cannot_be_given_back_is_seen_and_given_otherwise(
    shop: Shop, role: Role, left: dict[str, int]
):
    held, payment_id = await paid(shop)
    await refund(shop, held)
    await shop.give_back(payment_id)
    shop.peer.fail_refund(shop.peer.refunds[-1]["id"], "expired_or_canceled_card")
    # Its report was lost.
    await compare(shop)

    [failed] = await refunds(shop, held)
    assert (failed["state"], failed["failure"], failed["failure_words"]) == ("FAILED", "CARD_GONE", None)
    team = headers_of(held.show.organizer_id, Role.ORGANIZER)
    answer = await shop.client.get(f"/bookings/{held.booking_id}/refunds", headers=team)
    assert answer.json()["items"] == [failed | {"failure_words": "expired_or_canceled_card"}]
    seen = [each for each in await list_differences(shop.parts.db, 100) if str(each.payment_id) == payment_id]
    assert [(each.what, each.ours, each.theirs) for each in seen] == [("REFUND THAT FAILED", 5000, 0)]
    assert (await get_standing(shop.parts.db)).differences["stripe"] >= 1
    shop.peer.refuses_refunds.add(shop.peer.intent_of(payment_id)["id"])
    assert (await decide(shop, held, payment_id, "try-again", role=role)).json()["state"] == "DUE"
    await shop.give_back(payment_id)
    assert await states(shop, held) == [(5000, "FAILED")]
    assert await accounts(shop, held) == {"PROVIDER": 5000, "BUYER": -5000}

    for _ in range(2):
        answer = await decide(shop, held, payment_id, "settle", role=role)
        assert (answer.status_code, answer.json()["state"]) == (200, "DONE")

    late = await decide(shop, held, payment_id, "try-again", role=role)
    assert (late.status_code, late.json()["state"]) == (409, "DONE")
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == left
    # Asked for by the organizer, failed by itself, tried again and settled by whoever it was.
    audited = await shop.parts.db.list(
        str,
        """
        SELECT action || ' ' || coalesce(after ->> 'state', '') || ' ' || (actor_id = $2)::text
          FROM audit_log
         WHERE object = 'refunds' AND event_id = $1
         ORDER BY id
        """,
        held.show.event_id,
        held.show.organizer_id,
    )
    ours = str(role is Role.ORGANIZER).lower()
    assert audited == ["CREATED DUE true", f"CHANGED DUE {ours}", f"CHANGED DONE {ours}"]
    assert payment_id not in [str(each.payment_id) for each in await list_differences(shop.parts.db, 100)]


@pytest.mark.parametrize(("by_hand", "there"), [(0, 2500), (3000, 2000)])
@pytest.mark.parametrize("role", [Role.ORGANIZER, Role.ADMIN])
async def test_who_gives_otherwise_is_owed_what_the_provider_has_and_no_more(
    shop: Shop, role: Role, by_hand: int, there: int
):
    """Of what could not be given back a bank, or somebody by hand, has given a part."""
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=3500)
    for status in () if by_hand else ("needs_response", "lost"):
        assert await shop.tell(shop.peer.dispute(payment_id, status, amount=2500)) == 204
    await give_back(shop, payment_id, refund_id)
    await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"], "lost_or_stolen_card"))
    if by_hand:
        assert await shop.tell(shop.peer.refund_by_hand(payment_id, by_hand)) == 204

    assert (await decide(shop, held, refund_id, "settle", role=role)).status_code == 200

    organizers = {"PROVIDER": there, "ORGANIZER": -there}
    assert await accounts(shop, held) == (organizers if role is Role.ORGANIZER else {})


async def test_only_the_events_team_decides_about_a_refund_that_has_failed(shop: Shop):
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=2000)
    for what in ("try-again", "settle"):
        path = f"/bookings/{held.booking_id}/refunds/{refund_id}/{what}"
        assert (await shop.client.post(path, headers=held.headers)).status_code == 403
        stranger = headers_of(await insert_user(shop.parts.db, "ORGANIZER"), Role.ORGANIZER)
        assert (await shop.client.post(path, headers=stranger)).status_code == 404
        unknown = await decide(shop, held, payment_id, what, role=Role.ORGANIZER)
        assert unknown.status_code == 404
    assert (await decide(shop, held, refund_id, "try-again", role=Role.ORGANIZER)).json()["state"] == "DUE"
    assert (await decide(shop, held, refund_id, "settle", role=Role.ORGANIZER)).status_code == 409


async def test_a_first_attempt_that_is_refused_is_given_up_after_a_while(shop: Shop):
    """However long a bank has had the money before: that was no answer to whether it can go back."""
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=2000)
    async with shop.parts.db.transaction() as tx:
        await tx.execute(
            "UPDATE refunds SET failures = $2, refusals = $2 WHERE id = $1", UUID(refund_id), REFUSALS_MAX - 2
        )
    shop.peer.dispute(payment_id, "needs_response")
    with pytest.raises(Exception, match="charge disputed"):
        await give_back(shop, payment_id, refund_id)
    shop.peer.dispute(payment_id, "won")
    shop.peer.refuses_refunds.add(shop.peer.intent_of(payment_id)["id"])
    with pytest.raises(Exception, match="refund not possible"):
        await give_back(shop, payment_id, refund_id)
    assert await states(shop, held) == [(2000, "DUE")]
    await give_back(shop, payment_id, refund_id)
    assert await states(shop, held) == [(2000, "FAILED")]


async def test_what_a_bank_gives_the_buyer_is_not_owed_any_more(shop: Shop):
    held, payment_id = await paid(shop)
    await refund(shop, held)
    await shop.give_back(payment_id)
    await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"], "expired_or_canceled_card"))

    for status in ("needs_response", "lost"):
        assert await shop.tell(shop.peer.dispute(payment_id, status)) == 204
    await shop.give_back(payment_id)

    assert await states(shop, held) == [(5000, "DONE")]
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}


async def test_a_refund_by_hand_is_taken_over_once(shop: Shop):
    held, payment_id = await paid(shop)
    event = shop.peer.refund_by_hand(payment_id, 1200)
    elsewhere = {**shop.peer.refunds[-1], "id": "re_elsewhere", "payment_intent": "pi_of_another_shop"}
    shop.peer.refunds.append(elsewhere)
    for _ in range(2):
        assert await shop.tell(event) == 204
        assert await compare(shop) == 0
    shop.peer.refunds.remove(elsewhere)

    assert await states(shop, held) == [(1200, "DONE")]
    assert await shop.states(held, payment_id) == ("CONFIRMED", "CAPTURED")
    assert await accounts(shop, held) == {"PROVIDER": 3800, "ORGANIZER": -3800}

    # Of the rest nobody has heard but by asking. Nothing is left, so nobody keeps a ticket.
    shop.peer.refund_by_hand(payment_id, 3800)
    assert [await compare(shop) for _ in range(2)] == [1, 0]
    await carry_out_take_back(shop.parts.sales, msgspec.json.encode(TakeBackDue(held.booking_id)))

    assert await states(shop, held) == [(1200, "DONE"), (3800, "DONE")]
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}
    assert await shop.queued("take_back", str(held.booking_id)) == 1
    valid = "SELECT count(*) FROM tickets WHERE event_id = $1 AND state = 'VALID'"
    assert await shop.parts.db.get(int, valid, held.show.event_id) == 0
    invoices = (
        await shop.client.get(f"/bookings/{held.booking_id}/credit-notes", headers=held.headers)
    ).json()["items"]
    assert sorted(each["total"]["amount"] for each in invoices) == [1200, 3800]
    await held.show.check_promises()


async def test_a_refund_by_hand_of_what_we_owe_is_not_made_again(shop: Shop):
    """One is due, and its job finds nothing left; one had failed, and was mended by hand."""
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=3000)
    await give_back(shop, payment_id, refund_id)
    await shop.tell(shop.peer.fail_refund(shop.peer.refunds[-1]["id"], "lost_or_stolen_card"))
    await refund(shop, held, amount=1500)
    [_, due] = await refunds(shop, held)

    assert await shop.tell(shop.peer.refund_by_hand(payment_id, 3500)) == 204
    await give_back(shop, payment_id, due["id"])

    assert await states(shop, held) == [(3000, "DONE"), (1500, "DONE"), (500, "DONE")]
    assert refunds_at_stripe(shop, payment_id) == [3000, 3500, 1500]
    assert await accounts(shop, held) == {}


async def test_what_somebody_gave_of_a_refund_that_is_due_is_not_asked_for_though_a_bank_has_the_rest(
    shop: Shop,
):
    """Stripe would refuse it for ever: of what was left there a bank has what a lost dispute was about."""
    held, payment_id = await paid(shop)
    await refund(shop, held)
    assert await shop.tell(shop.peer.refund_by_hand(payment_id, 3500)) == 204
    for status in ("needs_response", "lost"):
        assert await shop.tell(shop.peer.dispute(payment_id, status, amount=1500)) == 204

    await shop.give_back(payment_id)

    assert await states(shop, held) == [(5000, "DONE")]
    assert await shop.states(held, payment_id) == ("CANCELLED", "REFUNDED")
    assert await accounts(shop, held) == {}


@pytest.mark.parametrize("is_noted_by_the_job", [True, False])
async def test_what_is_lost_after_a_refund_by_hand_is_no_more_than_was_left(
    shop: Shop, *, is_noted_by_the_job: bool
):
    """Of a refund that is due a part went by hand unheard, and the rest was made."""
    held, payment_id = await paid(shop)
    refund_id = await refund(shop, held, amount=3000)
    by_hand = shop.peer.refund_by_hand(payment_id, 3500)
    if is_noted_by_the_job:
        await give_back(shop, payment_id, refund_id)
    else:
        given = {"amount": "1500", "metadata[boxoffice_refund_id]": refund_id}
        shop.peer.give_back(shop.peer.intent_of(payment_id), given)
        assert await shop.tell(shop.peer.events[-1]) == 204
    assert await shop.tell(by_hand) == 204
    assert sorted(await states(shop, held)) == [(2000, "DONE"), (3000, "DONE")]

    # All of it went back before: it is the organizer's loss.
    for status in ("needs_response", "lost"):
        assert await shop.tell(shop.peer.dispute(payment_id, status)) == 204

    assert await accounts(shop, held) == {"PROVIDER": -5000, "ORGANIZER": 5000}
    given_by_us = "SELECT sum(amount - by_bank)::bigint FROM refunds WHERE payment_id = $1"
    assert await shop.parts.db.get(int, given_by_us, UUID(payment_id)) == 1500


async def test_of_many_refunds_by_hand_none_is_overlooked(shop: Shop):
    """Stripe lists them in pages. We have heard of none, and ask only for what is left."""
    held, payment_id = await paid(shop)
    for _ in range(3):
        shop.peer.refund_by_hand(payment_id, 1000)
    refund_id = await refund(shop, held, amount=3000)

    await give_back(shop, payment_id, refund_id)

    assert await states(shop, held) == [(3000, "DONE")]
    assert refunds_at_stripe(shop, payment_id) == [1000, 1000, 1000, 2000]


async def test_a_refund_by_hand_that_fails_is_for_whoever_made_it(shop: Shop):
    held, payment_id = await paid(shop)
    made = shop.peer.refund_by_hand(payment_id, 1200)
    failed = shop.peer.fail_refund(shop.peer.refunds[-1]["id"])
    unheard = shop.peer.refund_by_hand(payment_id, 700)
    unheard_failed = shop.peer.fail_refund(shop.peer.refunds[-1]["id"])
    for event in (made, failed, made, unheard_failed, unheard):
        assert await shop.tell(event) == 204
    assert await states(shop, held) == [(1200, "FAILED")]
    assert await accounts(shop, held) == {"PROVIDER": 5000, "BUYER": -1200, "ORGANIZER": -3800}


async def test_by_hand_and_by_us_together_it_is_never_more_than_was_captured(shop: Shop):
    """Seen to fail without the payment's lock: the second took what the first had taken already.

    PostgreSQL refused it then (`a_refund_is_never_more_than_was_captured`), and Stripe was told 500.
    """
    held, payment_id = await paid(shop)
    event = shop.peer.refund_by_hand(payment_id, 3000)
    async with shop.parts.db.transaction() as tx:
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        await lock_payment(tx, held.show.event_id, UUID(payment_id))
        ours = beside(refund(shop, held, amount=3000))
        await wait_until_it_waits(tx, holder, ours)
        told = beside(shop.tell(event))
        async with asyncio.timeout(10):
            while await tx.get(int, "SELECT count(*) FROM pg_locks WHERE NOT granted") < 2:
                await asyncio.sleep(0.01)

    assert await told == 204
    await give_back(shop, payment_id, await ours)
    assert sorted(await states(shop, held)) == [(2000, "DONE"), (3000, "DONE")]
    assert sum(refunds_at_stripe(shop, payment_id)) == 5000
    assert await accounts(shop, held) == {}
