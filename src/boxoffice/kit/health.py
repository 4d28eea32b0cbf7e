"""Two questions of an orchestrator: is the process alive, can it serve?"""

import asyncpg
import msgspec
from litestar import get
from litestar.di import NamedDependency

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import documents


class Health(msgspec.Struct, frozen=True):
    """`status` is always "ok": anything else is a 503 problem."""

    status: str = "ok"


@get("/health/live", operation_id="GetLive", summary="Is the process alive?", tags=["Operations"])
async def get_live() -> Health:
    """Answer as long as the event loop turns; asks nothing of PostgreSQL."""
    return Health()


@get(
    "/health/ready",
    operation_id="GetReady",
    summary="Can it serve?",
    tags=["Operations"],
    responses=documents(),
)
async def get_ready(db: NamedDependency[Database], schema_version: NamedDependency[str]) -> Health:
    """Answer 200 when PostgreSQL answers and this program can live with its schema, else 503.

    A newer schema than the program's own is the beginning of an upgrade, unless it says otherwise.
    """
    try:
        version = await db.find(str, "SELECT version_num FROM alembic_version") or "0"
    except asyncpg.UndefinedTableError:
        version = "0"
    if version < schema_version:
        raise Unavailable(
            f"The database is at version {version}, this program needs {schema_version}: run `boxoffice "
            "migrate`.",
            retry_after=5,
        )
    if version > schema_version:
        oldest = await db.get(str, "SELECT version FROM oldest_program")
        if oldest > schema_version:
            raise Unavailable(
                f"The database is at version {version}, for programs from {oldest} on; this one is "
                f"{schema_version}: start the program that has migrated it.",
                retry_after=5,
            )
    return Health()
