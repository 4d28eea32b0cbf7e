"""All SQL over second factors. The lock of the user's row must be held."""

from datetime import timedelta

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class FactorRow(msgspec.Struct, frozen=True):
    """A second factor; `recent_failures` since the last good code, none after they are over."""

    secret_sealed: bytes
    is_confirmed: bool
    last_step: int
    recent_failures: int


async def find_factor(source: Source, user_id: int, window: timedelta) -> FactorRow | None:
    return await source.find(
        FactorRow,
        """
        SELECT secret_sealed,
               confirmed_at IS NOT NULL AS is_confirmed,
               last_step,
               CASE WHEN failed_at > now() - $2::interval THEN failures ELSE 0 END AS recent_failures
          FROM second_factors
         WHERE user_id = $1
        """,
        user_id,
        window,
    )


async def insert_factor(tx: Transaction, user_id: int, secret_sealed: bytes) -> None:
    """Keep a secret that is not confirmed yet, in place of another such one."""
    await tx.execute(
        """
        INSERT INTO second_factors (user_id, secret_sealed)
        VALUES ($1, $2)
        ON CONFLICT (user_id) DO UPDATE
           SET secret_sealed = excluded.secret_sealed, last_step = 0, created_at = now()
         WHERE second_factors.confirmed_at IS NULL
        """,
        user_id,
        secret_sealed,
    )


async def update_sealed(tx: Transaction, user_id: int, secret_sealed: bytes) -> None:
    await tx.execute(
        "UPDATE second_factors SET secret_sealed = $2 WHERE user_id = $1", user_id, secret_sealed
    )


async def update_confirmed(tx: Transaction, user_id: int) -> None:
    await tx.execute("UPDATE second_factors SET confirmed_at = now() WHERE user_id = $1", user_id)


async def update_step(tx: Transaction, user_id: int, step: int) -> None:
    """No code of this time step or an older one is good any more; failures are forgotten."""
    await tx.execute(
        "UPDATE second_factors SET last_step = $2, failures = 0, failed_at = NULL WHERE user_id = $1",
        user_id,
        step,
    )


async def update_recovery_codes(tx: Transaction, user_id: int, hashes: list[bytes]) -> None:
    await tx.execute("UPDATE second_factors SET recovery_hashes = $2 WHERE user_id = $1", user_id, hashes)


async def delete_recovery_code(tx: Transaction, user_id: int, code_hash: bytes) -> int:
    """Strike the code off; 0 when it is none of theirs."""
    return await tx.execute(
        """
        UPDATE second_factors
           SET recovery_hashes = array_remove(recovery_hashes, $2), failures = 0, failed_at = NULL
         WHERE user_id = $1
           AND $2 = ANY (recovery_hashes)
        """,
        user_id,
        code_hash,
    )


async def update_failures(tx: Transaction, user_id: int, window: timedelta) -> None:
    """One more failure; the first after a quiet window counts as one."""
    await tx.execute(
        """
        UPDATE second_factors
           SET failures = CASE WHEN failed_at > now() - $2::interval THEN failures + 1 ELSE 1 END,
               failed_at = now()
         WHERE user_id = $1
        """,
        user_id,
        window,
    )


async def delete_factor(tx: Transaction, user_id: int) -> int:
    return await tx.execute("DELETE FROM second_factors WHERE user_id = $1", user_id)
