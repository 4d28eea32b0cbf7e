"""Logging in, staying logged in, logging out."""

from datetime import timedelta
from enum import Enum, auto

import msgspec
import structlog

from boxoffice.accounts import letters, queries
from boxoffice.accounts.confirmation import confirmed
from boxoffice.accounts.passwords import Hasher, Passwords, is_guessable, refuse_guessable
from boxoffice.accounts.schemas import Credentials, PasswordChange, Sessions, User
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.accounts.sessions import queries as session_queries
from boxoffice.accounts.sessions.queries import LockedSession
from boxoffice.accounts.sessions.refresh_tokens import RefreshToken, RefreshTokens
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.postgres import Database, Transaction

# An answer can be lost, and two tabs can refresh at once: for this long the previous token yields the
# same successor again. A thief who is this quick gets nothing that the next rotation does not reveal.
GRACE = timedelta(seconds=10)

# More devices than one person has; the oldest session gives way.
SESSIONS_PER_USER_MAX = 20

_log = structlog.get_logger()


class WrongCredentials(Refusal, status=401):
    """The e-mail address or the password is wrong."""


class AccountSuspended(Refusal, status=403):
    """This account is suspended; ask the operator."""


class SessionEnded(Refusal, status=401):
    """This session is over, or there is none; log in again."""


class Device(msgspec.Struct, frozen=True):
    """Where a log-in comes from, for its owner to recognise."""

    user_agent: str
    address: str


class Session(msgspec.Struct, frozen=True):
    """A session as its owner holds it: the next refresh token, good for `seconds`."""

    id: int
    user: User
    token: RefreshToken
    seconds: int


class Step(Enum):
    """What a presented token leads to."""

    ROTATE = auto()
    REPEAT = auto()
    EXPIRED = auto()
    REUSED = auto()


def decide_refresh(session: LockedSession, secret_hash: bytes) -> Step:
    """Rotate the current token, repeat for the previous one within its grace, else end the session."""
    if session.remaining <= timedelta(0):
        return Step.EXPIRED
    if secret_hash == session.secret_hash:
        return Step.ROTATE
    if secret_hash == session.previous_hash and session.rotated_ago is not None:
        return Step.REPEAT if session.rotated_ago < GRACE else Step.REUSED
    return Step.REUSED


async def log_in(
    db: Database,
    hasher: Hasher,
    refresh_tokens: RefreshTokens,
    second_factors: SecondFactors,
    credentials: Credentials,
    device: Device,
) -> Session:
    """Begin a session. An unknown address takes as long as a wrong password.

    What more there is to say (suspended, a code is needed) is said only to who has the password.
    """
    stored = await queries.find_password(db, credentials.email)
    right = await hasher.verify(credentials.password, stored.password_hash if stored else None)
    if stored is None or not right:
        raise WrongCredentials
    new_hash = None
    if hasher.is_outdated(stored.password_hash):
        new_hash = await hasher.hash(credentials.password)
    token, session_id = refresh_tokens.new(), 0
    async with db.transaction() as tx:
        # Read again under the lock: a password that was reset meanwhile lets nobody in any more.
        if await queries.lock_user(tx, stored.user_id) != stored.password_hash:
            raise WrongCredentials
        user = await queries.get_user(tx, stored.user_id)
        if user.suspended:
            raise AccountSuspended
        refusal = await second_factors.check(tx, user.id, credentials.code)
        if refusal is None:
            if new_hash is not None:
                await queries.update_password_hash(tx, user.id, new_hash)
            session_id = await _begin(tx, user.id, token, refresh_tokens, device)
            if is_guessable(credentials.password):
                await letters.enqueue_letter(tx, letters.LetterKind.PASSWORD_KNOWN, user.email)
    # Refused only here, after the commit: raised inside, it would take the count of failures back.
    if refusal is not None:
        raise refusal
    return Session(session_id, user, token, int(refresh_tokens.lifetime.total_seconds()))


async def _begin(
    tx: Transaction, user_id: int, token: RefreshToken, refresh_tokens: RefreshTokens, device: Device
) -> int:
    await session_queries.delete_surplus_sessions(tx, user_id, keep=SESSIONS_PER_USER_MAX - 1)
    return await session_queries.insert_session(
        tx,
        family_hash=token.family_hash,
        secret_hash=token.secret_hash,
        user_id=user_id,
        lifetime=refresh_tokens.lifetime,
        user_agent=device.user_agent,
        address=device.address,
    )


async def refresh(db: Database, refresh_tokens: RefreshTokens, presented: bytes | None) -> Session:
    """Go on with a session: the presented token is used up, the answer has its successor.

    A token that was used up before ends the session for everybody who has one of its tokens, since
    either they or we are talking to a thief; only the last one may come again within `GRACE`.
    Raises `SessionEnded`.
    """
    token = RefreshToken.read(presented) if presented else None
    if token is None:
        raise SessionEnded
    async with db.transaction() as tx:
        session = await session_queries.lock_session(tx, token.family_hash)
        step = Step.EXPIRED if session is None else decide_refresh(session, token.secret_hash)
        if session is not None and step in (Step.ROTATE, Step.REPEAT):
            if step is Step.ROTATE:
                successor = refresh_tokens.successor(token)
                await session_queries.update_session(
                    tx, token.family_hash, old_hash=token.secret_hash, new_hash=successor.secret_hash
                )
            else:
                successor = refresh_tokens.find_successor(token, session.secret_hash)
            user = await queries.get_user(tx, session.user_id)
            if successor is not None and not user.suspended:
                return Session(session.id, user, successor, int(session.remaining.total_seconds()))
        await session_queries.delete_session(tx, token.family_hash)
    # Refused only here, after the commit: raised inside, it would take the revocation back.
    if session is not None and step is Step.REUSED:
        _log.warning("refresh token reused, session revoked", user_id=session.user_id)
    raise SessionEnded


async def log_out(db: Database, presented: bytes | None) -> None:
    """End the session of this token, whether the token is current or used up. Never fails."""
    token = RefreshToken.read(presented) if presented else None
    if token is None:
        return
    async with db.transaction() as tx:
        await session_queries.delete_session(tx, token.family_hash)


async def list_sessions(db: Database, user_id: int, presented: bytes | None) -> Sessions:
    """The user's sessions that are not over; the one of this refresh token is marked."""
    return Sessions(items=await session_queries.list_sessions(db, user_id, _family_of(presented)))


async def end_session(db: Database, user_id: int, session_id: int) -> None:
    """End one of the user's sessions. Raises `NotFound`."""
    async with db.transaction() as tx:
        if not await session_queries.delete_session_of(tx, user_id, session_id):
            raise NotFound


async def end_all_sessions(db: Database, user_id: int) -> None:
    """Log the user out everywhere."""
    async with db.transaction() as tx:
        await session_queries.delete_sessions(tx, user_id)


async def change_password(
    db: Database,
    passwords: Passwords,
    second_factors: SecondFactors,
    user_id: int,
    change: PasswordChange,
    presented: bytes | None,
) -> None:
    """Give the account another password and end its sessions, but for the one of this refresh token.

    Raises what `confirmed` raises, and `InvalidInput` for a password that is too easily guessed.
    """
    user = await queries.get_user(db, user_id)
    refuse_guessable("/new_password", change.new_password, user.email, user.name)
    new_hash = await passwords.hash(change.new_password)

    async def change_it(tx: Transaction) -> None:
        await queries.update_password_hash(tx, user_id, new_hash)
        await session_queries.delete_sessions(tx, user_id, keep=_family_of(presented))
        await letters.enqueue_letter(tx, letters.LetterKind.PASSWORD_CHANGED, user.email)

    await confirmed(db, passwords, second_factors, user_id, change, change_it)


def _family_of(presented: bytes | None) -> bytes | None:
    token = RefreshToken.read(presented) if presented else None
    return token.family_hash if token else None
