"""Refunds: recorded with their reason when the money came, carried out by a job that never gives up."""

from uuid import UUID

import msgspec

from boxoffice.kit.ids import event_of
from boxoffice.kit.postgres import Database
from boxoffice.payments import queries
from boxoffice.payments.provider import Providers

REFUND_JOB = "refund"


class RefundDue(msgspec.Struct, frozen=True):
    """The job's payload."""

    payment_id: UUID


async def carry_out_refund(db: Database, providers: Providers, payload: bytes) -> None:
    """Tell the provider, then note that it is done. Repeatable at any point."""
    payment_id = msgspec.json.decode(payload, type=RefundDue).payment_id
    event_id = event_of(payment_id)
    refund = await queries.find_due_refund(db, event_id, payment_id)
    if refund is None:
        return
    await providers.get(refund.provider).give_back(refund)
    async with db.transaction() as tx:
        await queries.update_refunded(tx, event_id, payment_id)
