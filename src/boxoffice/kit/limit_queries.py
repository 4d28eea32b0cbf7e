"""SQL of limits of rates."""

from collections.abc import Sequence
from datetime import timedelta

import msgspec

from boxoffice.kit.postgres import Transaction


class Level(msgspec.Struct, frozen=True):
    """Whether a turn was had, and how long until everything that was taken is paid off."""

    had: bool
    drains_in: timedelta


class CountRow(msgspec.Struct, frozen=True):
    """What all processes have let through for a key."""

    key: bytes
    taken: int


async def claim_turn(tx: Transaction, key: bytes, *, each: timedelta, room: timedelta) -> Level | None:
    """Take a turn that costs `each`, if what was taken before and is not yet paid off leaves it `room`.

    One statement: of two that come at once the second waits for the row and then sees the first's turn. None
    when the row was made at this very moment by others who have left no room.
    """
    return await tx.find(
        Level,
        """
        WITH turn AS (
            INSERT INTO rate_limits AS known (key, drained_at)
            VALUES ($1, now() + $2::interval)
            ON CONFLICT (key) DO UPDATE
               SET drained_at = greatest(known.drained_at, now()) + $2::interval
             WHERE known.drained_at <= now() + $3::interval - $2::interval
            RETURNING drained_at
        )
        SELECT true AS had, drained_at - now() AS drains_in
          FROM turn
         UNION ALL
        SELECT false, drained_at - now()
          FROM rate_limits
         WHERE key = $1
           AND NOT EXISTS (SELECT FROM turn)
        """,
        key,
        each,
        room,
    )


async def delete_turns(tx: Transaction, key: bytes) -> int:
    return await tx.execute("DELETE FROM rate_limits WHERE key = $1", key)


async def delete_drained(tx: Transaction) -> int:
    """Forget those who have nothing left to pay off; how many."""
    return await tx.execute("DELETE FROM rate_limits WHERE drained_at < now()")


async def update_counts(
    tx: Transaction, minute: int, keys: Sequence[bytes], taken: Sequence[int]
) -> list[CountRow]:
    """Add what this process has let through; the sums of all.

    In the order of the keys, so that two processes never wait for each other in a circle.
    """
    return await tx.list(
        CountRow,
        """
        INSERT INTO request_counts AS known (minute, key, taken)
        SELECT $1, key, taken
          FROM unnest($2::bytea[], $3::bigint[]) AS new (key, taken)
         ORDER BY key
        ON CONFLICT (minute, key) DO UPDATE SET taken = known.taken + excluded.taken
        RETURNING key, taken
        """,
        minute,
        keys,
        taken,
    )


async def delete_counts(tx: Transaction, before: int) -> int:
    """Forget the minutes before this one."""
    return await tx.execute("DELETE FROM request_counts WHERE minute < $1", before)
