"""The sandbox provider: takes no money, but behaves like one that does, also when it misbehaves.

It keeps books of its own, shows a checkout page, and reports with signed webhooks over HTTP, again
and again until they are answered 2xx: everything between it and us is what a real provider does.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

import httpx
import msgspec

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import earliest_id, event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.money import movable, step_of
from boxoffice.kit.outbound import Outbound
from boxoffice.kit.postgres import Database, Transaction, assert_no_transaction
from boxoffice.kit.settings import Settings
from boxoffice.payments.provider import (
    Asked,
    Charge,
    DisputeFact,
    DisputeState,
    DueRefund,
    Fact,
    Listed,
    NotCapturable,
    NotRefundable,
    OpenCheckout,
    RefundFact,
)
from boxoffice.payments.sandbox import queries
from boxoffice.payments.sandbox.queries import CheckoutRow, CheckoutState
from boxoffice.payments.sandbox.reports import (
    FINAL_FAILURE,
    Report,
    fact_of,
    fact_of_dispute,
    read_body,
    reference_of,
    refund_fact_of,
    report_of_checkout,
    report_of_dispute,
    report_of_refund,
)
from boxoffice.payments.sandbox.seals import Seals

_Row = TypeVar("_Row")

# How long the webhook job leaves the first attempt, made at once, to succeed.
FIRST_ATTEMPT = timedelta(seconds=15)

WEBHOOK_JOB = "sandbox-webhook"

# As many as Stripe lists at once.
LISTED_MAX = 100


class Choice(StrEnum):
    """The buttons of a checkout that waits for its buyer."""

    PAY = "pay"
    AUTHORISE = "authorise"
    DECLINE = "decline"
    PAY_LATE = "pay-late"
    PAY_TWICE = "pay-twice"
    PAY_UNREPORTED = "pay-unreported"
    PAY_WRONG_AMOUNT = "pay-wrong-amount"
    PAY_WRONG_CURRENCY = "pay-wrong-currency"


class BankChoice(StrEnum):
    """The buttons of a checkout that was paid: what the buyer's bank does."""

    DISPUTE = "dispute"
    DISPUTE_HALF = "dispute-half"
    WIN = "win"
    LOSE = "lose"
    REFUND_FAILS = "refund-fails"
    REFUND_FAILS_FOR_GOOD = "refund-fails-for-good"


# What the bank says of a refund that it sends back, after Stripe's words.
_FAILURES = {
    BankChoice.REFUND_FAILS: "declined",
    BankChoice.REFUND_FAILS_FOR_GOOD: FINAL_FAILURE,
}

_DECIDED = {BankChoice.WIN: DisputeState.WON, BankChoice.LOSE: DisputeState.LOST}


class Checkout(msgspec.Struct, frozen=True):
    """A checkout: what its address says, and how far it has come."""

    token: str
    asked: Charge
    state: CheckoutState
    charge: UUID | None
    delivered_at: datetime | None
    dispute: DisputeState | None = None

    @property
    def late_in(self) -> timedelta:
        """How long it takes until the buyer's hold is certainly over."""
        return max(self.asked.hold_expires_at + timedelta(seconds=1) - datetime.now(UTC), timedelta(0))


class Webhook(msgspec.Struct, frozen=True, omit_defaults=True):
    """The job's payload: which checkout, dispute or attempt to refund has something to report."""

    payment_id: UUID
    dispute_id: UUID | None = None
    attempt_id: UUID | None = None


class Sandbox:
    """The provider `sandbox`."""

    name = "sandbox"

    def __init__(self, db: Database, outbound: Outbound, settings: Settings) -> None:
        self._db = db
        self._outbound = outbound
        self._address = settings.public_url
        self._seals = Seals(settings.secret)

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        """The address of a checkout carries what is asked for, sealed; the same charge has the same one."""
        url = f"{self._address}/sandbox/checkouts/{self._seals.seal(charge)}"
        return OpenCheckout(url=url, reference=reference_of(charge.payment_id))

    def read_report(self, headers: Mapping[str, str], body: bytes) -> Fact | DisputeFact | RefundFact:
        """Verify the signature over the raw body, and read it."""
        self._seals.check(headers, body)
        return read_body(body)

    async def ask(self, payment: Asked) -> Fact | None:
        """What has become of it; None while it waits for its buyer, or for one who pays late."""
        assert_no_transaction("A call to the sandbox")
        row = await queries.find_checkout(self._db, payment.payment_id)
        if row is None or row.state in (CheckoutState.OPEN, CheckoutState.DECLINED):
            return None
        return fact_of(row) if row.is_there or row.state is CheckoutState.CLOSED else None

    async def capture(self, payment: Asked) -> None:
        """Take what was authorised. Raises `NotCapturable` when it was let go."""
        async with self._db.transaction() as tx:
            row = await self._lock(tx, payment)
            if row.state is CheckoutState.CLOSED:
                raise NotCapturable
            if row.state is CheckoutState.AUTHORISED:
                await queries.update_state(tx, payment.payment_id, CheckoutState.PAID)

    async def close_checkout(self, payment: Asked) -> Fact | None:
        """Nobody can pay there any more; what was only authorised is let go."""
        async with self._db.transaction() as tx:
            # The books may not have begun: nobody has ever pressed a button.
            await queries.insert_checkout(tx, payment.payment_id, None, payment.amount, payment.currency)
            row = await self._lock(tx, payment)
            if row.state not in (CheckoutState.PAID, CheckoutState.REFUNDED):
                await queries.update_state(tx, payment.payment_id, CheckoutState.CLOSED)
        return await self.ask(payment)

    async def give_back(self, refund: DueRefund) -> RefundFact | None:
        """Let go what was only authorised, or give so much back; the same attempt again changes nothing.

        Raises `NotRefundable` for more than there is: what a bank has, or has given away, is not there.
        """
        payment_id, attempt_id = refund.payment_id, refund.attempt_id or refund.refund_id
        async with self._db.transaction() as tx:
            row = await self._lock(tx, refund)
            if row.state is CheckoutState.AUTHORISED:
                await queries.update_state(tx, payment_id, CheckoutState.CLOSED)
            if row.state in (CheckoutState.AUTHORISED, CheckoutState.CLOSED):
                return None
            if await queries.insert_refund(tx, attempt_id, refund.refund_id, payment_id, refund.amount):
                gone = await queries.get_gone(tx, payment_id)
                if gone.given_back + gone.disputed > row.amount:
                    reason = f"the sandbox has not so much of {payment_id}: {refund.amount}"
                    raise NotRefundable(reason, passes=gone.open_dispute_id is not None)
                if gone.given_back == row.amount:
                    await queries.update_state(tx, payment_id, CheckoutState.REFUNDED)
            return refund_fact_of(await queries.get_refund(tx, attempt_id))

    async def list_refunds(self, payment: Asked) -> list[RefundFact]:
        """All attempts to give something of a payment back, those that failed included."""
        assert_no_transaction("A call to the sandbox")
        return [refund_fact_of(row) for row in await queries.list_refunds(self._db, payment.payment_id)]

    async def list_refunds_made(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[RefundFact], str | None]:
        """A page of attempts that were made then."""
        assert_no_transaction("A call to the sandbox")
        cursor = UUID(after) if after else None
        rows = await queries.list_refunds_made(self._db, since, until, cursor, LISTED_MAX)
        return [refund_fact_of(row) for row in rows], _next_of(rows, lambda row: row.attempt_id)

    async def list_money(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[Listed], str | None]:
        """A page of checkouts that were first acted on then, and have money."""
        assert_no_transaction("A call to the sandbox")
        rows = await queries.list_taken(self._db, since, until, UUID(after) if after else None, LISTED_MAX)
        listed = [Listed(reference_of(row.payment_id), fact_of(row)) for row in rows]
        return listed, _next_of(rows, lambda row: row.payment_id)

    async def list_disputes(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[DisputeFact], str | None]:
        """A page of disputes that were opened then."""
        assert_no_transaction("A call to the sandbox")
        begin = UUID(after) if after else earliest_id(since)
        rows = await queries.list_disputes(self._db, begin, earliest_id(until), LISTED_MAX)
        listed = [fact_of_dispute(row) for row in rows]
        return listed, _next_of(rows, lambda row: row.id)

    async def ask_about_dispute(self, reference: str) -> DisputeFact | None:
        """How the dispute stands."""
        assert_no_transaction("A call to the sandbox")
        row = await queries.find_dispute(self._db, UUID(reference))
        return None if row is None else fact_of_dispute(row)

    async def get_checkout(self, token: str) -> Checkout:
        """The checkout behind the address. Raises `NotFound` for an address that is not ours."""
        asked = self._seals.unseal(token)
        row = await queries.find_checkout(self._db, asked.payment_id)
        if row is None:
            return Checkout(token, asked, CheckoutState.OPEN, None, None)
        return Checkout(token, asked, row.state, row.charge, row.delivered_at, row.dispute)

    async def choose(self, token: str, choice: Choice) -> Checkout:
        """Do what the button says, and report it; a checkout that is paid or closed stays as it is."""
        checkout = await self.get_checkout(token)
        asked, late = checkout.asked, choice is Choice.PAY_LATE
        async with self._db.transaction() as tx:
            await queries.insert_checkout(
                tx, asked.payment_id, asked.booking_id, asked.amount, asked.currency
            )
            row = await queries.lock_checkout(tx, asked.payment_id)
            if row is not None and row.state not in (CheckoutState.OPEN, CheckoutState.DECLINED):
                return msgspec.structs.replace(checkout, state=row.state, charge=row.charge)
            if choice is Choice.DECLINE:
                await queries.update_state(tx, asked.payment_id, CheckoutState.DECLINED)
            else:
                await queries.update_paid(
                    tx,
                    asked.payment_id,
                    CheckoutState.AUTHORISED if choice is Choice.AUTHORISE else CheckoutState.PAID,
                    new_id(event_of(asked.payment_id)),
                    *_paid_with(asked, choice),
                    late=checkout.late_in if late else timedelta(0),
                )
            if choice is not Choice.PAY_UNREPORTED:
                delay = checkout.late_in if late else FIRST_ATTEMPT
                await enqueue(tx, WEBHOOK_JOB, Webhook(asked.payment_id), delay=delay)
        if not late and choice is not Choice.PAY_UNREPORTED:
            times = 2 if choice is Choice.PAY_TWICE else 1
            await self._report_at_once(Webhook(asked.payment_id), times=times)
        return await self.get_checkout(token)

    async def choose_as_bank(self, token: str, choice: BankChoice) -> Checkout:
        """Dispute what was paid, decide the dispute, or send a refund back, and report it.

        Nothing happens where there is none.
        """
        checkout = await self.get_checkout(token)
        payment_id = checkout.asked.payment_id
        async with self._db.transaction() as tx:
            row = await queries.lock_checkout(tx, payment_id)
            if row is None or row.state not in (CheckoutState.PAID, CheckoutState.REFUNDED):
                return checkout
            webhook = await self._act_as_bank(tx, row, choice)
            if webhook is None:
                return checkout
            await enqueue(tx, WEBHOOK_JOB, webhook, delay=FIRST_ATTEMPT)
        await self._report_at_once(webhook, times=1)
        return await self.get_checkout(token)

    async def _act_as_bank(self, tx: Transaction, row: CheckoutRow, choice: BankChoice) -> Webhook | None:
        if failure := _FAILURES.get(choice):
            attempt_id = await queries.update_refund_failed(tx, row.payment_id, failure)
            if attempt_id is None:
                return None
            await queries.update_state(tx, row.payment_id, CheckoutState.PAID)
            return Webhook(row.payment_id, attempt_id=attempt_id)
        if decided := _DECIDED.get(choice):
            dispute_id = await queries.update_dispute_closed(tx, row.payment_id, decided)
        else:
            dispute_id = await self._dispute(tx, row, choice)
        return None if dispute_id is None else Webhook(row.payment_id, dispute_id)

    async def deliver(self, payload: bytes) -> None:
        """The webhook job: report until we are heard. Raises so that the job is repeated."""
        webhook = msgspec.json.decode(payload, type=Webhook)
        report, delivered_at = await self._read(webhook)
        if delivered_at is None:
            await self._send(webhook, report)

    async def _dispute(self, tx: Transaction, row: CheckoutRow, choice: BankChoice) -> UUID | None:
        """One at a time, of what no bank has taken before, whatever of it the sandbox has given back."""
        gone = await queries.get_gone(tx, row.payment_id)
        if gone.open_dispute_id is not None:
            return None
        left = row.amount - gone.disputed
        amount = left if choice is BankChoice.DISPUTE else movable(left // 2, left, step_of(row.currency))
        if amount == 0:
            return None
        dispute_id = new_id(event_of(row.payment_id))
        await queries.insert_dispute(tx, dispute_id, row.payment_id, amount)
        return dispute_id

    async def _lock(self, tx: Transaction, payment: Asked) -> CheckoutRow:
        row = await queries.lock_checkout(tx, payment.payment_id)
        if row is None:
            raise LookupError(f"the sandbox has no checkout for {payment.payment_id}")
        return row

    async def _report_at_once(self, webhook: Webhook, *, times: int) -> None:
        report, _ = await self._read(webhook)
        for _ in range(times):
            try:
                await self._send(webhook, report)
            except (httpx.HTTPError, Unavailable):
                # The job in the outbox will report it.
                return

    async def _read(self, webhook: Webhook) -> tuple[Report, datetime | None]:
        """What there is to report now, and when it was heard."""
        if webhook.dispute_id is not None:
            dispute = await queries.find_dispute(self._db, webhook.dispute_id)
            if dispute is None:
                raise LookupError(f"the sandbox has no dispute {webhook.dispute_id}")
            return report_of_dispute(dispute), dispute.delivered_at
        if webhook.attempt_id is not None:
            refund = await queries.get_refund(self._db, webhook.attempt_id)
            return report_of_refund(refund), refund.delivered_at
        row = await queries.find_checkout(self._db, webhook.payment_id)
        if row is None:
            raise LookupError(f"the sandbox has no checkout for {webhook.payment_id}")
        return report_of_checkout(row), row.delivered_at

    async def _send(self, webhook: Webhook, report: Report) -> None:
        body = msgspec.json.encode(report)
        status = await self._outbound.post(
            f"{self._address}/api/v1/payment-events/sandbox",
            body,
            {**self._seals.sign(body), "content-type": "application/json"},
        )
        if status >= 300:
            raise Unavailable(f"The webhook was answered {status}.")
        async with self._db.transaction() as tx:
            if webhook.attempt_id is not None:
                await queries.update_refund_delivered(tx, webhook.attempt_id)
            elif webhook.dispute_id is not None and report.dispute is not None:
                await queries.update_dispute_delivered(tx, webhook.dispute_id, report.dispute)
            else:
                await queries.update_delivered(tx, webhook.payment_id)


def _paid_with(asked: Charge, choice: Choice) -> tuple[int, str]:
    """What the buyer pays."""
    if choice is Choice.PAY_WRONG_CURRENCY:
        return asked.amount, "USD" if asked.currency == "EUR" else "EUR"
    more = step_of(asked.currency) if choice is Choice.PAY_WRONG_AMOUNT else 0
    return asked.amount + more, asked.currency


def _next_of(rows: Sequence[_Row], id_of: Callable[[_Row], UUID]) -> str | None:
    """Where the next page begins, if this one is full."""
    return str(id_of(rows[-1])) if len(rows) == LISTED_MAX else None
