"""Stripe: PaymentIntents that are authorised first and captured once the places are the buyer's.

Its official SDK makes the calls and verifies the webhooks. Every call that changes something carries an
idempotency key made of our payment's id, so each may be repeated after a crash at any point. Methods
that cannot be authorised first (bank debits, vouchers) are captured by Stripe: their money then buys
the places, or goes back, as any captured money does.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ParamSpec, TypeVar
from uuid import UUID

import msgspec
import stripe
import structlog

from boxoffice.kit.errors import Unavailable, invalid
from boxoffice.kit.money import movable, step_of
from boxoffice.kit.outbound import OUTBOUND_SECONDS_MAX
from boxoffice.kit.postgres import assert_no_transaction
from boxoffice.kit.settings import Settings
from boxoffice.payments.provider import (
    Asked,
    Charge,
    DisputeFact,
    DisputeState,
    DueRefund,
    Fact,
    FactKind,
    ForeignMoney,
    Listed,
    NotCapturable,
    OpenCheckout,
    Report,
    UnsignedReport,
)
from boxoffice.payments.stripe_amounts import AmountNotPayable, from_stripe, to_stripe

# In an intent's metadata: which payment of ours it is for. Intents without it are somebody else's.
PAYMENT_ID = "boxoffice_payment_id"

# And for which booking: enough to write down a payment that we died before writing down.
BOOKING_ID = "boxoffice_booking_id"

# A webhook whose signature is older may be a replay; Stripe signs anew at each attempt.
SIGNATURE_SECONDS_MAX = 300

# The SDK tries again by itself when a connection breaks or Stripe is busy; jobs do the rest.
REPETITIONS_MAX = 2

# As many as Stripe lists at once.
INTENTS_LISTED_MAX = 100

# Which fact each of Stripe's events is; the others are taken and mean nothing here.
_KINDS = {
    "payment_intent.amount_capturable_updated": FactKind.AUTHORISED,
    "payment_intent.succeeded": FactKind.CAPTURED,
    "payment_intent.payment_failed": FactKind.DECLINED,
    "payment_intent.canceled": FactKind.CANCELLED,
}

_KIND_OF_STATUS = {
    "requires_capture": FactKind.AUTHORISED,
    "succeeded": FactKind.CAPTURED,
    "canceled": FactKind.CANCELLED,
}


# All of them carry the dispute as it is then; what they are called adds nothing to its status.
_DISPUTES = "charge.dispute."

# An inquiry (`warning_...`) moves no money, and neither does what was prevented: they are no disputes here.
_STATE_OF_DISPUTE = {
    "needs_response": DisputeState.OPEN,
    "under_review": DisputeState.OPEN,
    "won": DisputeState.WON,
    "lost": DisputeState.LOST,
}


class _Dispute(msgspec.Struct, frozen=True):
    """What we read of a dispute; the amount is Stripe's."""

    id: str
    status: str
    amount: int
    currency: str
    payment_intent: str | None = None
    reason: str = ""


class _Charge(msgspec.Struct, frozen=True):
    """What we read of an intent's charge; the amount is Stripe's."""

    amount_refunded: int = 0


class _Intent(msgspec.Struct, frozen=True):
    """What we read of a PaymentIntent; amounts are Stripe's."""

    id: str
    status: str
    amount: int
    currency: str
    amount_capturable: int | None = None
    amount_received: int | None = None
    metadata: dict[str, str] = {}
    latest_charge: _Charge | str | None = None


class _Event(msgspec.Struct, frozen=True):
    """What we read of an event; the object is whatever the event is about."""

    id: str
    type: str
    data: dict[str, Any]


_log = structlog.get_logger()

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Stripe:
    """The provider `stripe`."""

    name = "stripe"

    def __init__(self, settings: Settings) -> None:
        self._webhook_secret = settings.stripe_webhook_secret or ""
        self._http = stripe.HTTPXClient(timeout=OUTBOUND_SECONDS_MAX)
        self._intents, self._refunds = _services(settings, self._http)

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        """Make the PaymentIntent, or look at the one there is."""
        if charge.reference is not None:
            found = await _call(self._intents.retrieve_async, charge.reference)
            return OpenCheckout(reference=found.id, client_secret=found.client_secret)
        try:
            intent = await _call(
                self._intents.create_async,
                {
                    "amount": to_stripe(charge.amount, charge.currency),
                    "currency": charge.currency.lower(),
                    "capture_method": "automatic_async",
                    "payment_method_options": {"card": {"capture_method": "manual"}},
                    "metadata": {
                        PAYMENT_ID: str(charge.payment_id),
                        BOOKING_ID: str(charge.booking_id),
                        "boxoffice_event": charge.description,
                    },
                },
                {"idempotency_key": f"open-{charge.payment_id}"},
            )
        except stripe.InvalidRequestError as error:
            # Too small, too large, a currency that this account cannot take: nothing that we know before.
            _log.warning("Stripe refuses a payment", amount=charge.amount, currency=charge.currency,
                         reason=error.user_message)  # fmt: skip
            raise AmountNotPayable from error
        return OpenCheckout(reference=intent.id, client_secret=intent.client_secret)

    def read_report(self, headers: Mapping[str, str], body: bytes) -> Report | None:
        """Verify the `Stripe-Signature` over the raw bytes, and read what concerns us."""
        signature = headers.get("stripe-signature", "")
        if not signature.isascii():
            raise UnsignedReport
        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature, self._webhook_secret, SIGNATURE_SECONDS_MAX
            )
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            raise UnsignedReport from None
        try:
            event = msgspec.json.decode(body, type=_Event)
            if event.type.startswith(_DISPUTES):
                return _dispute(msgspec.convert(event.data["object"], _Dispute))
            kind = _KINDS.get(event.type)
            return None if kind is None else _report(_intent(event.data["object"]), kind, event.id)
        except (msgspec.MsgspecError, KeyError) as error:
            raise invalid("", f"This is no event of Stripe that we know: {error}") from None

    async def ask(self, payment: Asked) -> Fact | None:
        """How far the intent has come; None while it waits for its buyer."""
        intent = await self._retrieve(payment)
        kind = _KIND_OF_STATUS.get(intent.status)
        return None if kind is None else _fact(intent, kind, f"asked:{intent.id}:{intent.status}")

    async def capture(self, payment: Asked) -> None:
        """Take what was authorised. Raises `NotCapturable` when the authorisation is gone."""
        try:
            await _call(
                self._intents.capture_async,
                payment.reference,
                {},
                {"idempotency_key": f"capture-{payment.payment_id}"},
            )
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            intent = await self._retrieve(payment)
            if intent.status == "succeeded":
                return
            if intent.status == "canceled" or isinstance(error, stripe.CardError):
                raise NotCapturable from error
            raise

    async def give_back(self, refund: DueRefund) -> None:
        """Void what was only authorised, refund what was captured, or a part of it."""
        intent = await self._retrieve(refund)
        if intent.status == "canceled":
            return
        if intent.status != "succeeded":
            await self._cancel(refund)
            return
        wanted: dict[str, Any] = {"payment_intent": refund.reference}
        if 0 < refund.amount < refund.captured:
            # Whatever it was owed for, it must not be tried for ever.
            amount = movable(refund.amount, refund.captured, step_of(refund.currency))
            if amount == 0:
                return
            wanted["amount"] = to_stripe(amount, refund.currency)
        try:
            await _call(
                self._refunds.create_async,
                wanted,
                {"idempotency_key": f"refund-{refund.refund_id}"},
            )
        except stripe.InvalidRequestError as error:
            # Somebody has refunded it by hand: that is what we wanted.
            if error.code != "charge_already_refunded":
                raise

    async def close_checkout(self, payment: Asked) -> Fact | None:
        """Make sure that nobody can pay here any more, or say what has become of it meanwhile."""
        try:
            await self._cancel(payment)
        except stripe.InvalidRequestError:
            return await self.ask(payment)
        return await self.ask(payment)

    async def list_money(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[Listed], str | None]:
        """A page of intents that were opened then; those without money are left out."""
        wanted: dict[str, Any] = {
            "created": {"gte": int(since.timestamp()), "lt": int(until.timestamp())},
            "limit": INTENTS_LISTED_MAX,
            "expand": ["data.latest_charge"],
        }
        page = await _call(self._intents.list_async, wanted | ({"starting_after": after} if after else {}))
        intents = [_intent(each) for each in page.data]
        listed = [each for each in map(_listed, intents) if each is not None]
        return listed, intents[-1].id if page.has_more and intents else None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()

    async def _retrieve(self, payment: Asked) -> "_Intent":
        return _intent(await _call(self._intents.retrieve_async, payment.reference))

    async def _cancel(self, payment: Asked) -> None:
        await _call(
            self._intents.cancel_async,
            payment.reference,
            {},
            {"idempotency_key": f"cancel-{payment.payment_id}"},
        )


def _services(settings: Settings, http: stripe.HTTPXClient) -> tuple[Any, Any]:
    client = stripe.StripeClient(
        settings.stripe_secret_key or "",
        base_addresses={"api": settings.stripe_api_url} if settings.stripe_api_url else {},
        http_client=http,
        max_network_retries=REPETITIONS_MAX,
    )
    return client.v1.payment_intents, client.v1.refunds


async def _call(
    function: Callable[_Arguments, Awaitable[_Answer]],
    *arguments: _Arguments.args,
    **named: _Arguments.kwargs,
) -> _Answer:
    """Ask Stripe. Raises `Unavailable` when it is away, busy, or does not know our key."""
    assert_no_transaction("A call to Stripe")
    try:
        return await function(*arguments, **named)
    except (
        stripe.APIConnectionError,
        stripe.RateLimitError,
        stripe.AuthenticationError,
        stripe.PermissionError,
    ) as error:
        raise Unavailable("The payment provider cannot answer right now. Try again shortly.") from error
    except stripe.APIError as error:
        raise Unavailable("The payment provider has a fault. Try again shortly.") from error


def _intent(found: Any) -> "_Intent":
    return msgspec.convert(found if isinstance(found, dict) else found.to_dict(), _Intent)


def _listed(intent: "_Intent") -> Listed | None:
    kind = _KIND_OF_STATUS.get(intent.status)
    if kind is None:
        return None
    report = _report(intent, kind, f"asked:{intent.id}:{intent.status}")
    if report is None or (isinstance(report, Fact) and kind is FactKind.CANCELLED):
        return None
    charge = intent.latest_charge
    refunded = charge.amount_refunded if isinstance(charge, _Charge) else 0
    return Listed(intent.id, report, from_stripe(refunded, intent.currency.upper()))


def _report(intent: "_Intent", kind: FactKind, report_id: str) -> Fact | ForeignMoney | None:
    """What an event says; of intents that are not ours only that there is money."""
    fact = _fact(intent, kind, report_id)
    if fact is not None or kind not in (FactKind.AUTHORISED, FactKind.CAPTURED):
        return fact
    return ForeignMoney(intent.id, intent.amount, intent.currency.upper())


def _fact(intent: "_Intent", kind: FactKind, report_id: str) -> Fact | None:
    """What an intent says; None for one that is not for a payment of ours."""
    payment_id = _uuid_of(intent, PAYMENT_ID)
    if payment_id is None:
        return None
    currency = intent.currency.upper()
    paid = {FactKind.AUTHORISED: intent.amount_capturable, FactKind.CAPTURED: intent.amount_received}.get(
        kind
    )
    amount = from_stripe(intent.amount if paid is None else paid, currency)
    return Fact(report_id, kind, payment_id, amount, currency, _uuid_of(intent, BOOKING_ID), intent.id)


def _uuid_of(intent: "_Intent", name: str) -> UUID | None:
    try:
        return UUID(intent.metadata.get(name, ""))
    except ValueError:
        return None


def _dispute(found: "_Dispute") -> DisputeFact | None:
    """How a dispute stands; None for one of which no money has moved, or that is of no intent."""
    state = _STATE_OF_DISPUTE.get(found.status)
    if state is None or found.payment_intent is None:
        return None
    currency = found.currency.upper()
    amount = from_stripe(found.amount, currency)
    return DisputeFact(found.id, found.payment_intent, state, amount, currency, found.reason)
