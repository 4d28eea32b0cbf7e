"""What a mailed token opens: verifying an address, changing it, a new password. Each works once."""

from datetime import timedelta
from enum import StrEnum

import asyncpg

from boxoffice.accounts import letters, queries
from boxoffice.accounts.confirmation import confirmed
from boxoffice.accounts.passwords import Passwords, refuse_guessable
from boxoffice.accounts.proofs import queries as proof_queries
from boxoffice.accounts.proofs.queries import ProofRow
from boxoffice.accounts.schemas import Address, EmailChange, PasswordReset, Proof
from boxoffice.accounts.second_factor import queries as factor_queries
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.accounts.sessions import queries as session_queries
from boxoffice.kit.errors import Refusal, invalid
from boxoffice.kit.mail import is_mail_address
from boxoffice.kit.mailed_tokens import MailedTokens, hash_of
from boxoffice.kit.postgres import Database, Transaction

# Whoever asks again sooner gets no second letter: nobody's mailbox is filled through us.
LETTER_PAUSE = timedelta(minutes=1)


class ProofIsOver(Refusal, status=410):
    """This link was used, is too old or is not one of ours; ask for another letter."""


class EmailTaken(Refusal, status=409):
    """Another account has this address by now."""


class Purpose(StrEnum):
    """What a token is for; one of each kind is good at a time."""

    VERIFY_EMAIL = "VERIFY_EMAIL"
    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105  the purpose, not a password
    CHANGE_EMAIL = "CHANGE_EMAIL"


# A reset is for somebody who sits and waits; a verification may wait for the weekend's end.
LIFE = {
    Purpose.VERIFY_EMAIL: timedelta(days=3),
    Purpose.RESET_PASSWORD: timedelta(hours=1),
    Purpose.CHANGE_EMAIL: timedelta(days=1),
}


class Proofs(MailedTokens):
    """The tokens that prove who reads an address."""

    def __init__(self, secret: str) -> None:
        super().__init__(secret, "mailed token")

    async def issue(self, tx: Transaction, user_id: int, purpose: Purpose, email: str) -> str | None:
        """The token to mail, the same for as long as it is good; None when it was mailed just now."""
        sent = await proof_queries.find_sent(tx, user_id, purpose, email)
        if sent is not None and hash_of(token := self.token_of(sent.nonce)) == sent.token_hash:
            return None if sent.sent_ago is not None and sent.sent_ago < LETTER_PAUSE else token
        nonce, token = self.new()
        await proof_queries.insert_proof(
            tx, user_id, purpose, email, nonce=nonce, token_hash=hash_of(token), life=LIFE[purpose]
        )
        return token


async def want_letter(db: Database, kind: letters.LetterKind, address: Address) -> None:
    """Have a letter written, if the address has an account that it fits; nobody here can tell."""
    async with db.transaction() as tx:
        await letters.enqueue_letter(tx, kind, address.email)


async def verify_email(db: Database, proof: Proof) -> None:
    """Verify the address the token was mailed to, or give it to the account that wanted it.

    Raises `ProofIsOver` or `EmailTaken`.
    """
    async with db.transaction() as tx:
        found = await _use(tx, proof.token, Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL)
        if found.purpose == Purpose.VERIFY_EMAIL:
            await queries.update_email_verified(tx, found.user_id, found.email)
            return
        user = await queries.get_user(tx, found.user_id)
        try:
            has_it = await queries.update_email(tx, found.user_id, found.email)
        except asyncpg.UniqueViolationError:
            # Somebody else was given it at this very moment.
            raise EmailTaken from None
        if not has_it:
            raise EmailTaken
        # Letters to the old address open nothing any more.
        await proof_queries.delete_proofs(tx, found.user_id)
        await letters.enqueue_letter(tx, letters.LetterKind.EMAIL_CHANGED, user.email)


async def reset_password(db: Database, passwords: Passwords, reset: PasswordReset) -> None:
    """Give the account another password, end all its sessions, and count its address as verified.

    A second factor stays, unless the address was not verified before: then it may be that of a stranger who
    registered it to keep its owner out.

    Raises `ProofIsOver`, and `InvalidInput` for what is too easily guessed.
    """
    found = await proof_queries.find_proof(db, hash_of(reset.token))
    if found is None or found.purpose != Purpose.RESET_PASSWORD:
        raise ProofIsOver
    user = await queries.get_user(db, found.user_id)
    refuse_guessable("/new_password", reset.new_password, user.email, user.name)
    new_hash = await passwords.hash(reset.new_password)
    async with db.transaction() as tx:
        found = await _use(tx, reset.token, Purpose.RESET_PASSWORD)
        if not (await queries.get_user(tx, found.user_id)).email_verified:
            await factor_queries.delete_factor(tx, found.user_id)
        await queries.update_password_hash(tx, found.user_id, new_hash)
        await queries.update_email_verified(tx, found.user_id, found.email)
        await session_queries.delete_sessions(tx, found.user_id)
        await letters.enqueue_letter(tx, letters.LetterKind.PASSWORD_CHANGED, found.email)


async def change_email(
    db: Database, passwords: Passwords, second_factors: SecondFactors, user_id: int, change: EmailChange
) -> None:
    """Mail the new address a link; the account keeps the old one until it is opened.

    Raises what `confirmed` raises.
    """
    if not is_mail_address(change.email):
        raise invalid("/email", "This is not an e-mail address such as ada@example.org.")

    async def want(tx: Transaction) -> None:
        await letters.enqueue_letter(tx, letters.LetterKind.CHANGE_EMAIL, change.email, user_id)

    await confirmed(db, passwords, second_factors, user_id, change, want)


async def _use(tx: Transaction, token: str, *purposes: Purpose) -> ProofRow:
    """Use the token up under its user's lock, so that log-ins come before or after. Raises `ProofIsOver`."""
    found = await proof_queries.find_proof(tx, hash_of(token))
    if found is None or found.purpose not in purposes:
        raise ProofIsOver
    await queries.lock_user(tx, found.user_id)
    used = await proof_queries.delete_proof(tx, hash_of(token))
    if used is None:
        raise ProofIsOver
    return used
