"""The payment provider of the simulation: it takes money and reports it late, twice, or out of order.

Two of its tills capture at once. At the third, cards are authorised, and captured when we say so.
"""

import random
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.payments.provider import (
    Asked,
    Charge,
    DueRefund,
    Fact,
    FactKind,
    Listed,
    NotCapturable,
    OpenCheckout,
)
from boxoffice.payments.queries import PaymentRow

# A refund, a capture or a void fails so often at its first try, done or not; the job repeats it.
_CALL_FAILS = 0.1

# How often a bank takes back what it has authorised, and how often it never reports at all.
_GONE = 0.15
_SILENT = 0.1

# Steps between the buyer's click and a report: at once, soon, or after most holds are over.
_LATE_STEPS_MAX = 350


class Report(msgspec.Struct):
    """A fact on its way to us: the bank repeats it until it is heard, and sometimes after that."""

    fact: Fact
    provider: str
    due_step: int
    times: int
    heard: int = 0
    tried: int = 0
    in_flight: bool = False


class Till:
    """One provider of the bank, as a shop sees it. Its reports may be lost, so it can be asked."""

    def __init__(self, bank: "Bank", name: str) -> None:
        self.name = name
        self._bank = bank

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        return OpenCheckout(reference=f"{self.name}-{charge.payment_id}", client_secret="secret")

    def read_report(self, headers: object, body: bytes) -> Fact:
        raise NotImplementedError("The simulation hands its facts over without HTTP.")

    async def ask(self, payment: Asked) -> Fact | None:
        return self._bank.state_of(payment.payment_id)

    async def capture(self, payment: Asked) -> None:
        self._bank.capture(payment.payment_id)

    async def give_back(self, refund: DueRefund) -> None:
        if refund.payment_id in self._bank.captured:
            self._bank.refund(refund.payment_id, refund.amount)
        else:
            self._bank.void(refund.payment_id)

    async def close_checkout(self, payment: Asked) -> Fact | None:
        return self._bank.state_of(payment.payment_id)

    async def list_money(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[Listed], str | None]:
        raise NotImplementedError("The simulation asks instead.")


class Bank:
    """Its books. Several tills, so that one booking can be paid twice."""

    def __init__(self, seed: int) -> None:
        self.tills = tuple(Till(self, name) for name in ("bank", "wallet", "card"))
        self.captured: dict[UUID, Fact] = {}
        # What was authorised, and of that what is void, and what the bank itself has taken back.
        self.authorised: dict[UUID, Fact] = {}
        self.void_ids: set[UUID] = set()
        self.gone: set[UUID] = set()
        self.refunded: dict[UUID, int] = {}
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
        self.reports.append(Report(fact, payment.provider, step, times))
        return fact

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

    def refund(self, payment_id: UUID, amount: int) -> None:
        """Give money back; a repetition changes nothing."""
        self._call("refund", payment_id, lambda: self.refunded.setdefault(payment_id, amount))
        if self.refunded[payment_id] != amount:
            raise LookupError(f"the bank gave {self.refunded[payment_id]} back, not {amount}")

    def _call(self, what: str, payment_id: UUID, act: Callable[[], object]) -> None:
        """Do it; the first call fails now and then, before it was done or after, as over a network."""
        first = (what, payment_id) not in self._asked
        self._asked.add((what, payment_id))
        fails = first and self._chance.random() < _CALL_FAILS
        if not (fails and self._chance.random() < 0.5):
            act()
        if fails:
            raise ConnectionError("The bank did not answer.")
