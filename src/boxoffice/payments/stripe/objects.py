"""What Stripe says, read: intents, refunds and disputes as the facts that they are here."""

from typing import Any
from uuid import UUID

import msgspec

from boxoffice.payments.provider import (
    DisputeFact,
    DisputeState,
    Fact,
    FactKind,
    ForeignMoney,
    Listed,
    RefundFact,
    Report,
)
from boxoffice.payments.stripe.amounts import from_stripe

# In an intent's metadata: which payment of ours it is for. Intents without it are somebody else's.
PAYMENT_ID = "boxoffice_payment_id"

# And for which booking: enough to write down a payment that we died before writing down.
BOOKING_ID = "boxoffice_booking_id"

# In a refund's metadata: which refund of ours it is. One without it was made in the dashboard, by hand.
REFUND_ID = "boxoffice_refund_id"

# Which fact each of Stripe's events is; the others are taken and mean nothing here.
_KINDS = {
    "payment_intent.amount_capturable_updated": FactKind.AUTHORISED,
    "payment_intent.succeeded": FactKind.CAPTURED,
    "payment_intent.payment_failed": FactKind.DECLINED,
    "payment_intent.canceled": FactKind.CANCELLED,
}

# How far an intent has come where there is money, or can be none any more.
KIND_OF_STATUS = {
    "requires_capture": FactKind.AUTHORISED,
    "succeeded": FactKind.CAPTURED,
    "canceled": FactKind.CANCELLED,
}

# All of them carry the dispute as it is then; what they are called adds nothing to its status.
_DISPUTES = "charge.dispute."

# So do these: what becomes of a refund, by two names.
_REFUNDS = ("refund.", "charge.refund.updated")

# Its money is back at our account.
_REFUND_FAILED = frozenset(["failed", "canceled"])

# Whoever gives back to this card again will hear the same.
_FINAL_FAILURES = frozenset(["lost_or_stolen_card", "expired_or_canceled_card"])

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


class _Refund(msgspec.Struct, frozen=True):
    """What we read of a refund; the amount is Stripe's."""

    id: str
    status: str | None
    amount: int
    currency: str
    payment_intent: str | None = None
    failure_reason: str | None = None
    metadata: dict[str, str] | None = None


class _Refunds(msgspec.Struct, frozen=True):
    """The newest refunds of a charge, ten at most."""

    data: list[_Refund]
    has_more: bool = False


class _Charge(msgspec.Struct, frozen=True):
    """What we read of an intent's charge."""

    refunds: _Refunds | None = None


class Intent(msgspec.Struct, frozen=True):
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


def read_event(body: bytes) -> Report | None:
    """What an event says that concerns us. Raises `MsgspecError` and `KeyError` for what is no event."""
    event = msgspec.json.decode(body, type=_Event)
    found = event.data["object"]
    if event.type.startswith(_DISPUTES):
        return _dispute(msgspec.convert(found, _Dispute))
    if event.type.startswith(_REFUNDS):
        return _refund(msgspec.convert(found, _Refund))
    kind = _KINDS.get(event.type)
    return None if kind is None else report_of(intent_of(found), kind, event.id)


def intent_of(found: Any) -> Intent:
    """An intent as Stripe answers it."""
    return msgspec.convert(found if isinstance(found, dict) else found.to_dict(), Intent)


def refunds_of(intent: Intent) -> list[RefundFact] | None:
    """The refunds that an intent was answered with; None when there may be more."""
    charge = intent.latest_charge
    if not isinstance(charge, _Charge) or charge.refunds is None or charge.refunds.has_more:
        return None
    return _refunds(charge.refunds.data, intent.id)


def refunds_in(page: Any) -> list[RefundFact]:
    """The refunds of a list as Stripe answers it."""
    return _refunds(msgspec.convert([each.to_dict() for each in page.data], list[_Refund]))


def refund_in(answer: Any) -> RefundFact | None:
    """A refund as Stripe answers it."""
    return _refund(msgspec.convert(answer.to_dict(), _Refund))


def dispute_in(answer: Any) -> DisputeFact | None:
    """A dispute as Stripe answers it."""
    return _dispute(msgspec.convert(answer.to_dict(), _Dispute))


def listed_of(intent: Intent) -> Listed | None:
    """What a list of payments says of an intent; None for one without money."""
    kind = KIND_OF_STATUS.get(intent.status)
    if kind is None:
        return None
    report = report_of(intent, kind, f"asked:{intent.id}:{intent.status}")
    if report is None or (isinstance(report, Fact) and kind is FactKind.CANCELLED):
        return None
    return Listed(intent.id, report)


def report_of(intent: Intent, kind: FactKind, report_id: str) -> Fact | ForeignMoney | None:
    """What an event says; of intents that are not ours only that there is money."""
    fact = fact_of(intent, kind, report_id)
    if fact is not None or kind not in (FactKind.AUTHORISED, FactKind.CAPTURED):
        return fact
    return ForeignMoney(intent.id, intent.amount, intent.currency.upper())


def fact_of(intent: Intent, kind: FactKind, report_id: str) -> Fact | None:
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


def _uuid_of(found: Intent | _Refund, name: str) -> UUID | None:
    try:
        return UUID((found.metadata or {}).get(name, ""))
    except ValueError:
        return None


def _refunds(found: list[_Refund], intent_id: str | None = None) -> list[RefundFact]:
    read = [_refund(each, intent_id) for each in found]
    return [each for each in read if each is not None]


def _refund(found: _Refund, intent_id: str | None = None) -> RefundFact | None:
    """How a refund stands; None for one that is of no intent. One that is pending has left our account."""
    payment_reference = found.payment_intent or intent_id
    if payment_reference is None:
        return None
    currency = found.currency.upper()
    has_failed = found.status in _REFUND_FAILED
    return RefundFact(
        reference=found.id,
        payment_reference=payment_reference,
        amount=from_stripe(found.amount, currency),
        currency=currency,
        refund_id=_uuid_of(found, REFUND_ID),
        failure=(found.failure_reason or found.status) if has_failed else None,
        is_final=found.failure_reason in _FINAL_FAILURES or found.status == "canceled",
    )


def _dispute(found: _Dispute) -> DisputeFact | None:
    """How a dispute stands; None for one of which no money has moved, or that is of no intent."""
    state = _STATE_OF_DISPUTE.get(found.status)
    if state is None or found.payment_intent is None:
        return None
    currency = found.currency.upper()
    amount = from_stripe(found.amount, currency)
    return DisputeFact(found.id, found.payment_intent, state, amount, currency, found.reason)
