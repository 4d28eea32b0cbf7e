"""Logging in, staying logged in, logging out."""

from datetime import timedelta
from enum import Enum, auto

import msgspec
import structlog

from boxoffice.accounts import queries
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.queries import LockedSession
from boxoffice.accounts.refresh_tokens import RefreshToken, RefreshTokens
from boxoffice.accounts.schemas import Credentials, User
from boxoffice.kit.errors import Refusal
from boxoffice.kit.postgres import Database

# An answer can be lost, and two tabs can refresh at once: for this long the previous token yields the
# same successor again. A thief who is this quick gets nothing that the next rotation does not reveal.
GRACE = timedelta(seconds=10)

# More devices than one person has; the oldest session gives way.
SESSIONS_PER_USER_MAX = 20

_log = structlog.get_logger()


class WrongCredentials(Refusal, status=401):
    """The e-mail address or the password is wrong."""


class SessionEnded(Refusal, status=401):
    """This session is over, or there is none; log in again."""


class Session(msgspec.Struct, frozen=True):
    """A session as its owner holds it: the next refresh token, good for `seconds`."""

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
    db: Database, passwords: Passwords, refresh_tokens: RefreshTokens, credentials: Credentials
) -> Session:
    """Begin a session. An unknown address takes as long as a wrong password."""
    stored = await queries.find_password(db, credentials.email)
    right = await passwords.verify(credentials.password, stored.password_hash if stored else None)
    if stored is None or not right:
        raise WrongCredentials
    new_hash = None
    if passwords.is_outdated(stored.password_hash):
        new_hash = await passwords.hash(credentials.password)
    token = refresh_tokens.new()
    async with db.transaction() as tx:
        user = await queries.lock_user(tx, stored.user_id)
        if new_hash is not None:
            await queries.update_password_hash(tx, user.id, stored.password_hash, new_hash)
        await queries.delete_surplus_sessions(tx, user.id, keep=SESSIONS_PER_USER_MAX - 1)
        await queries.insert_session(
            tx,
            family_hash=token.family_hash,
            secret_hash=token.secret_hash,
            user_id=user.id,
            lifetime=refresh_tokens.lifetime,
        )
    return Session(user, token, int(refresh_tokens.lifetime.total_seconds()))


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
        session = await queries.lock_session(tx, token.family_hash)
        step = Step.EXPIRED if session is None else decide_refresh(session, token.secret_hash)
        if session is not None and step in (Step.ROTATE, Step.REPEAT):
            successor = refresh_tokens.successor(token)
            if step is Step.ROTATE:
                await queries.update_session(
                    tx, token.family_hash, old_hash=token.secret_hash, new_hash=successor.secret_hash
                )
            user = await queries.get_user(tx, session.user_id)
            return Session(user, successor, int(session.remaining.total_seconds()))
        await queries.delete_session(tx, token.family_hash)
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
        await queries.delete_session(tx, token.family_hash)
