"""What admins see and change of accounts."""

from msgspec import UNSET

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.schemas import User, UserChange
from boxoffice.accounts.sessions import queries as session_queries
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.text import pattern_of

# Each may do what those before it may, and more.
RANKS = (Role.USER, Role.ORGANIZER, Role.ADMIN)


class NotYourself(Refusal, status=409):
    """Nobody changes the role of their own account or suspends it; ask another admin."""


async def list_users(db: Database, words: str | None, *, cursor: str | None, limit: int) -> Page[User]:
    """Accounts with these words in the address or the name, oldest first. Raises `UnknownCursor`."""
    after = 0 if cursor is None else decode_cursor(cursor, int)
    pattern = "%" if words is None else pattern_of(words.lower())
    return page_of(await queries.list_users(db, pattern, after, limit + 1), limit, lambda user: user.id)


async def get_user(db: Database, user_id: int) -> User:
    """The account. Raises `NotFound`."""
    user = await queries.find_user(db, user_id)
    if user is None:
        raise NotFound
    return user


async def find_user_id(db: Database, email: str) -> int | None:
    """The account that an address stands for, however it is written."""
    return await queries.find_user_id(db, email)


async def give_role(tx: Transaction, user_id: int, role: Role) -> None:
    """Give the account another role. Who loses rights is logged out, so that no token has them any more.

    The lock of the user must be held.
    """
    before = (await queries.get_user(tx, user_id)).role
    await queries.update_role(tx, user_id, role)
    if RANKS.index(role) < RANKS.index(before):
        await session_queries.delete_sessions(tx, user_id)


async def change_user(db: Database, admin: Identity, user_id: int, change: UserChange) -> User:
    """Change the account's role, suspend it or let it in again. Raises `NotFound` or `NotYourself`."""
    if admin.user_id == user_id:
        raise NotYourself
    async with db.transaction() as tx:
        if await queries.lock_user(tx, user_id) is None:
            raise NotFound
        if change.role is not UNSET:
            await give_role(tx, user_id, change.role)
        if change.suspended is not UNSET:
            await queries.update_suspended(tx, user_id, suspended=change.suspended)
            if change.suspended:
                await session_queries.delete_sessions(tx, user_id)
        return await queries.get_user(tx, user_id)
