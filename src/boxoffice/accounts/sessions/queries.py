"""All SQL over sessions."""

from datetime import timedelta

import msgspec

from boxoffice.accounts.schemas import SessionSummary
from boxoffice.kit.postgres import Source, Transaction


class LockedSession(msgspec.Struct, frozen=True):
    """A session while we have its lock. `rotated_ago` is None before the first rotation."""

    id: int
    user_id: int
    secret_hash: bytes
    previous_hash: bytes | None
    rotated_ago: timedelta | None
    remaining: timedelta


async def insert_session(
    tx: Transaction,
    *,
    family_hash: bytes,
    secret_hash: bytes,
    user_id: int,
    lifetime: timedelta,
    user_agent: str,
    address: str,
) -> int:
    """Begin the session; its number, which its access tokens carry."""
    return await tx.get(
        int,
        """
        INSERT INTO sessions (family_hash, secret_hash, user_id, expires_at, user_agent, address)
        VALUES ($1, $2, $3, now() + $4::interval, $5, $6)
        RETURNING id
        """,
        family_hash,
        secret_hash,
        user_id,
        lifetime,
        user_agent,
        address,
    )


async def lock_session(tx: Transaction, family_hash: bytes) -> LockedSession | None:
    """Take the session's turn; a second refresh of it waits here until our commit.

    Nothing is joined: a row that was locked by a rival is read again after the wait, what is joined
    to it is not.
    """
    return await tx.find(
        LockedSession,
        """
        SELECT id,
               user_id,
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


async def list_sessions(source: Source, user_id: int, family_hash: bytes | None) -> list[SessionSummary]:
    """The user's sessions that are not over, newest first; `current` is the one of this family."""
    return await source.list(
        SessionSummary,
        """
        SELECT id,
               created_at,
               coalesce(rotated_at, created_at) AS last_used_at,
               expires_at,
               user_agent,
               address,
               family_hash IS NOT DISTINCT FROM $2 AS current
          FROM sessions
         WHERE user_id = $1
           AND expires_at > now()
         ORDER BY created_at DESC, id
        """,
        user_id,
        family_hash,
    )


async def delete_session_of(tx: Transaction, user_id: int, session_id: int) -> int:
    return await tx.execute("DELETE FROM sessions WHERE user_id = $1 AND id = $2", user_id, session_id)


async def delete_sessions(tx: Transaction, user_id: int, *, keep: bytes | None = None) -> int:
    """End all of the user's sessions, but for the one of this family."""
    return await tx.execute(
        "DELETE FROM sessions WHERE user_id = $1 AND family_hash IS DISTINCT FROM $2", user_id, keep
    )


async def list_ended(source: Source, remembered: timedelta) -> list[int]:
    """Numbers of the sessions that ended in this time, oldest first."""
    return await source.list(
        int,
        """
        SELECT session_id
          FROM ended_sessions
         WHERE ended_at > now() - $1::interval
         ORDER BY ended_at
        """,
        remembered,
    )


async def delete_ended(tx: Transaction, remembered: timedelta) -> int:
    return await tx.execute("DELETE FROM ended_sessions WHERE ended_at <= now() - $1::interval", remembered)


async def delete_expired_sessions(tx: Transaction, limit: int) -> int:
    """Delete sessions that are over, so many at most."""
    return await tx.execute(
        """
        DELETE FROM sessions
         WHERE family_hash IN (SELECT family_hash FROM sessions WHERE expires_at <= now() LIMIT $1)
        """,
        limit,
    )
