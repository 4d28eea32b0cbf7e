"""The bank of the chaos run: Stripe's API over HTTP, with true books and bad manners.

Of its answers some are lost after it has acted, some are 429 or 500. Of its webhooks some are repeated, some
come only after the hold is over, a few never; the rest come in any order.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx

from boxoffice.payments.stripe import REPETITIONS_MAX
from payments.stripe_peer import Answer, Fault, StripePeer, signed
from simulation.chaos.front import PAUSE_SECONDS_MAX, PAUSE_SECONDS_MIN, Front

# Of a hundred calls.
_LOST = 0.05
_BUSY = 0.02
_BROKEN = 0.02

# Of so many idempotency keys the answers are lost again and again: one time more than the SDK tries by
# itself, so that a job has to come back with the same key. Of refunds more: there are fewer of them.
_UNLUCKY, _UNLUCKY_REFUNDS = 0.03, 0.3
_LOST_IN_A_ROW = REPETITIONS_MAX + 2

# Of a hundred webhooks. Those that never come have to be found by asking.
_REPEATED = 0.20
_LATE = 0.10
_NEVER = 0.02

# Webhooks come within so long, in any order.
_SPREAD_SECONDS = 1.5


class Bank(StripePeer):
    """Its books; `url` is where it answers. Safe to use from the loop while its threads answer."""

    def __init__(self, seed: int, *, has_unlucky_keys: bool = True) -> None:
        super().__init__()
        self._has_unlucky_keys = has_unlucky_keys
        self._lost_again: dict[str, int] = {}
        self.counts: Counter[str] = Counter()
        self._chance = random.Random(f"{seed}:calls")
        self._of_payment: dict[str, dict[str, Any]] = {}
        self._tell: Callable[[dict[str, Any]], object] = lambda _event: None

    def report_to(self, tell: Callable[[dict[str, Any]], object]) -> None:
        """Have each event told, on the loop that is running now."""
        loop = asyncio.get_running_loop()
        self._tell = lambda event: loop.call_soon_threadsafe(tell, event)

    def next_fault(self, key: str | None) -> Fault | None:
        """Drawn for each call; of some keys the first answers are lost one after the other."""
        with self._lock:
            self.counts["calls"] += 1
            if key is not None and key not in self._lost_again:
                share = _UNLUCKY_REFUNDS if key.startswith("refund-") else _UNLUCKY
                is_unlucky = self._has_unlucky_keys and self._chance.random() < share
                self._lost_again[key] = _LOST_IN_A_ROW if is_unlucky else 0
            if key is not None and self._lost_again[key]:
                self._lost_again[key] -= 1
                fault = Fault.LOST
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

    def given_back(self) -> dict[str, int]:
        """What has gone back, by intent."""
        given: Counter[str] = Counter()
        for refund in list(self.refunds):
            given[refund["payment_intent"]] += refund["amount"]
        return given

    def _open(self, form: dict[str, str]) -> Answer:
        status, intent = super()._open(form)
        if status == 200:
            self._of_payment[intent["metadata"]["boxoffice_payment_id"]] = intent
        return status, intent

    def _happened(self, kind: str, intent: dict[str, Any]) -> dict[str, Any]:
        event = super()._happened(kind, intent)
        self._tell(event)
        return event


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
        if chance.random() < _NEVER:
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
