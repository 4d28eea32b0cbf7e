"""PgQueuer logs what becomes of each job, for who looks for one that failed; nothing of ours reads it."""

from datetime import timedelta

from boxoffice.kit.job_log_queries import delete_job_log
from boxoffice.kit.postgres import Database

# Longer than it takes anybody to ask what became of a refund: after that the refund itself says it.
LOG_KEPT = timedelta(days=14)

# Entries of a round, about 0.1 s: a sale of 50,000 seats that are captured one by one leaves 75,000.
ENTRIES_MAX = 10_000


async def forget_job_log(db: Database) -> None:
    """Delete what is older than `LOG_KEPT`."""
    forgotten = ENTRIES_MAX
    while forgotten == ENTRIES_MAX:
        async with db.transaction() as tx:
            forgotten = await delete_job_log(tx, LOG_KEPT, ENTRIES_MAX)
