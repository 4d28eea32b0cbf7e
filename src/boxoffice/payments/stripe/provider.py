"""Stripe: PaymentIntents that are authorised first and captured once the places are the buyer's.

Its official SDK makes the calls and verifies the webhooks. Each call may be repeated after a crash at any
point: what opens an intent or gives back carries an idempotency key of ours, and an intent is captured, or
let go, once by itself. To that we give no key, for Stripe repeats its answer to one for a day, be it a fault,
and whatever has happened since. Methods that cannot be authorised first (bank debits, vouchers) are captured
by Stripe: their money then buys the places, or goes back, as any captured money does.
"""

from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Any, ParamSpec, TypeVar

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
    CheckoutGone,
    DisputeFact,
    DueRefund,
    Fact,
    Listed,
    NotCapturable,
    NotRefundable,
    OpenCheckout,
    ProviderFault,
    RefundFact,
    Report,
    UnsignedReport,
)
from boxoffice.payments.stripe.amounts import AmountNotPayable, to_stripe
from boxoffice.payments.stripe.objects import (
    BOOKING_ID,
    KIND_OF_STATUS,
    PAYMENT_ID,
    REFUND_ID,
    Intent,
    dispute_in,
    fact_of,
    intent_of,
    listed_of,
    read_event,
    refund_in,
    refunds_in,
    refunds_of,
)

# A webhook whose signature is older may be a replay; Stripe signs anew at each attempt.
SIGNATURE_SECONDS_MAX = 300

# The SDK tries again by itself when a connection breaks or Stripe is busy; jobs do the rest.
REPETITIONS_MAX = 2

# As many as Stripe lists at once.
INTENTS_LISTED_MAX = 100

# Refusals that end by themselves: with the bank's decision, and when money has come in.
_PASSING_REFUSALS = frozenset(["charge_disputed", "balance_insufficient"])

# In these states nothing can be captured, now or later, but what a buyer pays anew.
_WITHOUT_MONEY = frozenset(["canceled", "requires_payment_method"])

_log = structlog.get_logger()

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


class Stripe:
    """The provider `stripe`."""

    name = "stripe"

    def __init__(
        self, settings: Settings, make_http: Callable[..., stripe.HTTPXClient] = stripe.HTTPXClient
    ) -> None:
        self._webhook_secret = settings.stripe_webhook_secret or ""
        self._http = make_http(timeout=OUTBOUND_SECONDS_MAX)
        self._intents, self._refunds, self._disputes = _services(settings, self._http)

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        """Make the PaymentIntent, or look at the one there is."""
        if charge.reference is not None:
            try:
                found = await _call(self._intents.retrieve_async, charge.reference)
            except stripe.InvalidRequestError as error:
                raise CheckoutGone from error
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
        except stripe.IdempotencyError as error:
            raise Unavailable("Somebody else begins to pay for this booking. Try again shortly.") from error
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
            return read_event(body)
        except (msgspec.MsgspecError, KeyError) as error:
            raise invalid("", f"This is no event of Stripe that we know: {error}") from None

    async def ask(self, payment: Asked) -> Fact | None:
        """How far the intent has come; None while it waits for its buyer."""
        intent = await self._retrieve(payment)
        kind = KIND_OF_STATUS.get(intent.status)
        return None if kind is None else fact_of(intent, kind, f"asked:{intent.id}:{intent.status}")

    async def capture(self, payment: Asked) -> None:
        """Take what was authorised. Raises `NotCapturable` when the authorisation is gone."""
        try:
            await _call(self._intents.capture_async, payment.reference)
        except (stripe.InvalidRequestError, stripe.CardError) as error:
            intent = await self._retrieve(payment)
            if intent.status == "succeeded":
                return
            # Also when the card failed at an attempt whose answer was lost: its buyer may pay again.
            if intent.status in _WITHOUT_MONEY or isinstance(error, stripe.CardError):
                raise NotCapturable from error
            raise

    async def give_back(self, refund: DueRefund) -> RefundFact | None:
        """Void what was only authorised, refund what was captured, or a part of it.

        What is there already of this refund is not made again, however old its key is, and what somebody has
        given back there by hand is not given back twice.
        """
        asked = {"expand": ["latest_charge.refunds"]}
        intent = intent_of(await _call(self._intents.retrieve_async, refund.reference, asked))
        if intent.status == "canceled":
            return None
        if intent.status != "succeeded":
            await self._cancel(refund)
            return None
        refunds = refunds_of(intent)
        there = await self.list_refunds(refund) if refunds is None else refunds
        given = [each for each in there if each.failure is None]
        if made := next((each for each in given if each.refund_id == refund.refund_id), None):
            return made
        wanted: dict[str, Any] = {
            "payment_intent": refund.reference,
            "metadata": {REFUND_ID: str(refund.refund_id)},
        }
        if refund.captured:
            left = refund.captured - sum(each.amount for each in given)
            amount = movable(min(refund.amount, left), refund.captured, step_of(refund.currency))
            if amount <= 0:
                return None
            if amount < refund.captured:
                wanted["amount"] = to_stripe(amount, refund.currency)
        key = f"refund-{refund.attempt_id or refund.refund_id}"
        try:
            return refund_in(await _call(self._refunds.create_async, wanted, {"idempotency_key": key}))
        except stripe.IdempotencyError as error:
            # It stands for what was to be given back before, which is not there: less of it, or more.
            raise NotRefundable("the key of another amount", passes=True) from error
        except stripe.InvalidRequestError as error:
            # Somebody has refunded it by hand just now: that is what we wanted.
            if error.code == "charge_already_refunded":
                return None
            reason = error.user_message or error.code or "refused"
            raise NotRefundable(reason, passes=error.code in _PASSING_REFUSALS) from error

    async def list_refunds(self, payment: Asked) -> list[RefundFact]:
        """All refunds of an intent, the newest first, failed ones included."""
        asked: dict[str, Any] = {"payment_intent": payment.reference, "limit": INTENTS_LISTED_MAX}
        found: list[RefundFact] = []
        while True:
            page = await _call(self._refunds.list_async, asked)
            found += refunds_in(page)
            if not page.has_more or not page.data:
                return found
            asked = asked | {"starting_after": page.data[-1].id}

    async def list_refunds_made(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[RefundFact], str | None]:
        """A page of refunds that were made then."""
        page = await _call(self._refunds.list_async, _window(since, until, after))
        return refunds_in(page), page.data[-1].id if page.has_more and page.data else None

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
        page = await _call(self._intents.list_async, _window(since, until, after))
        intents = [intent_of(each) for each in page.data]
        listed = [each for each in map(listed_of, intents) if each is not None]
        return listed, intents[-1].id if page.has_more and intents else None

    async def list_disputes(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[DisputeFact], str | None]:
        """A page of disputes that were opened then; inquiries and those of no intent are left out."""
        page = await _call(self._disputes.list_async, _window(since, until, after))
        listed = [each for each in map(dispute_in, page.data) if each is not None]
        return listed, page.data[-1].id if page.has_more and page.data else None

    async def ask_about_dispute(self, reference: str) -> DisputeFact | None:
        """How the dispute stands; None for one that this account has never had."""
        try:
            return dispute_in(await _call(self._disputes.retrieve_async, reference))
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close_async()

    async def _retrieve(self, payment: Asked) -> Intent:
        return intent_of(await _call(self._intents.retrieve_async, payment.reference))

    async def _cancel(self, payment: Asked) -> None:
        await _call(self._intents.cancel_async, payment.reference)


def _services(settings: Settings, http: stripe.HTTPXClient) -> tuple[Any, Any, Any]:
    client = stripe.StripeClient(
        settings.stripe_secret_key or "",
        base_addresses={"api": settings.stripe_api_url} if settings.stripe_api_url else {},
        http_client=http,
        max_network_retries=REPETITIONS_MAX,
    )
    return client.v1.payment_intents, client.v1.refunds, client.v1.disputes


def _window(since: datetime, until: datetime, after: str | None) -> dict[str, Any]:
    """What to ask for to have a page of what was made then."""
    created = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
    return {"created": created, "limit": INTENTS_LISTED_MAX} | ({"starting_after": after} if after else {})


async def _call(
    function: Callable[_Arguments, Awaitable[_Answer]],
    *arguments: _Arguments.args,
    **named: _Arguments.kwargs,
) -> _Answer:
    """Ask Stripe. Raises `Unavailable` when it is away, busy or does not know our key, or `ProviderFault`."""
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
        raise ProviderFault("The payment provider has a fault. Try again shortly.") from error
