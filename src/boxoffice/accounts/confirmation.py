"""What a thief of a session must not do: the password is asked for again, and the code if there is one."""

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from boxoffice.accounts import queries
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.second_factor.codes import FACTOR_REFUSALS, SecondFactors
from boxoffice.kit.errors import Refusal
from boxoffice.kit.postgres import Database, Transaction

T = TypeVar("T")


class WrongPassword(Refusal, status=403):
    """The password is not the one of this account."""


CONFIRMATION_REFUSALS = (WrongPassword, *FACTOR_REFUSALS)


class Confirming(Protocol):
    """A body that has the password, and the code if there is a second factor."""

    @property
    def password(self) -> str: ...
    @property
    def code(self) -> str | None: ...


async def confirmed(
    db: Database,
    passwords: Passwords,
    second_factors: SecondFactors,
    user_id: int,
    confirming: Confirming,
    work: Callable[[Transaction], Awaitable[T]],
) -> T:
    """Do the work, under the user's lock, for who has shown that the account is theirs.

    Raises one of `CONFIRMATION_REFUSALS`; a wrong code is counted.
    """
    checked_hash = await queries.find_password_hash(db, user_id)
    if not await passwords.verify(confirming.password, checked_hash):
        raise WrongPassword
    async with db.transaction() as tx:
        # Read again under the lock: the password may have been changed while this one was checked.
        if await queries.lock_user(tx, user_id) != checked_hash:
            raise WrongPassword
        refusal = await second_factors.check(tx, user_id, confirming.code)
        if refusal is None:
            return await work(tx)
    raise refusal
