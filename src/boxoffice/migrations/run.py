"""Running the migrations. Apart from the package itself, because Alembic takes a second to import."""

import asyncio
import io
from collections.abc import Callable
from functools import partial
from pathlib import Path

import asyncpg
from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from boxoffice.kit.errors import SetupError
from boxoffice.migrations import ADVISORY_LOCK

# Whoever waits to change a table has everybody wait behind it: buyers notice two seconds, and a dump, which
# holds all tables, may take an hour.
LOCK_SECONDS_MAX = 2


def _config(connection: Connection | None = None, output: io.StringIO | None = None) -> Config:
    config = Config(output_buffer=output) if output else Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def migrate(dsn: str, version: str = "head") -> None:
    """Bring the schema to the newest version, or this one; safe to run from several processes at once.

    A sale may go on meanwhile. Raises `SetupError` when the database cannot be reached, is newer than this
    program, or has a table that somebody does not let go of.
    """

    def upgrade(connection: Connection) -> None:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        # From here on, since a process that migrates is waited for however long it takes.
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS_MAX}s'"))
        command.upgrade(_config(connection), version)

    _on_connection(dsn, upgrade)


def offline_sql() -> str:
    """All migrations as one SQL script, for a DBA to read and run."""
    output = io.StringIO()
    command.upgrade(_config(output=output), "head", sql=True)
    return output.getvalue()


def _on_connection(dsn: str, work: Callable[[Connection], None]) -> None:
    async def run() -> None:
        # asyncpg reads the address by itself, as it does everywhere else: SQLAlchemy knows no `sslmode`.
        engine = create_async_engine("postgresql+asyncpg://", async_creator=partial(asyncpg.connect, dsn))
        try:
            async with engine.begin() as connection:
                await connection.run_sync(work)
        finally:
            await engine.dispose()

    try:
        asyncio.run(run())
    except (SQLAlchemyError, CommandError, OSError, ValueError, asyncpg.PostgresError) as error:
        reason = (str(getattr(error, "orig", error)).splitlines() or ["no answer"])[0]
        if "lock timeout" in reason:
            reason = (
                "somebody holds a table, such as a dump or a person's session; nothing is changed, so do it "
                "again when they are done."
            )
        raise SetupError(f"The database cannot be migrated: {reason}") from error
