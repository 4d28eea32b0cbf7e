"""The payment provider of the simulation: it takes money and reports it late, twice, or out of order.

Two of its tills capture at once. At the third, cards are authorised, and captured when we say so. Of what it
has kept it takes some back for buyers who dispute it, until it has decided. Refunds are in `bank_refunds.py`.
"""

import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.ids import event_of
from boxoffice.payments.provider import (
    Asked,
    Charge,
    DisputeFact,
    DisputeState,
    DueRefund,
    Fact,
    FactKind,
    Listed,
    NotCapturable,
    OpenCheckout,
    RefundFact,
)
from boxoffice.payments.queries import PaymentRow
from simulation.bank_refunds import Refunds

# A capture or a void fails so often at its first try, done or not; the job repeats it. Of so many refunds the
# answer is lost.
_CALL_FAILS = 0.1

# How often a bank takes back what it has authorised, and how often it never reports at all.
_GONE = 0.15
_SILENT = 0.1

# So many reports of disputes nobody ever hears, and so many disputes are older than what a bank lists.
_SILENT_DISPUTE, _OLD = 0.3, 0.2

# Steps between the buyer's click and a report: at once, soon, or after most holds are over.
_LATE_STEPS_MAX = 350

# So few at once that there are pages.
_LISTED_MAX = 30


class Report(msgspec.Struct):
    """A fact on its way to us: the bank repeats it until it is heard, and sometimes after that."""

    fact: Fact | DisputeFact | RefundFact
    event_id: int
    provider: str
    due_step: int
    times: int
    heard: int = 0
    tried: int = 0
    in_flight: bool = False


class Dispute(msgspec.Struct):
    """What the bank has taken back for a buyer, of what it had for us then.

    One that `is_old` is not listed; whoever knows of it can ask.
    """

    reference: str
    payment_id: UUID
    amount: int
    state: DisputeState = DisputeState.OPEN
    is_old: bool = False


class Till:
    """One provider of the bank, as a shop sees it. Its reports may be lost, so it can be asked."""

    def __init__(self, bank: "Bank", name: str) -> None:
        self.name = name
        self._bank = bank

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        return OpenCheckout(reference=reference_of(self.name, charge.payment_id), client_secret="secret")

    def read_report(self, headers: object, body: bytes) -> Fact:
        raise NotImplementedError("The simulation hands its facts over without HTTP.")

    async def ask(self, payment: Asked) -> Fact | None:
        return self._bank.state_of(payment.payment_id)

    async def capture(self, payment: Asked) -> None:
        self._bank.capture(payment.payment_id)

    async def give_back(self, refund: DueRefund) -> RefundFact | None:
        if refund.payment_id in self._bank.captured:
            return self._bank.refunds.give_back(refund)
        self._bank.void(refund.payment_id)
        return None

    async def close_checkout(self, payment: Asked) -> Fact | None:
        return self._bank.state_of(payment.payment_id)

    async def list_money(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[Listed], str | None]:
        return self._bank.list_money(self.name, after)

    async def list_disputes(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[DisputeFact], str | None]:
        return [
            self._bank.fact_of(each) for each in self._bank.disputes_at(self.name) if not each.is_old
        ], None

    async def ask_about_dispute(self, reference: str) -> DisputeFact | None:
        found = (each for each in self._bank.disputes_at(self.name) if each.reference == reference)
        return next(map(self._bank.fact_of, found), None)

    async def list_refunds(self, payment: Asked) -> list[RefundFact]:
        facts = self._bank.refunds.facts(self.name)
        return [fact for fact in facts if fact.payment_reference == payment.reference]

    async def list_refunds_made(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[RefundFact], str | None]:
        return self._bank.refunds.facts(self.name), None


class Bank:
    """Its books. Several tills, so that one booking can be paid twice."""

    def __init__(self, seed: int) -> None:
        self.tills = tuple(Till(self, name) for name in ("bank", "wallet", "card"))
        self.captured: dict[UUID, Fact] = {}
        # What was authorised, and of that what is void, and what the bank itself has taken back.
        self.authorised: dict[UUID, Fact] = {}
        self.void_ids: set[UUID] = set()
        self.gone: set[UUID] = set()
        self.refunds = Refunds(self, seed)
        self.disputes: list[Dispute] = []
        # Who was at the bank: for which booking, at which till.
        self.visits: dict[UUID, PaymentRow] = {}
        self.reports: list[Report] = []
        self._asked: set[tuple[str, UUID]] = set()
        self._chance = random.Random(f"{seed}:bank")

    def pay(self, payment: PaymentRow, step: int, chance: random.Random) -> None:
        """The buyer is at the bank: pays, pays something else, is declined first, or walks away."""
        kind = chance.choices(("right", "wrong", "currency", "declined", "never"), (70, 7, 3, 10, 10))[0]
        late = chance.choice((0, 0, 5, 60, _LATE_STEPS_MAX))
        times = chance.choice((1, 1, 2, 3))
        second_id = chance.random() < 0.2
        silent, gone = chance.random() < _SILENT, chance.random() < _GONE
        if kind == "never" or payment.id in self.captured or payment.id in self.authorised:
            return
        self.visits[payment.id] = payment
        if kind == "declined":
            self._report(payment, FactKind.DECLINED, step, 1, payment.amount, payment.currency, "d")
        amount = payment.amount + (1 if kind == "wrong" else 0)
        currency = "USD" if kind == "currency" else payment.currency
        at_once = payment.provider != "card"
        fact_kind, books = (
            (FactKind.CAPTURED, self.captured) if at_once else (FactKind.AUTHORISED, self.authorised)
        )
        if silent:
            times = 0
        books[payment.id] = self._report(payment, fact_kind, step + late, times, amount, currency, "a")
        if second_id and times:
            self._report(payment, fact_kind, step + late + 3, 1, amount, currency, "b")
        if gone and not at_once:
            self.gone.add(payment.id)
            self._report(payment, FactKind.CANCELLED, step + late + 1, 1, amount, currency, "g")

    def _report(
        self,
        payment: PaymentRow,
        kind: FactKind,
        step: int,
        times: int,
        amount: int,
        currency: str,
        mark: str,
    ) -> Fact:
        fact = Fact(f"{mark}-{payment.id}", kind, payment.id, amount, currency)
        self.reports.append(Report(fact, payment.event_id, payment.provider, step, times))
        return fact

    def kept(self, payment_id: UUID) -> int:
        """What it has for us of a payment: what came, less what went back or is disputed."""
        fact = self.captured.get(payment_id)
        return (fact.amount if fact else 0) - self.given_back(payment_id) - self.disputed(payment_id)

    def disputed(self, payment_id: UUID) -> int:
        """What of a payment is in the hands of the buyer's bank, or stays with the buyer."""
        return sum(
            each.amount
            for each in self.disputes
            if each.payment_id == payment_id and each.state is not DisputeState.WON
        )

    def list_money(self, till: str, after: str | None) -> tuple[list[Listed], str | None]:
        """What it has captured at a till, whenever that was, some at a time."""
        paid = [id_ for id_ in sorted(self.captured) if self.visits[id_].provider == till]
        page = [id_ for id_ in paid if after is None or str(id_) > after][:_LISTED_MAX]
        listed = [Listed(reference_of(till, id_), self.captured[id_]) for id_ in page]
        return listed, str(page[-1]) if len(page) == _LISTED_MAX else None

    def disputes_at(self, till: str) -> list[Dispute]:
        """All disputes of what was paid at a till."""
        return [each for each in self.disputes if self.visits[each.payment_id].provider == till]

    def given_back(self, payment_id: UUID) -> int:
        """What it has given back of a payment."""
        return sum(each.amount for each in self.refunds.of(payment_id))

    def reference_of(self, payment_id: UUID) -> str:
        """Its till's own name for a payment."""
        return reference_of(self.visits[payment_id].provider, payment_id)

    def dispute(self, event_id: int, step: int, chance: random.Random) -> Dispute | None:
        """A buyer disputes what was paid, all of it or a part."""
        found = [id_ for id_ in self.captured if event_of(id_) == event_id and self.kept(id_) > 0]
        if not found:
            return None
        payment_id = chance.choice(found)
        kept = self.kept(payment_id)
        amount = kept if chance.random() < 0.6 else chance.randrange(1, kept + 1)
        made = Dispute(f"dispute-{len(self.disputes)}-{payment_id}", payment_id, amount)
        made.is_old = chance.random() < _OLD
        self.disputes.append(made)
        self._report_dispute(made, step, chance)
        return made

    def decide(self, event_id: int | None, step: int, chance: random.Random) -> Dispute | None:
        """The buyer's bank decides one of the disputes that are open, of this event or of any."""
        found = [
            each
            for each in self.disputes
            if each.state is DisputeState.OPEN and event_id in (None, event_of(each.payment_id))
        ]
        if not found:
            return None
        decided = chance.choice(found)
        decided.state = chance.choice((DisputeState.WON, DisputeState.LOST))
        self._report_dispute(decided, step, chance)
        return decided

    def _report_dispute(self, dispute: Dispute, step: int, chance: random.Random) -> None:
        # One that nobody would ever hear of is none of ours.
        is_needed = dispute.is_old and dispute.state is DisputeState.OPEN
        if chance.random() >= _SILENT_DISPUTE or is_needed:
            self.report_of(dispute.payment_id, self.fact_of(dispute), step, chance)

    def report_of(
        self, payment_id: UUID, fact: DisputeFact | RefundFact, step: int, chance: random.Random
    ) -> None:
        """Have it reported: of two reports of one thing either may come first."""
        payment = self.visits[payment_id]
        late, times = chance.choice((0, 0, 10, 80)), chance.choice((1, 1, 2))
        self.reports.append(Report(fact, payment.event_id, payment.provider, step + late, times))

    def fact_of(self, dispute: Dispute) -> DisputeFact:
        """How a dispute stands."""
        return DisputeFact(
            dispute.reference,
            self.reference_of(dispute.payment_id),
            dispute.state,
            dispute.amount,
            self.captured[dispute.payment_id].currency,
            "fraudulent",
        )

    def due(self, step: int) -> list[Report]:
        """What has to be reported now; `times` that were heard are enough."""
        return [
            report
            for report in self.reports
            if not report.in_flight and report.heard < report.times and report.due_step <= step
        ]

    def state_of(self, payment_id: UUID) -> Fact | None:
        """What has become of a payment, as somebody who asks is told."""
        fact = self.authorised.get(payment_id) or self.captured.get(payment_id)
        if fact is None:
            return None
        kind = FactKind.AUTHORISED
        if payment_id in self.captured:
            kind = FactKind.CAPTURED
        elif payment_id in self.void_ids | self.gone:
            kind = FactKind.CANCELLED
        return msgspec.structs.replace(fact, provider_event_id=f"asked-{payment_id}-{kind}", kind=kind)

    def capture(self, payment_id: UUID) -> None:
        """Take what was authorised; a repetition changes nothing. Raises `NotCapturable` when it is gone."""
        if payment_id in self.void_ids | self.gone:
            raise NotCapturable
        fact = msgspec.structs.replace(self.authorised[payment_id], kind=FactKind.CAPTURED)
        self._call("capture", payment_id, lambda: self.captured.setdefault(payment_id, fact))

    def void(self, payment_id: UUID) -> None:
        """Let go what was authorised; a repetition changes nothing."""
        self._call("void", payment_id, lambda: self.void_ids.add(payment_id))

    def lose_the_answer(self) -> None:
        """Now and then what was done is not heard of, as over a network."""
        if self._chance.random() < _CALL_FAILS:
            raise ConnectionError("The bank did not answer.")

    def _call(self, what: str, about: UUID, act: Callable[[], object]) -> None:
        """Do it; the first call fails now and then, before it was done or after, as over a network."""
        first = (what, about) not in self._asked
        self._asked.add((what, about))
        fails = first and self._chance.random() < _CALL_FAILS
        if not (fails and self._chance.random() < 0.5):
            act()
        if fails:
            raise ConnectionError("The bank did not answer.")


def reference_of(till: str, payment_id: UUID) -> str:
    """The till's own name for a payment."""
    return f"{till}-{payment_id}"
