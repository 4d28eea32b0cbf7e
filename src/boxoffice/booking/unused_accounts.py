"""Accounts that nobody uses any more: their owners are warned, and a month later they are erased."""

from datetime import timedelta

import structlog

from boxoffice.accounts import erasing
from boxoffice.accounts.unused import WARNED_BEFORE, warn_of_erasure
from boxoffice.booking import queries
from boxoffice.booking.personal_data import StillResponsible, erase_in
from boxoffice.kit.postgres import Database

# Accounts of a round: as many letters as a mail server takes at once without thinking of spam.
ACCOUNTS_MAX = 100

_log = structlog.get_logger()


async def erase_unused_accounts(db: Database, days: int) -> None:
    """Erase accounts of buyers who have not logged in for so many days and expect no event; 0 is never.

    Each is warned `WARNED_BEFORE` beforehand. Organizers and admins are left to other admins.
    """
    if days == 0:
        return
    unused_for = timedelta(days=days)
    for user_id in await queries.list_unused_accounts(
        db, unused_for - WARNED_BEFORE, warned_before=None, limit=ACCOUNTS_MAX
    ):
        async with db.transaction() as tx:
            await erasing.lock_account(tx, user_id)
            if await queries.list_unused_accounts(
                tx, unused_for - WARNED_BEFORE, warned_before=None, user_id=user_id
            ):
                await warn_of_erasure(tx, user_id)
    for user_id in await queries.list_unused_accounts(
        db, unused_for, warned_before=WARNED_BEFORE, limit=ACCOUNTS_MAX
    ):
        await _erase(db, user_id, unused_for)


async def _erase(db: Database, user_id: int, unused_for: timedelta) -> None:
    async with db.transaction() as tx:
        # Asked again under the lock, which a log-in takes too: who comes back at last is not erased.
        await erasing.lock_account(tx, user_id)
        if not await queries.list_unused_accounts(
            tx, unused_for, warned_before=WARNED_BEFORE, user_id=user_id
        ):
            return
        try:
            await erase_in(tx, user_id)
        except StillResponsible:
            return
    _log.info("unused account erased", user_id=user_id)
