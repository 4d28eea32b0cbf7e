"""The words in which the cases of money are told: what buyers, banks and organizers do, step by step.

A word is a step, or makes one; a step does something to a story. Where it asks us for something, it gives the
status of the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Container
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.catalog.cancelling import CancelledEvent
from boxoffice.inventory.calling_off import call_off
from boxoffice.kit.ids import new_id
from boxoffice.payments.provider import DisputeState, FactKind, NotRefundable
from boxoffice.payments.reconciliation.comparing import reconcile_refunds, reconcile_window
from boxoffice.payments.reconciliation.disputes import compare_disputes
from boxoffice.payments.refunds.facts import TAKE_BACK_JOB, TakeBackDue, carry_out_take_back
from payments.baskets import Basket, headers_of
from payments.case_banks import AtStripe, AtTheSandbox, Bank
from payments.case_end import settle
from payments.stripe_peer import Fault
from payments.stripe_shop import Shop
from shows import insert_user

PLACE = 2500
PRICE = 2 * PLACE


class Story:
    """A booking of seats 3 and 4, and what has happened to it so far.

    `payments` are those for it, with the bank that they are at. `news` has no bank told yet, `told` it has.
    """

    def __init__(self, shop: Shop, held: Basket, bank: str) -> None:
        banks: list[Bank] = [AtStripe(shop), AtTheSandbox(shop)]
        self.shop, self.held = shop, held
        self.bank, self.other = banks if bank == "stripe" else reversed(banks)
        self.payments: list[tuple[Bank, str]] = []
        self.news: list[tuple[Bank, Any]] = []
        self.told: list[tuple[Bank, Any]] = []

    @property
    def organizer(self) -> dict[str, str]:
        """The headers of who sells."""
        return headers_of(self.held.show.organizer_id, Role.ORGANIZER)

    @property
    def payment_id(self) -> str:
        """The payment that was begun last."""
        return self.payments[-1][1]

    async def post(self, path: str, body: Any, headers: dict[str, str]) -> int:
        """Ask us for something; the status of the answer."""
        return (await self.shop.client.post(path, json=body, headers=headers)).status_code

    async def change(self, statement: Any, *arguments: Any) -> None:
        """Have time go by, or a crash have been, in the tables."""
        async with self.shop.parts.db.transaction() as tx:
            await tx.execute(statement, *arguments)


Step = Callable[[Story], Awaitable[int | None]]


async def starts(story: Story) -> int:
    """The buyer begins to pay."""
    return await _start(story, story.bank)


async def starts_elsewhere(story: Story) -> int:
    """In another tab the buyer begins to pay at the other provider."""
    return await _start(story, story.other)


async def starts_twice(story: Story) -> None:
    """The buyer begins to pay, and anew while the first payment seems to be over."""
    await starts(story)
    state = "UPDATE payments SET state = $2 WHERE id = $1"
    await story.change(state, UUID(story.payment_id), "CANCELLED")
    assert await starts(story) == 201
    (_, first), (_, second) = story.payments[-2:]
    assert first != second
    await story.change(state, UUID(first), "PENDING")


async def _start(story: Story, bank: Bank) -> int:
    path, body = f"/bookings/{story.held.booking_id}/payments", {"provider": bank.provider.name}
    answer = await story.shop.client.post(path, json=body, headers=story.held.headers)
    if answer.is_success and (bank, answer.json()["id"]) not in story.payments:
        story.payments.append((bank, answer.json()["id"]))
    return answer.status_code


def captures(amount: int = PRICE, currency: str = "EUR", *, payment: int = -1) -> Step:
    """The buyer pays so much, and the bank takes it at once."""
    return _pays(amount, currency, FactKind.CAPTURED, payment)


def authorises(amount: int = PRICE, currency: str = "EUR", *, payment: int = -1) -> Step:
    """The buyer pays so much by card: it is ours for the asking."""
    return _pays(amount, currency, FactKind.AUTHORISED, payment)


def _pays(amount: int, currency: str, kind: FactKind, payment: int) -> Step:
    async def pay(story: Story) -> None:
        bank, payment_id = story.payments[payment]
        story.news.append((bank, await bank.pay(payment_id, amount, currency, kind)))

    return pay


async def declines(story: Story) -> None:
    """The card is not good."""
    bank, payment_id = story.payments[-1]
    story.news.append((bank, await bank.decline(payment_id)))


async def reports(story: Story) -> None:
    """The bank tells us all its news, in the order of their happening."""
    for bank, news in story.news:
        assert await bank.tell(news) == 204
    story.told += story.news
    story.news = []


async def reports_backwards(story: Story) -> None:
    """The bank tells us the last of it first."""
    story.news.reverse()
    await reports(story)


async def reports_all_again(story: Story) -> None:
    """The bank tells us ten times at once what it has told us before."""
    answers = await asyncio.gather(*[bank.tell(news) for bank, news in story.told * 10])
    assert set(answers) == {204}


async def reports_are_lost(story: Story) -> None:
    """We never hear of it."""
    story.news = []


async def runs_out(story: Story) -> None:
    """The hold is over: the event's clock is never behind the last change of its inventory."""
    event_id = story.held.show.event_id
    await story.change(
        "UPDATE inventories SET changed_at = now() + interval '11 minutes' WHERE event_id = $1", event_id
    )


async def an_hour_goes_by(story: Story) -> None:
    """Since the booking ended, or was paid for."""
    await story.change(
        "UPDATE bookings SET changed_at = now() - interval '61 minutes' WHERE id = $1", story.held.booking_id
    )


async def rival_takes_a_seat(story: Story) -> int:
    """Somebody else holds seat 4."""
    rival = headers_of(await insert_user(story.shop.parts.db))
    return await story.post("/bookings", {"event_id": story.held.show.event_id, "seat_ids": [4]}, rival)


async def gives_up_a_seat(story: Story) -> int:
    """The buyer exchanges two seats for one, before anything is paid."""
    path = f"/bookings/{story.held.booking_id}/exchange"
    return await story.post(path, {"give": {"seat_ids": [4]}}, story.held.headers)


async def buyer_cancels(story: Story) -> int:
    """The buyer wants none of it."""
    return await story.post(f"/bookings/{story.held.booking_id}/cancel", None, story.held.headers)


async def is_scanned(story: Story) -> int:
    """The holder of the ticket for seat 3 is at the gate: 200 when let in, 409 when not."""
    path = f"/bookings/{story.held.booking_id}/tickets"
    tickets = (await story.shop.client.get(path, headers=story.held.headers)).json()["items"]
    path, body = f"/events/{story.held.show.event_id}/check-ins", {"code": tickets[0]["code"]}
    answer = await story.shop.client.post(path, json=body, headers=story.organizer)
    return 200 if answer.json()["result"] == "ADMITTED" else 409


async def event_is_cancelled(story: Story) -> int:
    """The organizer cancels the event; its bookings are called off later."""
    return await story.post(f"/events/{story.held.show.event_id}/cancel", None, story.organizer)


async def is_called_off(story: Story) -> None:
    """The job comes to the bookings of the cancelled event."""
    job = msgspec.json.encode(CancelledEvent(story.held.show.event_id))
    await call_off(story.shop.parts.db, story.shop.parts.sales, job)


def organizer_gives(amount: int | None = None, *, seat: int | None = None) -> Step:
    """The organizer gives so much back, or what a seat cost with the seat, or the whole booking."""
    wanted: dict[str, Any] = {} if amount is None else {"amount": amount}
    if seat is not None:
        wanted["places"] = {"seat_ids": [seat]}

    async def give(story: Story) -> int:
        return await story.post(f"/bookings/{story.held.booking_id}/refunds", wanted, story.organizer)

    return give


def at_once(*steps: Step, succeed: Container[int]) -> Step:
    """All of them at the same moment: so many of them succeed, and the others are refused with 409."""

    async def do(story: Story) -> None:
        answers = await asyncio.gather(*[step(story) for step in steps])
        assert {answer for answer in answers if answer is not None} <= {200, 201, 409}, answers
        assert len(answers) - answers.count(409) in succeed, answers

    return do


def is_refused(step: Step) -> Step:
    """What is wanted cannot be had."""

    async def do(story: Story) -> None:
        assert await step(story) == 409

    return do


async def jobs_are_done(story: Story) -> None:
    """Captures and refunds that are due are carried out, each twice."""
    await settle(story)


async def is_asked_in_vain(story: Story) -> None:
    """The bank refuses a refund that is due, and would refuse it again under its key."""
    for _ in range(2):
        with pytest.raises(NotRefundable):
            await settle(story)


def sees(state: str, payment: str) -> Step:
    """Meanwhile the buyer sees the booking and its last payment like this."""

    async def look(story: Story) -> None:
        assert await story.shop.states(story.held, story.payment_id) == (state, payment)

    return look


async def authorisation_ends(story: Story) -> None:
    """The bank lets the authorised money go."""
    bank, payment_id = story.payments[-1]
    story.news.append((bank, await bank.let_go(payment_id)))


async def is_asked(story: Story) -> None:
    """We ask the bank what became of the payment."""
    await story.shop.ask(story.payment_id)


async def books_are_compared(story: Story) -> None:
    """We compare the bank's books with ours, twice."""
    bank, payment_id = story.payments[-1]
    since, parts = await bank.opened_at(payment_id), story.shop.parts
    for _ in range(2):
        await reconcile_window(parts.desk, parts.sales, bank.provider, since, since + timedelta(seconds=1))
        await reconcile_refunds(parts.db, bank.provider, since, datetime.now(UTC) + timedelta(hours=1))
        await _compare_disputes(story, since)


async def open_disputes_are_asked_about(story: Story) -> None:
    """We compare the bank's books with ours long after the dispute was opened, twice."""
    for _ in range(2):
        await _compare_disputes(story, datetime.now(UTC) + timedelta(minutes=59))


async def _compare_disputes(story: Story, since: datetime) -> None:
    provider, parts = story.payments[-1][0].provider, story.shop.parts
    until = datetime.now(UTC) + timedelta(hours=1)
    await compare_disputes(parts.desk, parts.sales, provider, since, until)


async def is_forgotten(story: Story) -> None:
    """We have died before the payment was written down."""
    await story.change("DELETE FROM payments WHERE id = $1", UUID(story.payment_id))


async def is_of_an_unknown_booking(story: Story) -> None:
    """What was paid carries a payment and a booking that there are not."""
    bank, news = story.news[-1]
    event_id = story.held.show.event_id
    story.news[-1] = (bank, bank.about_nothing(news, str(new_id(event_id)), str(new_id(event_id))))


def is_disputed(state: DisputeState = DisputeState.OPEN, amount: int | None = None) -> Step:
    """The buyer's bank disputes what was paid, or has decided."""

    async def dispute(story: Story) -> None:
        bank, payment_id = story.payments[-1]
        story.news.append((bank, await bank.dispute(payment_id, state, amount)))

    return dispute


# What happens at Stripe only.


async def funds_in_part(story: Story) -> None:
    """A part of a bank transfer has come, and Stripe keeps it for the buyer."""
    story.news.append((story.bank, story.shop.peer.fund_in_part(story.payment_id)))


async def card_fails_at_last(story: Story) -> None:
    """What was authorised turns out not to be there: to capture it will fail."""
    story.shop.peer.intent_of(story.payment_id)["declines_capture"] = True


async def tries_another_card(story: Story) -> None:
    """In the form that is still open the buyer tries to pay once more, if it is still open."""
    intent = story.shop.peer.intent_of(story.payment_id)
    if intent["status"] == "requires_payment_method":
        await captures()(story)


def is_captured_by_hand(amount: int) -> Step:
    """Somebody captures a part in Stripe's dashboard before we do."""

    async def take(story: Story) -> None:
        story.news.append((story.bank, story.shop.peer.capture_by_hand(story.payment_id, amount)))

    return take


async def carries_nothing(story: Story) -> None:
    """What was paid carries no id at all: it is another shop's."""
    bank, event = story.news[-1]
    story.news[-1] = (bank, {**event, "data": {"object": {**event["data"]["object"], "metadata": {}}}})


async def next_answer_is_lost(story: Story) -> None:
    """Stripe does what it is asked for next, and we never hear so."""
    story.shop.peer.faults.append(Fault.LOST)


def refund_fails(reason: str = "declined") -> Step:
    """The buyer's bank sends back what Stripe has given back last."""

    async def fail(story: Story) -> None:
        intent_id = story.shop.peer.intent_of(story.payment_id)["id"]
        made = [each["id"] for each in story.shop.peer.refunds if each["payment_intent"] == intent_id]
        story.news.append((story.bank, story.shop.peer.fail_refund(made[-1], reason)))

    return fail


async def organizer_gives_otherwise(story: Story) -> int:
    """The organizer says that what Stripe could not give back was given by bank transfer."""
    path = f"/bookings/{story.held.booking_id}/refunds"
    found = (await story.shop.client.get(path, headers=story.organizer)).json()["items"]
    [failed] = [each["id"] for each in found if each["state"] == "FAILED"]
    return await story.post(f"{path}/{failed}/settle", None, story.organizer)


def is_refunded_by_hand(amount: int) -> Step:
    """Somebody gives so much back in Stripe's dashboard."""

    async def give(story: Story) -> None:
        story.news.append((story.bank, story.shop.peer.refund_by_hand(story.payment_id, amount)))

    return give


async def refund_is_not_noted(story: Story) -> None:
    """Stripe has made the refund of the booking, and we have died before we noted it."""
    given = {"metadata[boxoffice_refund_id]": story.payment_id}
    story.shop.peer.give_back(story.shop.peer.intent_of(story.payment_id), given)


async def nobody_keeps_tickets(story: Story) -> None:
    """The job takes the booking back, where all of its money went back by hand or by a bank."""
    if await story.shop.queued(TAKE_BACK_JOB, str(story.held.booking_id)):
        job = msgspec.json.encode(TakeBackDue(story.held.booking_id))
        await carry_out_take_back(story.shop.parts.sales, job)
