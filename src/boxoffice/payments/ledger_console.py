"""What `boxoffice ledger` does and prints."""

import asyncio
import sys

from boxoffice.kit.postgres import Database
from boxoffice.payments.ledger_verification import Verified, verify_ledger

# What a person can read at once; the rest shows when these are mended.
_FAULTS_SHOWN_MAX = 20


def verify(dsn: str, event_id: int | None) -> bool:
    """Verify one event or all and print what is wrong; whether nothing is. Raises `SetupError`."""
    found = asyncio.run(_verify(dsn, event_id))
    for words in found.faults[:_FAULTS_SHOWN_MAX]:
        sys.stdout.write(f"{words}\n")
    if found.faults:
        more = len(found.faults) - _FAULTS_SHOWN_MAX
        rest = f", of which {more} are not shown" if more > 0 else ""
        sys.stdout.write(f"{len(found.faults)} differences{rest}.\n")
        return False
    sys.stdout.write(
        f"{found.events:,} events, {found.movements:,} movements: every one adds up to zero, and payments, "
        "refunds, disputes and bookings say the same.\n"
    )
    return True


async def _verify(dsn: str, event_id: int | None) -> Verified:
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        return await verify_ledger(db, event_id)
    finally:
        await db.close()
