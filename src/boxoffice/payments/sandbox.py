"""The sandbox provider: takes no money, but behaves like one that does, also when it misbehaves.

It keeps books of its own, shows a checkout page, and reports with signed webhooks over HTTP, again
and again until they are answered 2xx: everything between it and us is what a real provider does.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
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
from boxoffice.payments.provider import Charge, DueRefund, Fact, FactKind, OpenCheckout, UnsignedReport
from boxoffice.payments.sandbox_queries import CheckoutState

SIGNATURE_HEADER = "boxoffice-sandbox-signature"

# A report older than this may be a replay; clocks of two servers differ by less.
SIGNATURE_SECONDS_MAX = 300

# How long the webhook job leaves the first attempt, made at once, to succeed.
FIRST_ATTEMPT = timedelta(seconds=15)

WEBHOOK_JOB = "sandbox-webhook"

# A checkout's address ends with so many bytes of HMAC-SHA256: nobody makes one up.
_SEAL_BYTES = 16


class Choice(StrEnum):
    """The buttons of the checkout page."""

    PAY = "pay"
    DECLINE = "decline"
    PAY_LATE = "pay-late"
    PAY_TWICE = "pay-twice"


class Checkout(msgspec.Struct, frozen=True):
    """A checkout: what its address says, and how far it has come."""

    token: str
    asked: Charge
    state: CheckoutState
    charge: UUID | None
    delivered_at: datetime | None

    @property
    def late_in(self) -> timedelta:
        """How long it takes until the buyer's hold is certainly over."""
        return max(self.asked.hold_expires_at + timedelta(seconds=1) - datetime.now(UTC), timedelta(0))


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
        self._seal_key = derive_key(settings.secret, "sandbox checkout")

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        """The address of a checkout carries what is asked for, sealed; the same charge has the same one."""
        asked = msgspec.json.encode(charge)
        token = base64.urlsafe_b64encode(self._seal(asked) + asked).decode().rstrip("=")
        return OpenCheckout(url=f"{self._address}/sandbox/checkouts/{token}")

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

    async def give_back(self, refund: DueRefund) -> None:
        """Give so much back, and never more than there is; the same refund again changes nothing."""
        payment_id = refund.payment_id
        async with self._db.transaction() as tx:
            row = await queries.lock_checkout(tx, payment_id)
            if row is None or row.charge is None:
                raise LookupError(f"the sandbox has no charge for {payment_id}")
            await queries.insert_refund(tx, refund.refund_id, payment_id, refund.amount)
            given_back = await queries.get_given_back(tx, payment_id)
            if given_back > row.amount:
                raise LookupError(f"the sandbox took {row.amount} for {payment_id}, not {given_back}")
            if given_back == row.amount:
                await queries.update_state(tx, payment_id, CheckoutState.REFUNDED, row.charge)

    async def get_checkout(self, token: str) -> Checkout:
        """The checkout behind the address. Raises `NotFound` for an address that is not ours."""
        asked = self._unseal(token)
        row = await queries.find_checkout(self._db, asked.payment_id)
        if row is None:
            return Checkout(token, asked, CheckoutState.OPEN, None, None)
        return Checkout(token, asked, row.state, row.charge, row.delivered_at)

    async def choose(self, token: str, choice: Choice) -> Checkout:
        """Do what the button says, and report it; a checkout that is paid stays paid."""
        checkout = await self.get_checkout(token)
        payment_id, late = checkout.asked.payment_id, choice is Choice.PAY_LATE
        async with self._db.transaction() as tx:
            await queries.insert_checkout(tx, payment_id, checkout.asked.amount)
            row = await queries.lock_checkout(tx, payment_id)
            if row is not None and row.charge is not None:
                return Checkout(token, checkout.asked, row.state, row.charge, row.delivered_at)
            if choice is Choice.DECLINE:
                await queries.update_state(tx, payment_id, CheckoutState.DECLINED, None)
            else:
                await queries.update_state(tx, payment_id, CheckoutState.PAID, new_id(event_of(payment_id)))
            delay = checkout.late_in if late else FIRST_ATTEMPT
            await enqueue(tx, WEBHOOK_JOB, Webhook(token=token), delay=delay)
        if not late:
            await self._report_at_once(token, times=2 if choice is Choice.PAY_TWICE else 1)
        return await self.get_checkout(token)

    async def deliver(self, payload: bytes) -> None:
        """The webhook job: report until we are heard. Raises so that the job is repeated."""
        checkout = await self.get_checkout(msgspec.json.decode(payload, type=Webhook).token)
        if checkout.delivered_at is None:
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
        asked = checkout.asked
        body = msgspec.json.encode(
            Report(
                id=str(checkout.charge) if paid else f"declined-{secrets.token_hex(8)}",
                kind=FactKind.CAPTURED if paid else FactKind.DECLINED,
                payment_id=asked.payment_id,
                amount=asked.amount,
                currency=asked.currency,
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
            await queries.update_delivered(tx, asked.payment_id)

    def _sign(self, stamp: str, body: bytes) -> str:
        return hmac.new(self._key, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()

    def _seal(self, asked: bytes) -> bytes:
        return hmac.digest(self._seal_key, asked, "sha256")[:_SEAL_BYTES]

    def _unseal(self, token: str) -> Charge:
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotFound from None
        seal, asked = text[:_SEAL_BYTES], text[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal(asked)):
            raise NotFound
        return msgspec.json.decode(asked, type=Charge)
