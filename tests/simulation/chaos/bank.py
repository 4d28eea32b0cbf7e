"""The bank of the chaos run: Stripe's API over HTTP, with true books and bad manners.

Of its answers some are lost after it has acted, some are 429 or 500, and of a few keys nothing but a 500 is
kept. Of its webhooks some are repeated, some come only after the hold is over, a few never; the rest come in
any order. Some of its refunds are sent back by the buyers' banks.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from boxoffice.payments.stripe.provider import REPETITIONS_MAX
from payments.stripe_peer import Answer, Fault, StripePeer, signed
from simulation.chaos.front import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, Front

# Of a hundred calls.
_LOST = 0.05
_BUSY = 0.02
_BROKEN = 0.02

# Of so many idempotency keys a 500 is kept, whether it was done or not; of refunds, again, more.
_KEPT, _KEPT_REFUNDS = 0.005, 0.04

# Of so many idempotency keys the answers are lost again and again: one time more than the SDK tries by
# itself, so that a job has to come back with the same key. Of refunds more: there are fewer of them.
_UNLUCKY, _UNLUCKY_REFUNDS = 0.03, 0.3
_LOST_IN_A_ROW = REPETITIONS_MAX + 2

# Of a hundred webhooks. Those that never come have to be found by asking; those of disputes and refunds, of
# which there are fewer, by comparing the books.
_REPEATED = 0.20
_LATE = 0.10
_NEVER, _NEVER_AFTERWARDS = 0.02, 0.2
_AFTERWARDS = ("charge.dispute.", "refund.")

# So many of our refunds are sent back, within so long, some of them for good.
_SENT_BACK, _SENT_BACK_SECONDS, _FOR_GOOD = 0.1, 2.0, 0.4

# What is younger than ten minutes is not compared: this bank's clock is slow, so that all of it is.
_SLOW_BY = 900

# Webhooks come within so long, in any order.
_SPREAD_SECONDS = 1.5


class Bank(StripePeer):
    """Its books; `url` is where it answers. Safe to use from the loop while its threads answer."""

    page_length = 100
    slow_by = _SLOW_BY

    def __init__(self, seed: int, *, has_unlucky_keys: bool = True) -> None:
        super().__init__()
        self._has_unlucky_keys = has_unlucky_keys
        self._lost_again: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._chance = random.Random(f"{seed}:calls")
        self._of_payment: dict[str, dict[str, Any]] = {}
        self._tell: Callable[[dict[str, Any]], object] = lambda _event: None
        self._later: Callable[[float, Callable[[], None]], object] = lambda _seconds, _act: None
        # Refunds that are going to be sent back.
        self.sent_back_soon = 0

    def report_to(self, tell: Callable[[dict[str, Any]], object]) -> None:
        """Have each event told, on the loop that is running now."""
        loop = asyncio.get_running_loop()
        self._tell = lambda event: loop.call_soon_threadsafe(tell, event)
        self._later = lambda seconds, act: loop.call_soon_threadsafe(loop.call_later, seconds, act)

    def next_fault(self, key: str | None) -> Fault | None:
        """Drawn for each call; of some keys the first answers are lost one after the other."""
        with self._lock:
            self.counts["calls"] += 1
            is_refund = key is not None and key.startswith("refund-")
            if key is not None and key not in self._lost_again:
                share = _UNLUCKY_REFUNDS if is_refund else _UNLUCKY
                is_unlucky = self._has_unlucky_keys and self._chance.random() < share
                self._lost_again[key] = _LOST_IN_A_ROW if is_unlucky else 0
            if key is not None and self._lost_again[key]:
                self._lost_again[key] -= 1
                fault = Fault.LOST
            elif key is not None and self._chance.random() < (_KEPT_REFUNDS if is_refund else _KEPT):
                fault = self._chance.choice((Fault.KEPT, Fault.KEPT_AND_DONE))
            else:
                fault = self._chance.choices(
                    (Fault.LOST, Fault.BUSY, Fault.BROKEN, None),
                    (_LOST, _BUSY, _BROKEN, 1 - _LOST - _BUSY - _BROKEN),
                )[0]
            if fault is not None:
                self.counts[f"calls {fault.name.lower()}"] += 1
            return fault

    def intent_of(self, payment_id: str) -> dict[str, Any]:
        """The intent that was made for our payment."""
        return self._of_payment[payment_id]

    def pay_or_not(self, payment_id: str, method: str) -> bool:
        """The buyer pays; False where nobody can pay any more."""
        with self._lock:
            if self.intent_of(payment_id)["status"] != "requires_payment_method":
                return False
            self.pay(payment_id, method=method)
            return True

    def refuse_card(self, payment_id: str) -> None:
        """The buyer's first card is declined."""
        with self._lock:
            self.decline(payment_id)

    def charged(self, intent: dict[str, Any]) -> int:
        """What the bank has taken from the buyer, in cents."""
        return intent["amount_received"]

    def kept(self, intent: dict[str, Any]) -> int:
        """What it has for us of an intent, in cents."""
        dispute = self.disputes.get(intent["id"])
        is_disputed = dispute is not None and dispute["status"] != "won"
        taken = dispute["amount"] if dispute is not None and is_disputed else 0
        return self.charged(intent) - self.given_back().get(intent["id"], 0) - taken

    def dispute_whole(self, payment_id: str) -> bool:
        """The buyer's bank takes all of it; False where there is nothing, or not all any more."""
        with self._lock:
            intent = self.intent_of(payment_id)
            if not intent["amount_received"] or self.kept(intent) != intent["amount_received"]:
                return False
            self.dispute(payment_id, "needs_response")
            self.counts["disputes"] += 1
            return True

    def decide(self, payment_id: str, *, is_lost: bool) -> None:
        """The bank decides, for the buyer or for us."""
        with self._lock:
            self.dispute(payment_id, "lost" if is_lost else "won")
            self.counts["disputes lost"] += is_lost

    def give_by_hand(self, payment_id: str, amount: int | None) -> bool:
        """Somebody gives back in the dashboard, so much or all; False where not all is there, or not yet."""
        with self._lock:
            intent = self.intent_of(payment_id)
            if not intent["amount_received"] or self.kept(intent) != intent["amount_received"]:
                return False
            form = {} if amount is None else {"amount": str(amount)}
            is_done = self.give_back(intent, form)[0] == 200
            self.counts["refunds by hand"] += is_done
            return is_done

    def given_back(self) -> dict[str, int]:
        """What has gone back and has not come back, by intent."""
        given: Counter[str] = Counter()
        for refund in list(self.refunds):
            given[refund["payment_intent"]] += refund["amount"] if refund["status"] == "succeeded" else 0
        return given

    def _open(self, form: dict[str, str]) -> Answer:
        status, intent = super()._open(form)
        if status == 200:
            self._of_payment[intent["metadata"]["boxoffice_payment_id"]] = intent
        return status, intent

    def _happened(self, kind: str, intent: dict[str, Any]) -> dict[str, Any]:
        event = super()._happened(kind, intent)
        self._tell(event)
        is_ours = kind == "refund.created" and intent["metadata"]
        if is_ours and self._chance.random() < _SENT_BACK:
            self.sent_back_soon += 1
            seconds = self._chance.random() * _SENT_BACK_SECONDS
            self._later(seconds, lambda: self._send_back(intent["id"]))
        return event

    def _send_back(self, reference: str) -> None:
        with self._lock:
            is_final = self._chance.random() < _FOR_GOOD
            self.fail_refund(reference, "expired_or_canceled_card" if is_final else "declined")
            self.counts["refunds sent back"] += 1
            self.sent_back_soon -= 1


class Postman:
    """Brings the bank's events to whichever server lives, until each is heard."""

    def __init__(self, front: Front, seed: int, hold_seconds: int) -> None:
        self.counts: Counter[str] = Counter()
        self._front = front
        self._hold_seconds = hold_seconds
        self._chance = random.Random(f"{seed}:webhooks")
        self._rounds: set[asyncio.Task[None]] = set()
        self._is_over = False

    def take(self, event: dict[str, Any]) -> None:
        """Have it delivered, some time, some times."""
        if self._is_over:
            return
        chance = self._chance
        self.counts["webhooks"] += 1
        is_afterwards = event["type"].startswith(_AFTERWARDS)
        if chance.random() < (_NEVER_AFTERWARDS if is_afterwards else _NEVER):
            self.counts["webhooks of disputes and refunds never sent"] += is_afterwards
            self.counts["webhooks never sent"] += 1
            return
        seconds = chance.random() * _SPREAD_SECONDS
        if chance.random() < _LATE:
            self.counts["webhooks after the hold"] += 1
            seconds += self._hold_seconds
        delays = [seconds]
        if chance.random() < _REPEATED:
            self.counts["webhooks repeated"] += 1
            delays += [seconds * chance.random() * 2 for _ in range(chance.choice((1, 1, 2)))]
        for delay in delays:
            self._rounds.add(asyncio.create_task(self._deliver(event, delay)))

    def on_the_way(self) -> int:
        """How many deliveries have not been heard; raises what one of them has met."""
        for task in [each for each in self._rounds if each.done()]:
            self._rounds.remove(task)
            task.result()
        return len(self._rounds)

    async def stop(self) -> None:
        """Deliver nothing more."""
        self._is_over = True
        for task in self._rounds:
            task.cancel()
        await asyncio.gather(*self._rounds, return_exceptions=True)

    async def _deliver(self, event: dict[str, Any], delay: float) -> None:
        await asyncio.sleep(delay)
        pause = PAUSE_SECONDS_MIN
        while True:
            body, signature = signed(event)
            try:
                answer = await self._front.post(
                    "/payment-events/stripe", content=body, headers={"Stripe-Signature": signature}
                )
            except httpx.TransportError:
                self.counts["webhooks tried again"] += 1
            else:
                if answer.is_success:
                    return
                self._front.expect(answer, 503)
            await asyncio.sleep(pause)
            pause = min(2 * pause, PAUSE_SECONDS_MAX)
