"""Sessions that are over while access tokens of theirs still look good: every process knows them.

PostgreSQL says within milliseconds of the commit that a session was deleted, whoever did it; who starts, or
lost the connection, reads what happened meanwhile. See decision 0030.
"""

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import timedelta

from boxoffice.accounts.sessions import queries
from boxoffice.kit.notices import listening
from boxoffice.kit.postgres import Database

# The longest that a token lives, as the settings allow, and a minute for what was under way.
REMEMBERED = timedelta(minutes=16)

# What the trigger of the table `sessions` says them on.
CHANNEL = "session_ended"


class EndedSessions:
    """The numbers of sessions that ended a moment ago: `number in ended.until`."""

    def __init__(self) -> None:
        # Oldest first, each with when it may be forgotten.
        self.until: dict[int, float] = {}

    def add(self, number: int) -> None:
        """Take down that this session is over; forget those whose tokens have all run out."""
        now = time.monotonic()
        while self.until and self.until[oldest := next(iter(self.until))] <= now:
            del self.until[oldest]
        self.until[number] = now + REMEMBERED.total_seconds()

    @asynccontextmanager
    async def followed(self, db: Database) -> AsyncGenerator[None]:
        """Hear of every session that ends while the block runs."""

        async def catch_up() -> None:
            for number in await queries.list_ended(db, REMEMBERED):
                self.add(number)

        async with listening(db.dsn, CHANNEL, lambda said: self.add(int(said)), catch_up):
            yield


async def forget_ended_sessions(db: Database) -> None:
    """Delete what nobody has to be told of any more."""
    async with db.transaction() as tx:
        await queries.delete_ended(tx, REMEMBERED)
