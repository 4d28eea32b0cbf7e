"""Refunds: recorded with their reason when they are owed, carried out by a job that never gives up."""

from datetime import timedelta
from uuid import UUID

import msgspec

from boxoffice.inventory.batch import Decided
from boxoffice.inventory.commands import CalledOff
from boxoffice.kit.ids import event_of
from boxoffice.kit.jobs import enqueue_all
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments import refund_queries as queries
from boxoffice.payments.provider import Providers

REFUND_JOB = "refund"

# Stripe takes 100 calls a second of one account, 25 of a test account, and answers 429 beyond that. A refund
# is two calls; a fifth is left for buyers. 10,000 refunds take 17 minutes.
REFUNDS_PER_SECOND = 10

_CANCELLED = "The event is cancelled."


class RefundDue(msgspec.Struct, frozen=True):
    """The job's payload."""

    payment_id: UUID


async def owe_refunds(tx: Transaction, decided: Decided) -> None:
    """Owe everything back that was paid for bookings that are called off, in the transaction that does it.

    The jobs queue up behind all refunds that are due by now, whichever event's, so that together they keep to
    REFUNDS_PER_SECOND.
    """
    confirmed = [
        booking_id
        for outcome in decided.outcomes
        if isinstance(outcome, CalledOff)
        for booking_id in outcome.confirmed_ids
    ]
    if not confirmed:
        return
    ahead = await queries.get_refunds_due(tx)
    owed = await queries.insert_refunds_of_bookings(tx, decided.event_id, confirmed, _CANCELLED)
    await enqueue_all(
        tx,
        REFUND_JOB,
        [
            (RefundDue(payment_id), timedelta(seconds=place / REFUNDS_PER_SECOND))
            for place, payment_id in enumerate(owed, start=ahead)
        ],
    )


async def carry_out_refund(db: Database, providers: Providers, pace: Pace, payload: bytes) -> None:
    """Tell the provider, then note that it is done. Repeatable at any point."""
    payment_id = msgspec.json.decode(payload, type=RefundDue).payment_id
    event_id = event_of(payment_id)
    await pace.turn()
    refund = await queries.find_due_refund(db, event_id, payment_id)
    if refund is None:
        return
    try:
        await providers.get(refund.provider).give_back(refund)
    except Exception:
        async with db.transaction() as tx:
            await queries.update_failed(tx, event_id, payment_id)
        raise
    async with db.transaction() as tx:
        await queries.update_refunded(tx, event_id, payment_id)
