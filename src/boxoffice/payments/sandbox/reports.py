"""What the sandbox says of its books: the body of a webhook, and the facts in it."""

import secrets
from uuid import UUID

import msgspec

from boxoffice.kit.errors import invalid
from boxoffice.payments.provider import DisputeFact, DisputeState, Fact, FactKind, RefundFact
from boxoffice.payments.sandbox.queries import CheckoutRow, CheckoutState, DisputeRow, RefundRow

# After a refund that comes back with this, another attempt is in vain.
FINAL_FAILURE = "lost_or_stolen_card"

# What the bank of whoever disputes writes.
_REASON = "fraudulent"

_KIND_OF_STATE = {
    CheckoutState.DECLINED: FactKind.DECLINED,
    CheckoutState.AUTHORISED: FactKind.AUTHORISED,
    CheckoutState.PAID: FactKind.CAPTURED,
    CheckoutState.REFUNDED: FactKind.CAPTURED,
    CheckoutState.CLOSED: FactKind.CANCELLED,
}


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A webhook's body: how a payment stands, or how the dispute or the refund does that `id` names."""

    id: str
    payment_id: UUID
    amount: int
    currency: str
    kind: FactKind | None = None
    dispute: DisputeState | None = None
    refund_failure: str | None = None
    refund_id: UUID | None = None
    booking_id: UUID | None = None
    reference: str | None = None


def reference_of(payment_id: UUID) -> str:
    """The sandbox's own name for a payment."""
    return f"sandbox-{payment_id}"


def read_body(body: bytes) -> Fact | DisputeFact | RefundFact:
    """What a webhook says. Raises `InvalidInput`."""
    try:
        report = msgspec.json.decode(body, type=Report)
    except msgspec.DecodeError as error:
        raise invalid("", f"This is not a report of the sandbox: {error}") from None
    if report.kind is not None:
        return Fact(
            report.id,
            report.kind,
            report.payment_id,
            report.amount,
            report.currency,
            report.booking_id,
            report.reference,
        )
    reference = reference_of(report.payment_id)
    if report.refund_failure is not None:
        return RefundFact(
            report.id,
            reference,
            report.amount,
            report.currency,
            report.refund_id,
            report.refund_failure,
            is_final=report.refund_failure == FINAL_FAILURE,
        )
    if report.dispute is None:
        raise invalid("", "This is not a report of the sandbox: it is of no payment and of no dispute.")
    return DisputeFact(report.id, reference, report.dispute, report.amount, report.currency, _REASON)


def report_of_checkout(row: CheckoutRow) -> Report:
    fact = fact_of(row)
    return Report(
        id=fact.provider_event_id,
        payment_id=fact.payment_id,
        amount=fact.amount,
        currency=fact.currency,
        kind=fact.kind,
        booking_id=fact.booking_id,
        reference=fact.reference,
    )


def report_of_dispute(row: DisputeRow) -> Report:
    return Report(
        id=str(row.id),
        payment_id=row.payment_id,
        amount=row.amount,
        currency=row.currency,
        dispute=row.state,
    )


def fact_of_dispute(row: DisputeRow) -> DisputeFact:
    """How a dispute stands, as its report says it."""
    reference = reference_of(row.payment_id)
    return DisputeFact(str(row.id), reference, row.state, row.amount, row.currency, _REASON)


def report_of_refund(row: RefundRow) -> Report:
    return Report(
        id=str(row.attempt_id),
        payment_id=row.payment_id,
        amount=row.amount,
        currency=row.currency,
        refund_failure=row.failure,
        refund_id=row.ours,
    )


def refund_fact_of(row: RefundRow) -> RefundFact:
    is_final = row.failure == FINAL_FAILURE
    return RefundFact(
        str(row.attempt_id),
        reference_of(row.payment_id),
        row.amount,
        row.currency,
        row.ours,
        row.failure,
        is_final=is_final,
    )


def fact_of(row: CheckoutRow) -> Fact:
    """What the books say; what was captured has the same id, reported or asked for."""
    kind = _KIND_OF_STATE[row.state]
    report_id = str(row.charge) if kind is FactKind.CAPTURED else f"{kind.lower()}-{secrets.token_hex(8)}"
    return Fact(
        report_id,
        kind,
        row.payment_id,
        row.amount,
        row.currency,
        row.booking_id,
        reference_of(row.payment_id),
    )
