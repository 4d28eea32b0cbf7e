"""Setting a second factor up and removing it."""

from boxoffice.accounts import letters, queries
from boxoffice.accounts.confirmation import confirmed
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.schemas import Confirmation, NewFactor, RecoveryCodes
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.kit.errors import Refusal
from boxoffice.kit.postgres import Database, Transaction


async def set_up_factor(
    db: Database, passwords: Passwords, factors: SecondFactors, user_id: int, confirmation: Confirmation
) -> NewFactor:
    """Make a secret that counts once it is confirmed. Raises what `confirmed` raises, and `FactorExists`."""

    async def set_up(tx: Transaction) -> NewFactor:
        return await factors.set_up(tx, user_id, (await queries.get_user(tx, user_id)).email)

    return await confirmed(db, passwords, factors, user_id, confirmation, set_up)


async def confirm_factor(db: Database, factors: SecondFactors, user_id: int, code: str) -> RecoveryCodes:
    """Have the second factor count that was set up. Raises `NoFactor`, `FactorExists`, `WrongCode`..."""
    async with db.transaction() as tx:
        await queries.lock_user(tx, user_id)
        answer = await factors.confirm(tx, user_id, code)
        await _tell(tx, user_id, answer, letters.LetterKind.SECOND_FACTOR_ADDED)
    return _answer(answer)


async def renew_recovery_codes(
    db: Database, factors: SecondFactors, user_id: int, code: str
) -> RecoveryCodes:
    """Make new recovery codes; the old ones are void. Raises `NoFactor`, `WrongCode`..."""
    async with db.transaction() as tx:
        await queries.lock_user(tx, user_id)
        answer = await factors.renew_codes(tx, user_id, code)
        await _tell(tx, user_id, answer, letters.LetterKind.RECOVERY_CODES_RENEWED)
    return _answer(answer)


async def _tell(
    tx: Transaction, user_id: int, answer: RecoveryCodes | Refusal, kind: letters.LetterKind
) -> None:
    if isinstance(answer, RecoveryCodes):
        user = await queries.get_user(tx, user_id)
        await letters.enqueue_letter(tx, kind, user.email)


def _answer(answer: RecoveryCodes | Refusal) -> RecoveryCodes:
    # Refused after the commit, which has counted the failure.
    if isinstance(answer, Refusal):
        raise answer
    return answer


async def remove_factor(
    db: Database, passwords: Passwords, factors: SecondFactors, user_id: int, confirmation: Confirmation
) -> None:
    """Log in with the password alone from now on. Raises what `confirmed` raises."""

    async def remove(tx: Transaction) -> None:
        if await factors.remove(tx, user_id):
            user = await queries.get_user(tx, user_id)
            await letters.enqueue_letter(tx, letters.LetterKind.SECOND_FACTOR_REMOVED, user.email)

    await confirmed(db, passwords, factors, user_id, confirmation, remove)
