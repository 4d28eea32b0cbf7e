"""Making an account."""

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Role
from boxoffice.accounts.letters import LetterKind, enqueue_letter
from boxoffice.accounts.passwords import Passwords, refuse_guessable
from boxoffice.accounts.schemas import NewAccount, Registered
from boxoffice.kit.errors import invalid
from boxoffice.kit.mail import is_mail_address
from boxoffice.kit.postgres import Database


async def register(db: Database, passwords: Passwords, account: NewAccount) -> Registered:
    """Make the account, unless the address has one: that one stays as it is, and nobody is told.

    Both cases are the same in words and in time: the answer repeats the request and holds nothing of
    the stored row (no id, no date), a password is hashed either way, both commits wait for the disk, and a
    letter is wanted in both: a job decides later which one.
    """
    if not is_mail_address(account.email):
        raise invalid("/email", "This is not an e-mail address such as ada@example.org.")
    refuse_guessable("/password", account.password, account.email, account.name)
    password_hash = await passwords.hash(account.password)
    async with db.transaction() as tx:
        await queries.insert_user(
            tx, email=account.email, name=account.name, role=Role.USER, password_hash=password_hash
        )
        await enqueue_letter(tx, LetterKind.REGISTERED, account.email)
    return Registered(email=account.email, name=account.name)
