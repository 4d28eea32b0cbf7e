"""The refunds of the simulation's bank: ours, those that somebody makes by hand, and those that fail."""

import random
from collections.abc import Container
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import event_of
from boxoffice.payments.provider import DisputeState, DueRefund, NotRefundable, RefundFact

if TYPE_CHECKING:
    from simulation.bank import Bank

# Of so many keys no answer but a fault is kept, whether the refund was made or not.
_FAULT_KEPT = 0.05

# So many reports of refunds nobody ever hears.
_SILENT = 0.3

# So many that fail do so for good: another attempt would hear the same.
_FINAL = 0.4

# So many by hand are all that is there, and so many fail before anybody has heard of them.
_WHOLE, _FAILS_AT_ONCE = 0.3, 0.2


class Refund(msgspec.Struct):
    """What went back of a payment; without a `refund_id` of ours, by hand."""

    reference: str
    payment_id: UUID
    amount: int
    refund_id: UUID | None = None
    failure: str | None = None
    is_final: bool = False


class Refunds:
    """All of them, and what was answered to which key: a repetition is answered the same, come what may."""

    def __init__(self, bank: "Bank", seed: int) -> None:
        self.made: list[Refund] = []
        self._bank = bank
        self._chance = random.Random(f"{seed}:refunds")
        self._answers: dict[UUID, tuple[int, RefundFact | Exception]] = {}

    def of(self, payment_id: UUID) -> list[Refund]:
        """What went back of a payment and has not come back."""
        return [each for each in self.made if each.payment_id == payment_id and each.failure is None]

    def facts(self, till: str) -> list[RefundFact]:
        """What a till says of its refunds, those that failed included."""
        return [self._fact(each) for each in self.made if self._bank.visits[each.payment_id].provider == till]

    def give_back(self, due: DueRefund) -> RefundFact | None:
        """As a shop that looks at what is there first, and asks for the rest under the attempt's key."""
        there = self.of(due.payment_id)
        if made := next((each for each in there if each.refund_id == due.refund_id), None):
            return self._fact(made)
        left = self._bank.captured[due.payment_id].amount - sum(each.amount for each in there)
        amount, key = min(due.amount, left), due.attempt_id or due.refund_id
        if amount <= 0:
            return None
        before, answer = self._answers.get(key, (amount, None))
        if before != amount:
            raise NotRefundable("the key of another amount", passes=True)
        if answer is None:
            answer = self._answer(due, amount)
            self._answers[key] = (amount, answer)
            self._bank.lose_the_answer()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _answer(self, due: DueRefund, amount: int) -> RefundFact | Exception:
        kept = self._bank.kept(due.payment_id)
        if amount > kept:
            passes = any(
                each.payment_id == due.payment_id and each.state is not DisputeState.WON
                for each in self._bank.disputes
            )
            return NotRefundable(f"the bank has {kept} of {due.payment_id}, not {amount}", passes=passes)
        is_kept = self._chance.random() < _FAULT_KEPT
        fault = Unavailable("The bank has a fault.")
        if is_kept and self._chance.random() < 0.5:
            return fault
        made = self._make(due.payment_id, amount, due.refund_id)
        return fault if is_kept else self._fact(made)

    def make_by_hand(self, event_id: int, step: int, chance: random.Random) -> Refund | None:
        """Somebody gives back what is there of a payment, all of it or a part, without us."""
        found = [id_ for id_ in self._bank.captured if event_of(id_) == event_id and self._bank.kept(id_) > 0]
        if not found:
            return None
        payment_id = chance.choice(found)
        kept = self._bank.kept(payment_id)
        amount = kept if chance.random() < _WHOLE else chance.randrange(1, kept + 1)
        made = self._make(payment_id, amount, None, step)
        if chance.random() < _FAILS_AT_ONCE:
            self._fail(made, step, chance)
        return made

    def fail(
        self, event_id: int, known_by_hand: Container[str], step: int, chance: random.Random
    ) -> Refund | None:
        """A bank sends one of them back; of those by hand one that is known."""
        found = [
            each
            for each in self.made
            if each.failure is None
            and event_of(each.payment_id) == event_id
            and (each.refund_id is not None or each.reference in known_by_hand)
        ]
        if not found:
            return None
        failed = chance.choice(found)
        self._fail(failed, step, chance)
        return failed

    def _fail(self, refund: Refund, step: int, chance: random.Random) -> None:
        refund.is_final = chance.random() < _FINAL
        refund.failure = "expired_or_canceled_card" if refund.is_final else "declined"
        self._report(refund, step)

    def _make(self, payment_id: UUID, amount: int, refund_id: UUID | None, step: int = 0) -> Refund:
        made = Refund(f"re-{len(self.made)}-{payment_id}", payment_id, amount, refund_id)
        self.made.append(made)
        self._report(made, step)
        return made

    def _report(self, refund: Refund, step: int) -> None:
        """As it is now; it may come after what is true by then."""
        if self._chance.random() >= _SILENT:
            self._bank.report_of(refund.payment_id, self._fact(refund), step, self._chance)

    def _fact(self, refund: Refund) -> RefundFact:
        return RefundFact(
            refund.reference,
            self._bank.reference_of(refund.payment_id),
            refund.amount,
            self._bank.captured[refund.payment_id].currency,
            refund.refund_id,
            refund.failure,
            refund.is_final,
        )
