"""Money that turns out to have been taken after it was decided that it goes back.

By our books it was only authorised, and was to be let go; a capture was on its way. What is given back then
is a refund, and may fail or be disputed like any other, so the books must have it.
"""

from uuid import UUID

import structlog

from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Database
from boxoffice.payments.disputes.queries import lock_payment
from boxoffice.payments.ledger.queries import update_captured_after_all

_log = structlog.get_logger()


async def note_late_capture(db: Database, payment_id: UUID, amount: int) -> bool:
    """Write down that the provider has captured all of it, if it was to be let go; whether it was."""
    event_id = event_of(payment_id)
    async with db.transaction() as tx:
        # Its refund may be noted just now: it is noted as that of captured money, or is there before us.
        await lock_payment(tx, event_id, payment_id)
        movement_ids = [new_id(event_id) for _ in range(4)]
        is_late = await update_captured_after_all(tx, event_id, payment_id, amount, movement_ids)
    if is_late:
        _log.warning("a payment was captured that was to be let go", payment_id=str(payment_id))
    return is_late
