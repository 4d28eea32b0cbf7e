"""The payment provider of the simulation: it captures money and reports it late, twice, or out of order."""

import random
from uuid import UUID

import msgspec

from boxoffice.payments.provider import Charge, DueRefund, Fact, FactKind, OpenCheckout
from boxoffice.payments.queries import PaymentRow

# A refund fails so often at its first try; the job repeats it.
_REFUND_FAILS = 0.1

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
    """One provider of the bank, as a shop sees it."""

    def __init__(self, bank: "Bank", name: str) -> None:
        self.name = name
        self._bank = bank

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        return OpenCheckout(url=f"https://{self.name}.example/{charge.payment_id}")

    def read_report(self, headers: object, body: bytes) -> Fact:
        raise NotImplementedError("The simulation hands its facts over without HTTP.")

    async def give_back(self, refund: DueRefund) -> None:
        self._bank.refund(refund.payment_id, refund.amount)


class Bank:
    """Its books. Two tills, so that one booking can be paid twice."""

    def __init__(self, seed: int) -> None:
        self.tills = (Till(self, "bank"), Till(self, "wallet"))
        self.captured: dict[UUID, Fact] = {}
        self.refunded: dict[UUID, int] = {}
        self.reports: list[Report] = []
        self._asked: set[UUID] = set()
        self._chance = random.Random(f"{seed}:bank")

    def pay(self, payment: PaymentRow, step: int, chance: random.Random) -> None:
        """The buyer is at the bank: pays, pays something else, is declined first, or walks away."""
        kind = chance.choices(("right", "wrong", "currency", "declined", "never"), (70, 7, 3, 10, 10))[0]
        late = chance.choice((0, 0, 5, 60, _LATE_STEPS_MAX))
        times = chance.choice((1, 1, 2, 3))
        second_id = chance.random() < 0.2
        if kind == "never" or payment.id in self.captured:
            return
        if kind == "declined":
            self._report(payment, FactKind.DECLINED, step, 1, payment.amount, payment.currency, "d")
        amount = payment.amount + (1 if kind == "wrong" else 0)
        currency = "USD" if kind == "currency" else payment.currency
        self.captured[payment.id] = self._report(
            payment, FactKind.CAPTURED, step + late, times, amount, currency, "a"
        )
        if second_id:
            self._report(payment, FactKind.CAPTURED, step + late + 3, 1, amount, currency, "b")

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

    def refund(self, payment_id: UUID, amount: int) -> None:
        """Give money back; a repetition changes nothing. Fails now and then, as calls over a network do."""
        first = payment_id not in self._asked
        self._asked.add(payment_id)
        if first and self._chance.random() < _REFUND_FAILS:
            raise ConnectionError("The bank did not answer.")
        if self.refunded.setdefault(payment_id, amount) != amount:
            raise LookupError(f"the bank gave {self.refunded[payment_id]} back, not {amount}")
