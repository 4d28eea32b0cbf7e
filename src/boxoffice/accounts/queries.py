"""All SQL over users."""

from typing import LiteralString

import msgspec

from boxoffice.accounts.identity import Role
from boxoffice.accounts.schemas import User
from boxoffice.kit.postgres import Source, Transaction

# What a `User` is read from.
_USERS: LiteralString = """
    SELECT id, email, name, role, created_at,
           email_verified_at IS NOT NULL AS email_verified,
           EXISTS (SELECT FROM second_factors f
                    WHERE f.user_id = users.id AND confirmed_at IS NOT NULL) AS second_factor,
           suspended_at IS NOT NULL AS suspended
      FROM users
"""


class PasswordRow(msgspec.Struct, frozen=True):
    """What a log-in is checked against."""

    user_id: int
    password_hash: str


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


async def find_password_hash(source: Source, user_id: int) -> str | None:
    return await source.find(str, "SELECT password_hash FROM users WHERE id = $1", user_id)


async def find_user(source: Source, user_id: int) -> User | None:
    return await source.find(User, _USERS + " WHERE id = $1", user_id)


async def get_user(source: Source, user_id: int) -> User:
    return await source.get(User, _USERS + " WHERE id = $1", user_id)


async def list_users(source: Source, pattern: str, after_id: int, limit: int) -> list[User]:
    """Accounts whose address or name is like the pattern (in lower case), oldest first."""
    return await source.list(
        User,
        _USERS
        + """
         WHERE id > $2
           AND (email_key LIKE $1 OR lower(name) LIKE $1)
         ORDER BY id
         LIMIT $3
        """,
        pattern,
        after_id,
        limit,
    )


async def lock_user(tx: Transaction, user_id: int) -> str | None:
    """Take the user's turn; the hash of their password, or None for nobody.

    What changes what an account may do (log-ins, its password, address, second factor, suspension) is then
    done one after the other.
    """
    return await tx.find(str, "SELECT password_hash FROM users WHERE id = $1 FOR NO KEY UPDATE", user_id)


async def update_password_hash(tx: Transaction, user_id: int, new_hash: str) -> None:
    await tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", user_id, new_hash)


async def update_role(tx: Transaction, user_id: int, role: Role) -> None:
    await tx.execute("UPDATE users SET role = $2 WHERE id = $1", user_id, role)


async def update_suspended(tx: Transaction, user_id: int, *, suspended: bool) -> None:
    await tx.execute(
        """
        UPDATE users
           SET suspended_at = CASE WHEN $2 THEN coalesce(suspended_at, now()) END
         WHERE id = $1
        """,
        user_id,
        suspended,
    )


async def update_email(tx: Transaction, user_id: int, email: str) -> int:
    """Give the account this address, which is verified; 0 when another account has it."""
    return await tx.execute(
        """
        UPDATE users
           SET email = $2, email_key = $3, email_verified_at = now()
         WHERE id = $1
           AND NOT EXISTS (SELECT FROM users other WHERE other.email_key = $3 AND other.id <> $1)
        """,
        user_id,
        email,
        _key_of(email),
    )


async def update_erased(tx: Transaction, user_id: int) -> None:
    """Leave nothing that says whose account it was; nobody can log in to it, and the address is free."""
    await tx.execute(
        """
        UPDATE users
           SET email = 'erased-' || id || '@erased.invalid',
               email_key = 'erased-' || id || '@erased.invalid',
               name = 'Erased',
               role = 'USER',
               password_hash = '-',
               email_verified_at = NULL,
               suspended_at = coalesce(suspended_at, now())
         WHERE id = $1
        """,
        user_id,
    )


async def update_email_verified(tx: Transaction, user_id: int, email: str) -> None:
    """Take down that the account's address is verified, if it is still this one."""
    await tx.execute(
        """
        UPDATE users
           SET email_verified_at = coalesce(email_verified_at, now())
         WHERE id = $1
           AND email_key = $2
        """,
        user_id,
        _key_of(email),
    )


async def update_warned(tx: Transaction, user_id: int) -> None:
    """Take down that the account's owner was told that it will be erased."""
    await tx.execute("UPDATE account_uses SET warned_at = now() WHERE user_id = $1", user_id)
