"""Disputes: a buyer's bank takes money back until it has decided. docs/money.md has the rules in words."""

from datetime import datetime
from uuid import UUID

import msgspec
import structlog

from boxoffice.inventory.commands import TakeBack
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.money import Money, step_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.desk import Desk
from boxoffice.payments.disputes import queries
from boxoffice.payments.disputes.queries import ClosedDispute, Disputed, DisputeRow, Loss, NewDispute
from boxoffice.payments.facts import take_fact
from boxoffice.payments.provider import Asked, DisputeFact, DisputeState, FactKind, Providers
from boxoffice.payments.reconciliation.foreign import note_foreign
from boxoffice.payments.reconciliation.late_captures import note_late_capture
from boxoffice.payments.refunds.facts import (
    TAKE_BACK_JOB,
    TakeBackDue,
    paid_by_banks,
    take_refunds_there,
)
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue
from boxoffice.payments.refunds.paid import know_paid
from boxoffice.payments.refunds.tax_shares import encode_shares, tax_of

_LOST = "The buyer's bank took it back."

_log = structlog.get_logger()


class DisputeView(msgspec.Struct, frozen=True):
    """A dispute of a payment; `reason` is the bank's word, `reference` the provider's id of it."""

    id: UUID
    booking_id: UUID
    payment_id: UUID
    reference: str
    amount: Money
    state: DisputeState
    reason: str
    opened_at: datetime
    closed_at: datetime | None


def share_loss(amount: int, disputed: Disputed, step: int) -> Loss:
    """What a dispute of this amount takes, once it is lost; what is left after it can be given back.

    What it takes beyond what is left, and was not owed, went back twice.
    """
    before = disputed.captured - disputed.given_back - disputed.lost_before
    return Loss(
        left=min(amount + -amount % step, disputed.captured - disputed.refunded),
        owed=paid_by_banks(disputed.due, before, amount),
    )


async def take_dispute(
    desk: Desk, sales: GroupCommit, providers: Providers, provider: str, fact: DisputeFact
) -> None:
    """Make what was reported true here. Returns once it is durable; repeating it changes nothing.

    One of money that is not ours is noted. Raises `Unavailable`: the provider reports it again.
    """
    payment = await queries.find_disputed(desk.db, provider, fact.payment_reference)
    if payment is None:
        await note_foreign(desk.db, provider, "DISPUTE", fact.reference, fact.amount, fact.currency)
        return
    if payment.captured == 0:
        # The dispute has overtaken the report of the money that it is about.
        asked = Asked(payment.id, provider, fact.payment_reference, payment.amount, payment.currency)
        known = await providers.get(provider).ask(asked)
        if known is not None:
            await take_fact(desk, sales, provider, known)
            if known.kind is FactKind.CAPTURED:
                await note_late_capture(desk.db, payment.id, known.amount)
    if fact.state is DisputeState.LOST:
        # A refund that went back before, and that we died before noting, is not what the bank has paid.
        asked = Asked(payment.id, provider, fact.payment_reference, payment.amount, payment.currency)
        await take_refunds_there(desk.db, providers, asked)
    async with desk.db.transaction() as tx:
        changes, has_bought = await _write(tx, payment, fact)
    for change in changes:
        metrics.DISPUTES.labels(provider, change).inc()
    if fact.state is DisputeState.LOST and fact.amount >= payment.amount and has_bought:
        # Also after a repetition: we may have died right here.
        await _take_back(sales, payment)


async def list_disputes(source: Source, event_id: int, cursor: str | None, limit: int) -> Page[DisputeView]:
    """The disputes of an event, newest first. Raises `UnknownCursor`."""
    before = decode_cursor(cursor, UUID) if cursor else None
    page = page_of(await queries.list_disputes(source, event_id, before, limit + 1), limit, _position)
    return Page(items=[_view(row) for row in page.items], next_cursor=page.next_cursor)


async def _write(
    tx: Transaction, payment: queries.DisputedPayment, fact: DisputeFact
) -> tuple[list[str], bool]:
    """Open it, close it, or both; what was closed stays as it is, whatever comes later.

    What has changed, and whether the payment has bought its booking.
    """
    await queries.lock_payment(tx, payment.event_id, payment.id)
    disputed = await queries.get_disputed(tx, payment.event_id, payment.id, fact.reference)
    dispute_id = disputed.dispute_id or new_id(payment.event_id)
    changes: list[str] = []
    if disputed.dispute_id is None:
        await queries.insert_dispute(
            tx,
            NewDispute(
                event_id=payment.event_id,
                id=dispute_id,
                movement_id=new_id(payment.event_id),
                payment_id=payment.id,
                booking_id=payment.booking_id,
                reference=fact.reference,
                amount=fact.amount,
                currency=fact.currency,
                reason=fact.reason,
            ),
        )
        changes.append("OPENED")
    if fact.state is DisputeState.OPEN or disputed.state in (DisputeState.WON, DisputeState.LOST):
        return changes, disputed.has_bought
    # What the bank took is what it said when it took it.
    amount = disputed.amount or fact.amount
    closed = ClosedDispute(
        event_id=payment.event_id,
        id=dispute_id,
        movement_id=new_id(payment.event_id),
        payment_id=payment.id,
        booking_id=payment.booking_id,
        amount=amount,
        currency=fact.currency,
    )
    if fact.state is DisputeState.WON:
        await queries.update_won(tx, closed)
    else:
        loss = share_loss(amount, disputed, step_of(fact.currency))
        if loss.left:
            paid = await know_paid(tx, payment.event_id, [payment.booking_id])
            shares = paid[payment.booking_id].take(loss.left)
            loss = Loss(loss.left, loss.owed, tax_of(shares), encode_shares(shares))
        await queries.update_lost(tx, closed, loss, _LOST)
        if loss.left and disputed.refunded + loss.left == disputed.captured:
            # All of it has gone back, though in parts.
            await enqueue(tx, TAKE_BACK_JOB, TakeBackDue(payment.booking_id))
    for refund_id in await queries.list_refunds_that_wait(tx, payment.event_id, payment.id):
        await enqueue(tx, REFUND_JOB, RefundDue(payment.id, refund_id))
    return [*changes, fact.state.value], disputed.has_bought


async def _take_back(sales: GroupCommit, payment: queries.DisputedPayment) -> None:
    try:
        await sales.submit(payment.event_id, TakeBack(payment.booking_id, _LOST))
    except Unavailable:
        raise
    except Refusal as refusal:
        _log.info("nothing to take back", booking_id=str(payment.booking_id), reason=refusal.detail)


def _position(row: DisputeRow) -> UUID:
    return row.id


def _view(row: DisputeRow) -> DisputeView:
    return DisputeView(
        id=row.id,
        booking_id=row.booking_id,
        payment_id=row.payment_id,
        reference=row.reference,
        amount=Money(row.amount, row.currency),
        state=DisputeState(row.state),
        reason=row.reason,
        opened_at=row.opened_at,
        closed_at=row.closed_at,
    )
