"""Those who buy, and who takes some of it back: the organizer, buyers, their banks."""

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
from simulation.chaos.plan import AMOUNT_BACK, LOST, SHARE_PERCENT, Afterwards, Habits, Plan, habits_of
from simulation.stage import FailedRefund

# Whoever loses the places again and again, to other buyers or to servers that are down, gives up.
_TRIES_MAX = 30

# A bank has decided after half a hold at most.
_UNDECIDED_HOLDS_MAX = 0.5

# Late buyers come so long after their hold is over.
_DAWDLING_SECONDS_MAX = 3.0

# How often late buyers' seats go to somebody else, where that can be.
_TAKEN_AGAIN = 0.7

# The organizer looks again until the money is there that is to go back.
_LOOK_AGAIN_SECONDS = 1.0

# So many refunds that failed for good the organizer gives otherwise.
_OTHERWISE = 0.5
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
    # What somebody was told goes back of it.
    has_back: Afterwards | None = None

    @property
    def is_given_back(self) -> bool:
        """Whether all of it was, by the organizer."""
        return self.has_back is Afterwards.ALL_BACK

    @property
    def share_back(self) -> int:
        """What goes back of what was paid, while the rest is kept; of two places either costs the same."""
        match self.has_back:
            case Afterwards.AMOUNT_BACK | Afterwards.BY_HAND:
                return AMOUNT_BACK
            case Afterwards.PLACE_BACK:
                return self.total // 2
            case Afterwards.GIVEN_UP:
                return self.total * SHARE_PERCENT // 100
            case _:
                return 0

    @property
    def seats_left(self) -> int:
        """How many of its seats it still has, if it has any."""
        return len(self.pair.seat_ids) - (self.has_back is Afterwards.PLACE_BACK)


class _Held(msgspec.Struct):
    class Total(msgspec.Struct):
        amount: int

    id: UUID
    total: "_Held.Total"


class _Started(msgspec.Struct):
    id: str
    client_secret: str


class Crowd:
    """All buyers of the run, and what they know."""

    def __init__(
        self, plan: Plan, front: Front, bank: Bank, shows: Sequence[Show], buyer_ids: Sequence[int]
    ) -> None:
        self.plan = plan
        self.counts: Counter[str] = Counter()
        self.told: dict[UUID, Told] = {}
        self.cancelled: set[int] = set()
        # What the bank still has of payments, and the organizer has given otherwise.
        self.settled: Counter[UUID] = Counter()
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

    async def wait_for_what_comes_back(self) -> None:
        """Return once everything was taken back that is to be."""
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
        self._think_of_afterwards(told, habits)
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
        started = msgspec.json.decode(answer.content, type=_Started)
        # A buyer pays with the secret: what the bank knows under the payment's id has to be what it opens.
        assert self._bank.intent_of(started.id)["client_secret"] == started.client_secret
        return started.id

    def _think_of_afterwards(self, told: Told, habits: Habits) -> None:
        if told.paid and habits.afterwards is not None:
            self._afterwards.add(asyncio.create_task(self._take_back(told, habits.afterwards)))

    async def _take_back(self, told: Told, what: Afterwards) -> None:
        """As soon as there is something to take back; never, where the money went back by itself."""
        for _ in range(_LOOKS_MAX):
            await asyncio.sleep(_LOOK_AGAIN_SECONDS)
            match what:
                case Afterwards.GIVEN_UP:
                    is_done = await self._give_up(told)
                case Afterwards.DISPUTED:
                    is_done = await self._dispute(told)
                case Afterwards.BY_HAND | Afterwards.ALL_BY_HAND:
                    is_done = self._give_by_hand(told, what)
                case _:
                    is_done = await self._give_back(told, what)
            if is_done:
                self.counts[f"afterwards {what.name.lower().replace('_', ' ')}"] += 1
                return
            if self._is_over(told):
                return

    async def _give_back(self, told: Told, what: Afterwards) -> bool:
        """The organizer gives back: an amount, one of the two places, or the booking."""
        wanted = {
            Afterwards.AMOUNT_BACK: {"amount": AMOUNT_BACK},
            Afterwards.PLACE_BACK: {"places": {"seat_ids": [told.pair.first]}},
        }.get(what, {})
        organizer_id = self._organizers[told.pair.event_id]
        answer = await self._front.ask(
            "POST", f"/bookings/{told.booking_id}/refunds", organizer_id, role=Role.ORGANIZER,
            body={"reason": "A poor view."} | wanted, key=f"back-{told.booking_id}",
        )  # fmt: skip
        self._front.expect(answer, 201, 409)
        if answer.status_code == 409:
            return False
        told.has_back = what
        return True

    def _give_by_hand(self, told: Told, what: Afterwards) -> bool:
        """Somebody of the organizer's gives back at the bank without us, what was paid once."""
        amount = AMOUNT_BACK if what is Afterwards.BY_HAND else None
        if len(told.paid) > 1 or not self._bank.give_by_hand(told.paid[0], amount):
            return False
        told.has_back = what
        return True

    async def decide_refunds(self, failed: Sequence[FailedRefund]) -> None:
        """The organizer decides about refunds that failed for good: again, or given otherwise."""
        for each in failed:
            what = (
                "settle" if self._front.chance.random() < _OTHERWISE and not each.is_by_hand else "try-again"
            )
            path = f"/bookings/{each.booking_id}/refunds/{each.id}/{what}"
            answer = await self._front.ask("POST", path, self._organizers[each.event_id], role=Role.ORGANIZER)
            self._front.expect(answer, 200, 409)
            if answer.status_code == 200:
                self.counts[f"failed refunds {what}"] += 1
            if answer.status_code == 200 and what == "settle":
                self.settled[each.payment_id] += answer.json()["amount"]["amount"]

    async def _give_up(self, told: Told) -> bool:
        """The buyer cancels, once it is paid for: before, there would be no share."""
        path = f"/bookings/{told.booking_id}"
        if (await self._front.ask("GET", path, told.buyer_id)).json()["state"] != "CONFIRMED":
            return False
        answer = await self._front.ask("POST", f"{path}/cancel", told.buyer_id)
        self._front.expect(answer, 200, 409)
        if answer.status_code == 200:
            told.has_back = Afterwards.GIVEN_UP
        return answer.status_code == 200

    async def _dispute(self, told: Told) -> bool:
        """The buyer's bank takes all of a payment back, and decides after a while."""
        for payment_id in told.paid:
            if self._bank.dispute_whole(payment_id):
                await asyncio.sleep(
                    self._front.chance.random() * self.plan.hold_seconds * _UNDECIDED_HOLDS_MAX
                )
                self._bank.decide(payment_id, is_lost=self._front.chance.random() < LOST)
                return True
        return False

    def _is_over(self, told: Told) -> bool:
        """Whether the bank says that all of it has gone back, or was never taken."""
        intents = [self._bank.intent_of(each) for each in told.paid]
        return all(
            intent["status"] == "canceled" or (intent["amount_received"] and not self._bank.kept(intent))
            for intent in intents
        )
