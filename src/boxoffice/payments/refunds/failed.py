"""Refunds that the provider could not make, and what people decide about them."""

from uuid import UUID

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog.ownership import may_change
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.refunds import fact_queries as facts
from boxoffice.payments.refunds import queries
from boxoffice.payments.refunds.giving_back import view_of_refund
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue
from boxoffice.payments.refunds.queries import RefundRow
from boxoffice.payments.schemas import RefundState, RefundView


class NotFailed(Refusal, status=409):
    """This refund is `state`: only of one that is FAILED there is something to decide."""

    state: RefundState


async def try_again(db: Database, user: Identity, booking_id: UUID, refund_id: UUID) -> RefundView:
    """Have the provider asked once more; twice is the same. Raises `NotFound` and `NotFailed`."""
    event_id = event_of(booking_id)
    async with db.transaction() as tx:
        row = await _lock(tx, user, booking_id, refund_id)
        if row.state == RefundState.FAILED:
            await facts.update_due_again(tx, event_id, refund_id)
            await enqueue(tx, REFUND_JOB, RefundDue(row.payment_id, refund_id))
        elif row.state != RefundState.DUE:
            raise NotFailed(state=RefundState(row.state))
        return view_of_refund(booking_id, await _get(tx, booking_id, refund_id))


async def settle(db: Database, user: Identity, booking_id: UUID, refund_id: UUID) -> RefundView:
    """It was given back without the provider; twice is the same. Raises `NotFound` and `NotFailed`."""
    event_id = event_of(booking_id)
    async with db.transaction() as tx:
        row = await _lock(tx, user, booking_id, refund_id)
        if row.state == RefundState.FAILED:
            settled_by = "HOUSE" if user.role is Role.ADMIN else "ORGANIZER"
            by_bank = await facts.get_given_otherwise(tx, event_id, refund_id)
            await queries.update_refund_done(tx, event_id, refund_id, new_id(event_id), by_bank, settled_by)
        elif row.settled_by is None:
            raise NotFailed(state=RefundState(row.state))
        return view_of_refund(booking_id, await _get(tx, booking_id, refund_id))


async def _lock(tx: Transaction, user: Identity, booking_id: UUID, refund_id: UUID) -> RefundRow:
    """The refund as it is once nobody else writes it."""
    owners = await queries.find_booking_owners(tx, event_of(booking_id), booking_id)
    if owners is None or not may_change(user, owners.organizer_id):
        raise NotFound
    row = await _get(tx, booking_id, refund_id)
    await facts.lock_refunded_payment(tx, event_of(booking_id), row.payment_id)
    return await _get(tx, booking_id, refund_id)


async def _get(tx: Transaction, booking_id: UUID, refund_id: UUID) -> RefundRow:
    found = await queries.find_refund_of_booking(tx, event_of(booking_id), booking_id, refund_id)
    if found is None:
        raise NotFound
    return found
