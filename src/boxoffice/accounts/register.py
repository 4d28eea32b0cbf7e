"""Making an account."""

import re

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.accounts.passwords import Passwords, refuse_guessable
from boxoffice.accounts.schemas import NewAccount, Registered
from boxoffice.kit.errors import invalid
from boxoffice.kit.postgres import Database

# Something, an @, and a domain with a dot. Only a letter that arrives proves more.
_ADDRESS = re.compile(r"[^\s@]+@[^\s@.]+(\.[^\s@.]+)+")


async def register(db: Database, passwords: Passwords, account: NewAccount) -> Registered:
    """Make the account, unless the address has one: that one stays as it is, and nobody is told.

    Both cases are the same in words and in time: the answer repeats the request and holds nothing of
    the stored row (no id, no date), a password is hashed either way, and both commits wait for the
    disk. Until addresses are verified by e-mail, whoever registers somebody else's address can still
    learn by trying to log in afterwards that it was taken; that costs them two hashes and leaves an
    account behind for every address that was not.
    """
    if not _ADDRESS.fullmatch(account.email):
        raise invalid("/email", "This is not an e-mail address such as ada@example.org.")
    refuse_guessable(account)
    password_hash = await passwords.hash(account.password)
    async with db.transaction() as tx:
        await queries.insert_user(
            tx, email=account.email, name=account.name, role=Role.USER, password_hash=password_hash
        )
    return Registered(email=account.email, name=account.name)
