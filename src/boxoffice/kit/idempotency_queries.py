"""SQL of idempotency keys."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class AnsweredRow(msgspec.Struct, frozen=True):
    """What was done under a key: for which request, and the answer as JSON."""

    owner_id: int
    operation: str
    key: str
    fingerprint: bytes
    answer: str


async def list_taken(tx: Transaction, numbers: Sequence[int]) -> list[int]:
    """Those of these locks that are ours now until the transaction ends; the others somebody has.

    Nobody waits here, so these locks are part of no circle.
    """
    return await tx.list(
        int,
        "SELECT number FROM unnest($1::bigint[]) AS lock (number) WHERE pg_try_advisory_xact_lock(number)",
        numbers,
    )


async def list_answered(
    source: Source, owner_ids: Sequence[int], operations: Sequence[str], keys: Sequence[str]
) -> list[AnsweredRow]:
    """What was done under these keys, as far as anything was."""
    return await source.list(
        AnsweredRow,
        """
        SELECT done.owner_id, done.operation, done.key, done.fingerprint, done.answer
          FROM unnest($1::bigint[], $2::text[], $3::text[]) AS asked (owner_id, operation, key)
          JOIN idempotency_keys AS done USING (owner_id, operation, key)
        """,
        owner_ids,
        operations,
        keys,
    )


async def insert_answered(tx: Transaction, rows: Sequence[AnsweredRow]) -> None:
    """Remember what is being done under these keys."""
    await tx.execute(
        """
        INSERT INTO idempotency_keys (owner_id, operation, key, fingerprint, answer)
        SELECT owner_id, operation, key, fingerprint, answer
          FROM unnest($1::bigint[], $2::text[], $3::text[], $4::bytea[], $5::json[])
            AS new (owner_id, operation, key, fingerprint, answer)
        """,
        [row.owner_id for row in rows],
        [row.operation for row in rows],
        [row.key for row in rows],
        [row.fingerprint for row in rows],
        [row.answer for row in rows],
    )


async def delete_answered(tx: Transaction, age: timedelta, rows_max: int) -> int:
    """Forget keys of this age, the oldest first; how many."""
    return await tx.execute(
        """
        DELETE FROM idempotency_keys AS done
         USING (SELECT owner_id, operation, key
                  FROM idempotency_keys
                 WHERE created_at < now() - $1::interval
                 ORDER BY created_at
                 LIMIT $2) AS old
         WHERE (done.owner_id, done.operation, done.key) = (old.owner_id, old.operation, old.key)
        """,
        age,
        rows_max,
    )


async def delete_answers_of(tx: Transaction, owner_id: int) -> None:
    """Forget what was answered to somebody."""
    await tx.execute("DELETE FROM idempotency_keys WHERE owner_id = $1", owner_id)
