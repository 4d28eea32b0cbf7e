"""Taking what was authorised, once the places are sold: a job that never gives up."""

from uuid import UUID

import msgspec
import structlog

from boxoffice.inventory.commands import Withdraw
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Database
from boxoffice.payments import queries
from boxoffice.payments.ledger.movements import AT_LAST, record_captured
from boxoffice.payments.ledger.queries import update_gone
from boxoffice.payments.provider import FactKind, NotCapturable, Providers
from boxoffice.payments.queries import DueCapture

CAPTURE_JOB = "capture"

_log = structlog.get_logger()


class CaptureDue(msgspec.Struct, frozen=True):
    """The job's payload."""

    payment_id: UUID


async def carry_out_capture(db: Database, sales: GroupCommit, providers: Providers, payload: bytes) -> None:
    """Tell the provider, then note that it is done. Repeatable at any point.

    Money that turns out not to be there takes the tickets back with it: the booking is cancelled.
    """
    payment_id = msgspec.json.decode(payload, type=CaptureDue).payment_id
    event_id = event_of(payment_id)
    payment = await queries.find_due_capture(db, event_id, payment_id)
    if payment is None:
        return
    provider = providers.get(payment.provider)
    try:
        await provider.capture(payment)
    except NotCapturable:
        if await queries.find_due_capture(db, event_id, payment_id) is None:
            # Its event was cancelled meanwhile, and the refund let the authorisation go.
            return
        # After a card that failed the form may be open again: nobody is to pay there for what is taken back.
        known = await provider.close_checkout(payment)
        if known is None or known.kind is not FactKind.CAPTURED:
            await _take_tickets_back(db, sales, event_id, payment)
            return
    async with db.transaction() as tx:
        await record_captured(tx, event_id, [payment_id], AT_LAST)


async def _take_tickets_back(db: Database, sales: GroupCommit, event_id: int, payment: DueCapture) -> None:
    _log.error("authorised money is gone, its booking is cancelled", payment_id=str(payment.payment_id))
    metrics.CAPTURES_LOST.inc()
    await sales.submit(event_id, Withdraw(payment.booking_id, payment.payment_id))
    async with db.transaction() as tx:
        await update_gone(tx, event_id, payment.payment_id, new_id(event_id))
