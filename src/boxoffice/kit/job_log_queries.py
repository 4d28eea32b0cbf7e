"""SQL of the log that PgQueuer keeps of its jobs."""

from datetime import timedelta

from boxoffice.kit.postgres import Transaction


async def delete_job_log(tx: Transaction, age: timedelta, rows_max: int) -> int:
    """Delete entries of this age, the oldest first; how many."""
    return await tx.execute(
        """
        DELETE FROM pgqueuer_log
         WHERE id IN (SELECT id
                        FROM pgqueuer_log
                       WHERE created < now() - $1::interval
                       ORDER BY created
                       LIMIT $2)
        """,
        age,
        rows_max,
    )
