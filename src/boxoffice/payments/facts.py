"""What a provider reports, and what follows from it, written in one transaction."""

from uuid import UUID

import structlog

from boxoffice.inventory.batch import Decided
from boxoffice.inventory.changes import PaymentReturned
from boxoffice.inventory.commands import Confirm, Payment, PaymentOutcome
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.postgres import Transaction
from boxoffice.payments import queries
from boxoffice.payments.captures import CAPTURE_JOB, CaptureDue
from boxoffice.payments.desk import Desk
from boxoffice.payments.ledger.movements import AT_LAST, AT_ONCE, record_captured
from boxoffice.payments.ledger.queries import insert_money_to_return, update_capture_due
from boxoffice.payments.provider import Fact, FactKind
from boxoffice.payments.queries import PaymentAsked
from boxoffice.payments.reconciliation.foreign import note_foreign
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue

_log = structlog.get_logger()


# Written with whatever a batch decides about money, besides the captured and the returned.
_NOT_PAID = {FactKind.DECLINED: queries.update_declined, FactKind.CANCELLED: queries.update_cancelled}


async def take_fact(desk: Desk, sales: GroupCommit, provider: str, fact: Fact) -> None:
    """Make what was reported true here. Returns once it is durable; repeating it changes nothing.

    Money for a payment that we have no row of is written down by what it carries, or noted as foreign.
    Raises `NotFound` for a report that carries nothing of it and `Unavailable` when it cannot be written now:
    in both cases the provider will report it again.
    """
    event_id = event_of(fact.payment_id)
    payment = await desk.find_payment(fact.payment_id)
    if payment is None:
        payment = await _write_down(desk, provider, fact)
        if payment is None:
            return
    if payment.provider != provider:
        _log.error("a payment nobody asked for here", provider=provider, payment_id=str(fact.payment_id))
        raise NotFound
    if update := _NOT_PAID.get(fact.kind):
        async with desk.db.transaction() as tx:
            await update(tx, event_id, [fact.payment_id])
            await queries.insert_payment_events(
                tx, event_id, [provider], [fact.provider_event_id], [fact.payment_id], [fact.kind]
            )
        return
    await sales.submit(
        event_id,
        Confirm(
            payment.booking_id,
            Payment(
                fact.payment_id,
                fact.amount,
                fact.currency,
                provider,
                fact.provider_event_id,
                captured=fact.kind is FactKind.CAPTURED,
                as_asked=(fact.amount, fact.currency) == (payment.amount, payment.currency),
            ),
        ),
    )


async def _write_down(desk: Desk, provider: str, fact: Fact) -> PaymentAsked | None:
    """The payment that was opened at the provider, and that we died before writing down.

    It is for a booking of ours, so its money becomes tickets or goes back like any other. Money for no
    booking of ours is foreign. Raises `NotFound` for reports that do not say what they are about.
    """
    if fact.reference is None:
        _log.error("a payment nobody asked for", provider=provider, payment_id=str(fact.payment_id))
        raise NotFound
    if fact.kind in _NOT_PAID:
        return None
    event_id = event_of(fact.payment_id)
    if fact.booking_id is not None and event_of(fact.booking_id) == event_id:
        async with desk.db.transaction() as tx:
            await queries.insert_forgotten_payment(
                tx,
                event_id=event_id,
                payment_id=fact.payment_id,
                booking_id=fact.booking_id,
                provider=provider,
                amount=fact.amount,
                currency=fact.currency,
                reference=fact.reference,
            )
        payment = await desk.find_payment(fact.payment_id)
        if payment is not None:
            _log.warning("a payment was written down late", payment_id=str(fact.payment_id))
            return payment
    await note_foreign(desk.db, provider, "PAYMENT", fact.reference, fact.amount, fact.currency)
    return None


async def record_decided(tx: Transaction, decided: Decided) -> None:
    """Write the facts of a batch with their consequence: captured, to be captured, or to be given back."""
    settled = [
        (command.payment, outcome)
        for command, outcome in zip(decided.commands, decided.outcomes, strict=True)
        if isinstance(command, Confirm) and isinstance(outcome, PaymentOutcome)
    ]
    if not settled:
        return
    paid: list[Payment] = []
    others: list[Payment] = []
    for payment, outcome in settled:
        is_paid = outcome is PaymentOutcome.CONFIRMED and payment.captured
        (paid if is_paid else others).append(payment)
    if paid:
        await record_captured(
            tx, decided.event_id, _ids(settled, PaymentOutcome.CONFIRMED, captured=True), AT_ONCE, paid
        )
    if others:
        await queries.insert_payment_events(
            tx,
            decided.event_id,
            [payment.provider for payment in others],
            [payment.provider_event_id for payment in others],
            [payment.payment_id for payment in others],
            [FactKind.CAPTURED if payment.captured else FactKind.AUTHORISED for payment in others],
        )
    if authorised := _ids(settled, PaymentOutcome.CONFIRMED, captured=False):
        movement_ids = [new_id(decided.event_id) for _ in authorised]
        await update_capture_due(tx, decided.event_id, authorised, movement_ids)
        for payment_id in authorised:
            await enqueue(tx, CAPTURE_JOB, CaptureDue(payment_id=payment_id))
    if heard_again := _ids(settled, PaymentOutcome.ALREADY_SETTLED, captured=True):
        await record_captured(tx, decided.event_id, heard_again, AT_LAST)
    returned = [payment for payment, outcome in settled if outcome is PaymentOutcome.RETURNED]
    if not returned:
        return
    reasons = {
        change.payment_id: change.reason for change in decided.changes if isinstance(change, PaymentReturned)
    }
    await insert_money_to_return(
        tx,
        decided.event_id,
        [payment.payment_id for payment in returned],
        [new_id(decided.event_id) for _ in returned],
        [payment.amount for payment in returned],
        [payment.currency for payment in returned],
        [reasons[payment.payment_id] for payment in returned],
        [payment.captured for payment in returned],
    )
    for payment in returned:
        await enqueue(tx, REFUND_JOB, RefundDue(payment_id=payment.payment_id))


def _ids(
    settled: list[tuple[Payment, PaymentOutcome]], wanted: PaymentOutcome, *, captured: bool
) -> list[UUID]:
    """Each once: one report may come twice in one batch, and its money moves once."""
    found = [
        payment.payment_id
        for payment, outcome in settled
        if outcome is wanted and payment.captured is captured
    ]
    return list(dict.fromkeys(found))
