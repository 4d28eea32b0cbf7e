"""All SQL over API keys."""

from datetime import datetime

import msgspec

from boxoffice.catalog.team.roles import TeamRole
from boxoffice.catalog.team.schemas import ApiKey
from boxoffice.kit.postgres import Source, Transaction


class KeyRow(msgspec.Struct, frozen=True):
    """A key that is good; whose it is `may_sell` unless suspended, or no organizer any more."""

    id: int
    secret_hash: bytes
    organizer_id: int
    may_sell: bool
    role: TeamRole
    event_id: int | None
    is_used_anew: bool


async def find_key(source: Source, prefix: str) -> KeyRow | None:
    """The key of this prefix, unless it is over."""
    return await source.find(
        KeyRow,
        """
        SELECT k.id, k.secret_hash, k.organizer_id, k.role, k.event_id,
               u.suspended_at IS NULL AND u.role <> 'USER' AS may_sell,
               coalesce(k.last_used_at < now() - interval '1 minute', true) AS is_used_anew
          FROM api_keys k
          JOIN users u ON u.id = k.organizer_id
         WHERE k.prefix = $1
           AND (k.expires_at IS NULL OR k.expires_at > now())
        """,
        prefix,
    )


async def update_used(tx: Transaction, key_id: int) -> None:
    await tx.execute("UPDATE api_keys SET last_used_at = now() WHERE id = $1", key_id)


async def list_keys(source: Source, organizer_id: int) -> list[ApiKey]:
    return await source.list(
        ApiKey,
        """
        SELECT id, name, prefix, role, event_id, created_at, expires_at, last_used_at
          FROM api_keys
         WHERE organizer_id = $1
         ORDER BY id
        """,
        organizer_id,
    )


async def insert_key(
    tx: Transaction,
    *,
    organizer_id: int,
    event_id: int | None,
    role: TeamRole,
    name: str,
    prefix: str,
    secret_hash: bytes,
    expires_at: datetime | None,
) -> ApiKey:
    return await tx.get(
        ApiKey,
        """
        INSERT INTO api_keys (organizer_id, event_id, role, name, prefix, secret_hash, expires_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        RETURNING id, name, prefix, role, event_id, created_at, expires_at, last_used_at
        """,
        organizer_id,
        event_id,
        role,
        name,
        prefix,
        secret_hash,
        expires_at,
    )


async def delete_key(tx: Transaction, organizer_id: int, key_id: int) -> int:
    return await tx.execute("DELETE FROM api_keys WHERE organizer_id = $1 AND id = $2", organizer_id, key_id)


async def delete_keys(tx: Transaction, organizer_id: int) -> None:
    await tx.execute("DELETE FROM api_keys WHERE organizer_id = $1", organizer_id)
