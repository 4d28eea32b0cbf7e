"""Those who buy, and the organizer, who gives some of it back."""

import asyncio
import heapq
import random
import time
from collections import Counter, deque
from collections.abc import Sequence
from uuid import UUID

import msgspec

from boxoffice.accounts.identity import Role
from shows import Show
from simulation.chaos.bank import Bank
from simulation.chaos.front import Front
from simulation.chaos.plan import AMOUNT_BACK, Habits, Plan, habits_of

# Whoever loses the places again and again, to other buyers or to servers that are down, gives up.
_TRIES_MAX = 30

# Late buyers come so long after their hold is over.
_DAWDLING_SECONDS_MAX = 3.0

# How often late buyers' seats go to somebody else, where that can be.
_TAKEN_AGAIN = 0.7

# The organizer looks again until the money is there that is to go back.
_LOOK_AGAIN_SECONDS = 1.0
_LOOKS_MAX = 150


class Pair(msgspec.Struct, frozen=True, order=True):
    """Two neighbouring seats of a show."""

    event_id: int
    first: int

    @property
    def seat_ids(self) -> list[int]:
        """Their numbers."""
        return [self.first, self.first + 1]


class Told(msgspec.Struct):
    """What a buyer was told, and has done: nothing of ours can change it."""

    buyer_id: int
    booking_id: UUID
    pair: Pair
    total: int
    # Every payment of this booking at which its buyer has really paid.
    paid: list[str]
    # What the organizer was told goes back of it while the booking stays.
    amount_back: int = 0
    is_given_back: bool = False


class _Held(msgspec.Struct):
    class Total(msgspec.Struct):
        amount: int

    id: UUID
    total: "_Held.Total"


class _Started(msgspec.Struct):
    id: str


class Crowd:
    """All buyers of the run, and what they know."""

    def __init__(
        self, plan: Plan, front: Front, bank: Bank, shows: Sequence[Show], buyer_ids: Sequence[int]
    ) -> None:
        self.plan = plan
        self.counts: Counter[str] = Counter()
        self.told: dict[UUID, Told] = {}
        self.cancelled: set[int] = set()
        self._front, self._bank = front, bank
        self._organizers = {show.event_id: show.organizer_id for show in shows}
        self._buyer_ids = buyer_ids
        self._fresh: deque[Pair] = deque()
        self._left: list[tuple[float, Pair]] = []
        self._afterwards: set[asyncio.Task[None]] = set()
        self._next = iter(range(plan.bookings))

    def offer(self, pairs: Sequence[Pair]) -> None:
        """What there is to buy, in the order in which it is tried."""
        self._fresh.extend(pairs)

    async def buy_everything(self) -> None:
        """Return once every buyer has paid, or given up. Raises `Surprise`."""
        async with asyncio.TaskGroup() as group:
            for _ in range(self.plan.buyers_at_once):
                group.create_task(self._one_after_the_other())

    async def wait_for_the_organizer(self) -> None:
        """Return once everything was given back that is to be."""
        await asyncio.gather(*self._afterwards)

    async def stop(self) -> None:
        """Nobody does anything more."""
        for task in self._afterwards:
            task.cancel()
        await asyncio.gather(*self._afterwards, return_exceptions=True)

    async def cancel_show(self, event_id: int) -> None:
        """The organizer cancels a show; nobody tries to buy there any more."""
        self.cancelled.add(event_id)
        organizer_id = self._organizers[event_id]
        answer = await self._front.ask(
            "POST", f"/events/{event_id}/cancel", organizer_id, role=Role.ORGANIZER
        )
        self._front.expect(answer, 200, 201, 202)

    async def _one_after_the_other(self) -> None:
        for number in self._next:
            habits = habits_of(self.plan, number)
            for attempt in range(_TRIES_MAX):
                if await self._buy(number, attempt, habits):
                    self.counts["bookings paid"] += 1
                    break
            else:
                self.counts["buyers who gave up"] += 1

    async def _buy(self, number: int, attempt: int, habits: Habits) -> bool:
        buyer_id, pair = self._buyer_ids[number], self._choose(habits.chance)
        key = f"{self.plan.seed}-{number}-{attempt}"
        answer = await self._front.ask(
            "POST", "/bookings", buyer_id, body={"event_id": pair.event_id, "seat_ids": pair.seat_ids},
            key=key,
        )  # fmt: skip
        self._front.expect(answer, 201, 409)
        if answer.status_code == 409:
            self.counts["holds refused"] += 1
            return False
        held = msgspec.json.decode(answer.content, type=_Held)
        told = self.told[held.id] = Told(buyer_id, held.id, pair, held.total.amount, [])
        over_at = time.monotonic() + self.plan.hold_seconds
        # Who has two windows open may get a payment in each.
        windows = 2 if habits.pays_twice else 1
        payments = await asyncio.gather(*[self._start(told) for _ in range(windows)])
        started = [payment for payment in dict.fromkeys(payments) if payment is not None]
        if not started:
            self.counts["holds over before a payment"] += 1
            heapq.heappush(self._left, (over_at, pair))
            return False
        if habits.is_declined_first:
            self.counts["cards declined"] += 1
            self._bank.refuse_card(started[0])
        if habits.is_late:
            heapq.heappush(self._left, (over_at, pair))
            await asyncio.sleep(over_at + habits.chance.random() * _DAWDLING_SECONDS_MAX - time.monotonic())
            self.counts["buyers who paid late"] += 1
        told.paid = [each for each in started if self._bank.pay_or_not(each, habits.method)]
        if len(told.paid) > 1:
            self.counts["buyers who paid twice"] += 1
        self._think_of_the_organizer(told, habits)
        return bool(told.paid)

    def _choose(self, chance: random.Random) -> Pair:
        while self._left and self._left[0][0] <= time.monotonic():
            pair = heapq.heappop(self._left)[1]
            if pair.event_id not in self.cancelled and chance.random() < _TAKEN_AGAIN:
                return pair
        while True:
            pair = self._fresh.popleft()
            if pair.event_id not in self.cancelled:
                return pair

    async def _start(self, told: Told) -> str | None:
        """The id of the payment; None when the hold was over."""
        answer = await self._front.ask(
            "POST", f"/bookings/{told.booking_id}/payments", told.buyer_id, body={"provider": "stripe"}
        )
        self._front.expect(answer, 201, 409)
        if answer.status_code == 409:
            return None
        return msgspec.json.decode(answer.content, type=_Started).id

    def _think_of_the_organizer(self, told: Told, habits: Habits) -> None:
        if told.paid and (habits.gets_amount_back or habits.gets_all_back):
            amount = AMOUNT_BACK if habits.gets_amount_back else None
            self._afterwards.add(asyncio.create_task(self._give_back(told, amount)))

    async def _give_back(self, told: Told, amount: int | None) -> None:
        """As soon as there is something to give back; never, where the money went back by itself."""
        organizer_id = self._organizers[told.pair.event_id]
        body = {"reason": "A poor view."} | ({} if amount is None else {"amount": amount})
        for _ in range(_LOOKS_MAX):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            answer = await self._front.ask(
                "POST", f"/bookings/{told.booking_id}/refunds", organizer_id, role=Role.ORGANIZER, body=body,
                key=f"back-{told.booking_id}",
            )  # fmt: skip
            self._front.expect(answer, 201, 409)
            if answer.status_code == 201:
                self.counts["amounts given back" if amount else "bookings given back"] += 1
                told.amount_back += amount or 0
                told.is_given_back |= amount is None
                return
            if self._is_over(told):
                return

    def _is_over(self, told: Told) -> bool:
        """Whether the bank says that all of it has gone back, or was never taken."""
        given = self._bank.given_back()
        intents = [self._bank.intent_of(each) for each in told.paid]
        return all(
            intent["status"] == "canceled"
            or (intent["amount_received"] and given.get(intent["id"], 0) == intent["amount_received"])
            for intent in intents
        )
