"""What goes by itself: sessions and tokens that are over, addresses in the audit log, unused accounts."""

from datetime import timedelta

from boxoffice.accounts import queries
from boxoffice.accounts.audit import queries as audit_queries
from boxoffice.accounts.letters import LetterKind, enqueue_letter
from boxoffice.accounts.proofs import queries as proof_queries
from boxoffice.accounts.sessions import queries as session_queries
from boxoffice.kit.postgres import Database, Transaction

# Entries of a round: a statement's worth, which holds nobody up.
ENTRIES_MAX = 1_000

# Long enough for somebody to find the letter after their holidays.
WARNED_BEFORE = timedelta(days=30)


async def warn_of_erasure(tx: Transaction, user_id: int) -> None:
    """Say by letter that the account will be erased in `WARNED_BEFORE`; a log-in takes that back."""
    user = await queries.get_user(tx, user_id)
    await queries.update_warned(tx, user_id)
    await enqueue_letter(tx, LetterKind.UNUSED, user.email)


async def forget_addresses(db: Database, days: int) -> None:
    """Have the audit log forget addresses and browsers that are older than this; 0 keeps them for ever."""
    while days > 0:
        async with db.transaction() as tx:
            if await audit_queries.update_addresses(tx, timedelta(days=days), ENTRIES_MAX) < ENTRIES_MAX:
                return


async def forget_old_sessions(db: Database) -> None:
    """Delete sessions that are over, with the address and the browser in them."""
    while True:
        async with db.transaction() as tx:
            if await session_queries.delete_expired_sessions(tx, ENTRIES_MAX) < ENTRIES_MAX:
                return


async def forget_old_proofs(db: Database) -> None:
    """Delete mailed tokens that are over, with the addresses they were to prove."""
    while True:
        async with db.transaction() as tx:
            if await proof_queries.delete_expired_proofs(tx, ENTRIES_MAX) < ENTRIES_MAX:
                return
