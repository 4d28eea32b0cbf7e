"""What a provider says of refunds: that one has failed, or that somebody made one there by hand.

Both are facts. What came back is owed again, what went back by hand is taken over, each once, under the
payment's lock, so that together with ours it is never more than was captured. docs/money.md has it in words.
"""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import msgspec
import structlog

from boxoffice.inventory.commands import TakeBack
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.disputes.queries import Disputed, DisputedPayment, find_disputed, get_disputed
from boxoffice.payments.provider import Asked, Providers, RefundFact
from boxoffice.payments.refunds import fact_queries as queries
from boxoffice.payments.refunds.fact_queries import KnownRefund, LockedPayment, RefundByHand
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue
from boxoffice.payments.refunds.paid import know_paid
from boxoffice.payments.refunds.queries import update_refund_done
from boxoffice.payments.refunds.tax_shares import encode_shares, tax_of

# After a refund that failed it is tried again, each time after a longer while: a bank that was away is back,
# a card that was blocked is not. Then it is for people, who know another way.
AGAIN_AFTER = (timedelta(days=1), timedelta(days=3), timedelta(days=9))

# Takes a booking back all of whose money went back, by hand or by its bank.
TAKE_BACK_JOB = "take_back"

_BY_HAND = "It was given back at the payment provider."

_log = structlog.get_logger()


class TakeBackDue(msgspec.Struct, frozen=True):
    """The job's payload."""

    booking_id: UUID


async def take_refund(db: Database, provider: str, fact: RefundFact) -> None:
    """Make what was reported true here. Returns once it is durable; repeating it changes nothing.

    A refund of money that is not ours, or that was only authorised, moves nothing here.
    """
    payment = await find_disputed(db, provider, fact.payment_reference)
    if payment is None or payment.captured == 0:
        return
    async with db.transaction() as tx:
        # Refunds of ours and by hand take from one payment: each waits for the other here.
        locked = await queries.lock_refunded_payment(tx, payment.event_id, payment.id)
        ours = None
        if fact.refund_id is not None and event_of(fact.refund_id) == payment.event_id:
            ours = await queries.find_refund(tx, payment.event_id, payment.id, fact.refund_id)
        if fact.failure is not None:
            await _take_failure(tx, provider, payment, ours, fact)
        elif ours is None:
            await _take_over(tx, provider, payment, locked, fact)
        elif ours.state != "DONE" and not await queries.get_has_failed(tx, payment.event_id, fact.reference):
            # We died before we noted it, or were not answered.
            by_bank = max(0, ours.amount - fact.amount)
            await update_refund_done(tx, payment.event_id, ours.id, new_id(payment.event_id), by_bank)


async def take_refunds_there(db: Database, providers: Providers, asked: Asked) -> None:
    """Make true here what the provider has of a payment's refunds. Raises `Unavailable`."""
    for fact in await providers.get(asked.provider).list_refunds(asked):
        await take_refund(db, asked.provider, fact)


async def take_news(db: Database, provider: str, facts: Sequence[RefundFact]) -> int:
    """Make true what of these refunds is not in our books yet; how many there were."""
    news = set(await queries.list_news(db, provider, facts))
    for fact in facts:
        if fact.reference in news:
            await take_refund(db, provider, fact)
    return len(news)


async def carry_out_take_back(sales: GroupCommit, payload: bytes) -> None:
    """Cancel a booking whose money has all gone back; its tickets are void by the event's next batch."""
    booking_id = msgspec.json.decode(payload, type=TakeBackDue).booking_id
    try:
        await sales.submit(event_of(booking_id), TakeBack(booking_id, _BY_HAND))
    except Unavailable:
        raise
    except Refusal as refusal:
        _log.info("nothing to take back", booking_id=str(booking_id), reason=refusal.detail)


async def _take_over(
    tx: Transaction, provider: str, payment: DisputedPayment, locked: LockedPayment, fact: RefundFact
) -> None:
    """What was still to be had of the payment has gone back; what is more was owed to the buyer anyway."""
    event_id = payment.event_id
    amount = min(fact.amount, locked.captured - locked.refunded)
    refund_id = new_id(event_id) if amount else None
    # Those that could not be given back by us come first; of those that are due their jobs find the rest.
    made_up_for, rest = list[KnownRefund](), fact.amount - amount
    for each in await queries.list_failed(tx, event_id, payment.id):
        if each.amount <= rest:
            made_up_for.append(each)
            rest -= each.amount
    belongs_to = refund_id or next((each.id for each in made_up_for), None)
    if not await queries.insert_by_hand(tx, event_id, fact.reference, payment.id, belongs_to, fact.amount):
        return
    for each in made_up_for:
        await update_refund_done(tx, event_id, each.id, new_id(event_id), each.amount)
    metrics.REFUND_FACTS.labels(provider, "BY_HAND").inc()
    _log.warning("a refund was made by hand", provider=provider, reference=fact.reference)
    if refund_id is None:
        return
    shares = (await know_paid(tx, event_id, [locked.booking_id]))[locked.booking_id].take(amount)
    await queries.insert_refund_by_hand(
        tx,
        RefundByHand(
            event_id=event_id,
            id=refund_id,
            owed_movement_id=new_id(event_id),
            made_movement_id=new_id(event_id),
            payment_id=payment.id,
            booking_id=locked.booking_id,
            amount=amount,
            currency=locked.currency,
            taxes=tax_of(shares),
            tax_shares=encode_shares(shares),
            reason=_BY_HAND,
        ),
    )
    if locked.refunded + amount == locked.captured:
        await enqueue(tx, TAKE_BACK_JOB, TakeBackDue(locked.booking_id))


async def _take_failure(
    tx: Transaction, provider: str, payment: DisputedPayment, ours: KnownRefund | None, fact: RefundFact
) -> None:
    event_id = payment.event_id
    refund = ours
    if refund is None and (by_hand := await queries.find_refund_by_hand(tx, event_id, fact.reference)):
        refund = await queries.find_refund(tx, event_id, payment.id, by_hand)
    is_booked = refund is not None and refund.state == "DONE"
    if not await queries.insert_failure(
        tx,
        event_id=event_id,
        reference=fact.reference,
        payment_id=payment.id,
        refund_id=None if refund is None else refund.id,
        attempt_id=(refund.attempt_id or refund.id) if refund is not None and is_booked else None,
        amount=fact.amount,
        failure=fact.failure or "",
    ):
        return
    if refund is None or refund.state == "FAILED":
        return
    # Who has made it there by hand is asked: we do not know whether it was meant for this card.
    is_hopeless = fact.is_final or ours is None or refund.tries >= len(AGAIN_AFTER)
    again = None if is_hopeless else AGAIN_AFTER[refund.tries]
    lost_once = 0
    if ours is not None and is_booked:
        there = await get_disputed(tx, event_id, payment.id, "")
        lost_once = lost_once_only(there, refund)
    await _fail(
        tx, provider, event_id, payment.id, refund, fact.failure or "", again=again, lost_once=lost_once
    )


def paid_by_banks(due: int, left: int, lost: int) -> int:
    """What of all that is owed lost disputes have paid; what is left at the provider pays the rest."""
    return min(due, max(left, 0)) - min(due, max(left - lost, 0))


def lost_once_only(there: Disputed, failed: KnownRefund) -> int:
    """What disputes have taken a second time, as it seemed, of a refund that now has failed.

    It is owed again, and has been paid by a bank. `there` is as if it had gone back.
    """
    given, left = failed.amount - failed.by_bank, there.captured - there.given_back
    before = paid_by_banks(there.due, left, there.lost_before)
    now = paid_by_banks(there.due + failed.amount, left + given, there.lost_before)
    return max(0, now - before - failed.by_bank)


async def _fail(
    tx: Transaction,
    provider: str,
    event_id: int,
    payment_id: UUID,
    refund: KnownRefund,
    failure: str,
    *,
    again: timedelta | None,
    lost_once: int,
) -> None:
    await queries.update_not_given(
        tx,
        event_id,
        refund.id,
        attempt_id=new_id(event_id),
        movement_id=new_id(event_id),
        failure=failure,
        is_given_up=again is None,
        lost_once=lost_once,
    )
    metrics.REFUND_FACTS.labels(provider, "GIVEN_UP" if again is None else "FAILED").inc()
    _log.error("a refund has failed", refund_id=str(refund.id), reason=failure, again_in=str(again))
    if again is not None:
        await enqueue(tx, REFUND_JOB, RefundDue(payment_id, refund.id), delay=again)
