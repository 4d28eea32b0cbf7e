"""All SQL over users and sessions."""

from datetime import timedelta

import msgspec

from boxoffice.accounts.identity import Role
from boxoffice.accounts.schemas import User
from boxoffice.kit.postgres import Source, Transaction


class PasswordRow(msgspec.Struct, frozen=True):
    """What a log-in is checked against."""

    user_id: int
    password_hash: str


class LockedSession(msgspec.Struct, frozen=True):
    """A session while we have its lock. `rotated_ago` is None before the first rotation."""

    user_id: int
    secret_hash: bytes
    previous_hash: bytes | None
    rotated_ago: timedelta | None
    remaining: timedelta


def _key_of(email: str) -> str:
    """The one account an address stands for, however it is written."""
    return email.lower()


async def insert_user(
    tx: Transaction, *, email: str, name: str, role: Role, password_hash: str
) -> int | None:
    """Add the user; their id, or None when the address has an account, which stays as it is.

    An existing account's row is locked, though not changed: so both cases write to the log and wait
    for the disk at commit, and take the same time.
    """
    return await tx.find(
        int,
        """
        INSERT INTO users (email, email_key, name, role, password_hash)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (email_key) DO UPDATE SET name = users.name WHERE false
        RETURNING id
        """,
        email,
        _key_of(email),
        name,
        role,
        password_hash,
    )


async def find_user_id(source: Source, email: str) -> int | None:
    return await source.find(int, "SELECT id FROM users WHERE email_key = $1", _key_of(email))


async def find_password(source: Source, email: str) -> PasswordRow | None:
    return await source.find(
        PasswordRow,
        "SELECT id AS user_id, password_hash FROM users WHERE email_key = $1",
        _key_of(email),
    )


async def find_user(source: Source, user_id: int) -> User | None:
    return await source.find(
        User, "SELECT id, email, name, role, created_at FROM users WHERE id = $1", user_id
    )


async def get_user(source: Source, user_id: int) -> User:
    return await source.get(
        User, "SELECT id, email, name, role, created_at FROM users WHERE id = $1", user_id
    )


async def lock_user(tx: Transaction, user_id: int) -> User:
    """Take the user's turn: their log-ins then tidy their sessions one after the other."""
    return await tx.get(
        User,
        "SELECT id, email, name, role, created_at FROM users WHERE id = $1 FOR NO KEY UPDATE",
        user_id,
    )


async def update_password_hash(tx: Transaction, user_id: int, old_hash: str, new_hash: str) -> int:
    """Replace the hash, unless somebody else has replaced it meanwhile."""
    return await tx.execute(
        "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2",
        user_id,
        old_hash,
        new_hash,
    )


async def update_role(tx: Transaction, email: str, role: Role) -> int:
    """Give the account this role; the number of accounts that were there."""
    return await tx.execute("UPDATE users SET role = $2 WHERE email_key = $1", _key_of(email), role)


async def insert_session(
    tx: Transaction, *, family_hash: bytes, secret_hash: bytes, user_id: int, lifetime: timedelta
) -> None:
    await tx.execute(
        """
        INSERT INTO sessions (family_hash, secret_hash, user_id, expires_at)
        VALUES ($1, $2, $3, now() + $4::interval)
        """,
        family_hash,
        secret_hash,
        user_id,
        lifetime,
    )


async def lock_session(tx: Transaction, family_hash: bytes) -> LockedSession | None:
    """Take the session's turn; a second refresh of it waits here until our commit.

    Nothing is joined: a row that was locked by a rival is read again after the wait, what is joined
    to it is not.
    """
    return await tx.find(
        LockedSession,
        """
        SELECT user_id,
               secret_hash,
               previous_hash,
               now() - rotated_at AS rotated_ago,
               expires_at - now() AS remaining
          FROM sessions
         WHERE family_hash = $1
           FOR UPDATE
        """,
        family_hash,
    )


async def update_session(tx: Transaction, family_hash: bytes, *, old_hash: bytes, new_hash: bytes) -> None:
    """Rotate: from now on only `new_hash` is current."""
    await tx.execute(
        """
        UPDATE sessions
           SET secret_hash = $3, previous_hash = $2, rotated_at = now()
         WHERE family_hash = $1
        """,
        family_hash,
        old_hash,
        new_hash,
    )


async def delete_session(tx: Transaction, family_hash: bytes) -> int:
    return await tx.execute("DELETE FROM sessions WHERE family_hash = $1", family_hash)


async def delete_surplus_sessions(tx: Transaction, user_id: int, *, keep: int) -> int:
    """Delete the user's sessions that are over, and the oldest of the rest beyond `keep`."""
    return await tx.execute(
        """
        DELETE FROM sessions
         WHERE user_id = $1
           AND family_hash NOT IN (SELECT family_hash
                                     FROM sessions
                                    WHERE user_id = $1
                                      AND expires_at > now()
                                    ORDER BY created_at DESC, family_hash
                                    LIMIT $2)
        """,
        user_id,
        keep,
    )
