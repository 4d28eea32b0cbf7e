"""What the command line does to accounts."""

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.people import give_role
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database


async def promote(db: Database, email: str, role: Role) -> None:
    """Give the account this role: more rights come with its next access token, fewer end its sessions.

    Raises `SetupError` when there is no such account.
    """
    user_id = await queries.find_user_id(db, email)
    if user_id is None:
        raise SetupError(f"There is no account for {email}: register it first, or check the spelling.")
    async with db.transaction() as tx:
        await queries.lock_user(tx, user_id)
        await give_role(tx, user_id, role)


async def create_user(
    db: Database, passwords: Passwords, *, email: str, name: str, password: str, role: Role
) -> int:
    """The id of this address's account, which is made if there is none; an existing one stays as it is.

    Whoever runs the house knows whose address it is: it counts as verified.
    """
    user_id = await queries.find_user_id(db, email)
    if user_id is not None:
        return user_id
    password_hash = await passwords.hash(password)
    async with db.transaction() as tx:
        user_id = await queries.insert_user(
            tx, email=email, name=name, role=role, password_hash=password_hash
        )
        if user_id is not None:
            await queries.update_email_verified(tx, user_id, email)
    if user_id is None:
        # Somebody else made it since we looked.
        user_id = await queries.find_user_id(db, email)
    assert user_id is not None
    return user_id
