"""What schema a database has. Without Alembic, for which most starts have no other use."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from boxoffice.kit.errors import SetupError


def current_version(dsn: str) -> str | None:
    """The version the database is at, None when it is empty. Raises `SetupError`."""

    async def find(connection: asyncpg.Connection) -> Any:
        if await connection.fetchval("SELECT to_regclass('alembic_version')") is None:
            return None
        return await connection.fetchval("SELECT version_num FROM alembic_version")

    return asyncio.run(_on_connection(dsn, find))


def oldest_program(dsn: str) -> str:
    """The oldest program that can live with the schema, by the newest it knows. Raises `SetupError`."""

    async def find(connection: asyncpg.Connection) -> Any:
        return await connection.fetchval("SELECT version FROM oldest_program")

    return asyncio.run(_on_connection(dsn, find))


async def _on_connection(dsn: str, find: Callable[[asyncpg.Connection], Awaitable[Any]]) -> Any:
    try:
        connection = await asyncpg.connect(dsn)
        try:
            return await find(connection)
        finally:
            await connection.close()
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        reason = (str(error).splitlines() or ["no answer"])[0]
        raise SetupError(f"The version of the database's schema cannot be read: {reason}") from error
