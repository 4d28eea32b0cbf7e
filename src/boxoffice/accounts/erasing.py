"""Erasing an account: the row stays for the books, with nothing in it that says whose it was."""

from boxoffice.accounts import queries
from boxoffice.accounts.letters import LetterKind, enqueue_letter
from boxoffice.accounts.proofs import queries as proof_queries
from boxoffice.accounts.second_factor import queries as factor_queries
from boxoffice.accounts.sessions import queries as session_queries
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Transaction


async def lock_account(tx: Transaction, user_id: int) -> None:
    """Take the account's turn. Raises `NotFound`."""
    if await queries.lock_user(tx, user_id) is None:
        raise NotFound


async def erase_account(tx: Transaction, user_id: int) -> None:
    """Take name, address, password, sessions and second factor away; a last letter goes to the address.

    The lock of the user must be held.
    """
    user = await queries.get_user(tx, user_id)
    await enqueue_letter(tx, LetterKind.ERASED, user.email)
    await session_queries.delete_sessions(tx, user_id)
    await proof_queries.delete_proofs(tx, user_id)
    await factor_queries.delete_factor(tx, user_id)
    await queries.update_erased(tx, user_id)
