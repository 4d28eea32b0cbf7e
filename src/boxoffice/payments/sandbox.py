"""The sandbox provider: takes no money, but behaves like one that does, also when it misbehaves.

It keeps books of its own, shows a checkout page, and reports with signed webhooks over HTTP, again
and again until they are answered 2xx: everything between it and us is what a real provider does.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from uuid import UUID

import httpx
import msgspec

from boxoffice.kit.errors import NotFound, Unavailable, invalid
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.keys import derive_key
from boxoffice.kit.outbound import Outbound
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.payments import sandbox_queries as queries
from boxoffice.payments.provider import Charge, Fact, FactKind, UnsignedReport
from boxoffice.payments.sandbox_queries import Checkout, CheckoutState

SIGNATURE_HEADER = "boxoffice-sandbox-signature"

# A report older than this may be a replay; clocks of two servers differ by less.
SIGNATURE_SECONDS_MAX = 300

# How long the webhook job leaves the first attempt, made at once, to succeed.
FIRST_ATTEMPT = timedelta(seconds=15)

WEBHOOK_JOB = "sandbox-webhook"


class Choice(StrEnum):
    """The buttons of the checkout page."""

    PAY = "pay"
    DECLINE = "decline"
    PAY_LATE = "pay-late"
    PAY_TWICE = "pay-twice"


class Webhook(msgspec.Struct, frozen=True):
    """The job's payload: which checkout has something to report."""

    token: str


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook's body."""

    id: str
    kind: FactKind
    payment_id: UUID
    amount: int
    currency: str


class Sandbox:
    """The provider `sandbox`."""

    name = "sandbox"

    def __init__(self, db: Database, outbound: Outbound, settings: Settings) -> None:
        self._db = db
        self._outbound = outbound
        self._address = settings.public_url
        self._key = derive_key(settings.secret, "sandbox webhook")

    async def open_checkout(self, charge: Charge) -> str:
        """Start a checkout; the same payment always gets the same one."""
        async with self._db.transaction() as tx:
            checkout = await queries.insert_checkout(
                tx,
                token=secrets.token_urlsafe(24),
                payment_id=charge.payment_id,
                amount=charge.amount,
                currency=charge.currency,
                description=charge.description,
                late_at=charge.hold_expires_at + timedelta(seconds=1),
            )
        return f"{self._address}/sandbox/checkouts/{checkout.token}"

    def read_report(self, headers: Mapping[str, str], body: bytes) -> Fact:
        """Verify the signature `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">` and read the body."""
        stamp, _, signature = headers.get(SIGNATURE_HEADER, "").removeprefix("t=").partition(",v1=")
        if not stamp.isascii() or not stamp.isdigit() or not signature.isascii():
            raise UnsignedReport
        if not hmac.compare_digest(self._sign(stamp, body), signature):
            raise UnsignedReport
        if abs(time.time() - int(stamp)) > SIGNATURE_SECONDS_MAX:
            raise UnsignedReport
        try:
            report = msgspec.json.decode(body, type=Report)
        except msgspec.DecodeError as error:
            raise invalid("", f"This is not a report of the sandbox: {error}") from None
        return Fact(report.id, report.kind, report.payment_id, report.amount, report.currency)

    async def refund(self, payment_id: UUID, amount: int) -> None:
        """Give everything back. The sandbox only knows full refunds, and a second one changes nothing."""
        async with self._db.transaction() as tx:
            checkout = await queries.lock_checkout_of(tx, payment_id)
            if checkout is None or checkout.amount != amount:
                raise LookupError(f"the sandbox has no charge of {amount} for {payment_id}")
            await queries.update_state(tx, checkout.token, CheckoutState.REFUNDED, checkout.charge)

    async def get_checkout(self, token: str) -> Checkout:
        """The checkout behind the address. Raises `NotFound`."""
        checkout = await queries.find_checkout(self._db, token)
        if checkout is None:
            raise NotFound
        return checkout

    async def choose(self, token: str, choice: Choice) -> Checkout:
        """Do what the button says, and report it; a checkout that is paid stays paid."""
        async with self._db.transaction() as tx:
            checkout = await queries.lock_checkout(tx, token)
            if checkout is None:
                raise NotFound
            if checkout.state in (CheckoutState.PAID, CheckoutState.REFUNDED):
                return checkout
            if choice is Choice.DECLINE:
                await queries.update_state(tx, token, CheckoutState.DECLINED, None)
            else:
                charge = new_id(event_of(checkout.payment_id))
                await queries.update_state(tx, token, CheckoutState.PAID, charge)
            late = choice is Choice.PAY_LATE
            delay = checkout.late_in if late else FIRST_ATTEMPT
            await enqueue(tx, WEBHOOK_JOB, Webhook(token=token), delay=delay)
        if not late:
            await self._report_at_once(token, times=2 if choice is Choice.PAY_TWICE else 1)
        return await self.get_checkout(token)

    async def deliver(self, payload: bytes) -> None:
        """The webhook job: report until we are heard. Raises so that the job is repeated."""
        token = msgspec.json.decode(payload, type=Webhook).token
        checkout = await queries.find_checkout(self._db, token)
        if checkout is not None and checkout.delivered_at is None:
            await self._report(checkout)

    async def _report_at_once(self, token: str, *, times: int) -> None:
        checkout = await self.get_checkout(token)
        for _ in range(times):
            try:
                await self._report(checkout)
            except (httpx.HTTPError, Unavailable):
                # The job in the outbox will report it.
                return

    async def _report(self, checkout: Checkout) -> None:
        paid = checkout.charge is not None
        body = msgspec.json.encode(
            Report(
                id=str(checkout.charge) if paid else f"declined-{secrets.token_hex(8)}",
                kind=FactKind.CAPTURED if paid else FactKind.DECLINED,
                payment_id=checkout.payment_id,
                amount=checkout.amount,
                currency=checkout.currency,
            )
        )
        stamp = str(int(time.time()))
        status = await self._outbound.post(
            f"{self._address}/api/v1/payment-events/sandbox",
            body,
            {
                SIGNATURE_HEADER: f"t={stamp},v1={self._sign(stamp, body)}",
                "content-type": "application/json",
            },
        )
        if status >= 300:
            raise Unavailable(f"The webhook was answered {status}.")
        async with self._db.transaction() as tx:
            await queries.update_delivered(tx, checkout.token)

    def _sign(self, stamp: str, body: bytes) -> str:
        return hmac.new(self._key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
