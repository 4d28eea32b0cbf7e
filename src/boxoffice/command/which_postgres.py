"""Which PostgreSQL a command works with: that of DATABASE_URL, one that `serve` has started, or its own."""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres_data import APP_NAME, NAME, dsn_of, homes_of
from boxoffice.kit.settings import Settings
from boxoffice.migrations import latest_version
from boxoffice.migrations.found import current_version, oldest_program
from boxoffice.migrations.rights import Login, grant_rights

# A database that has not answered by then would keep a person waiting for no known reason.
CONNECT_SECONDS_MAX = 5

# The versions Boxoffice is tested with.
MAJOR_MIN, MAJOR_MAX = 15, 18

_NO_ROLE_YET = " `boxoffice migrate` makes the role, if BOXOFFICE_DATABASE_OWNER_URL says who may."

# Line of postmaster.pid with the socket's folder (documented in PostgreSQL's miscadmin.h).
_SOCKET_LINE = 4


@dataclass(frozen=True, slots=True)
class Postgres:
    """An address and where it comes from, in words. The schema of our own server is ours to migrate.

    `dsn` is the application's, `owner_dsn` the one whose role owns the schema, if there are two.
    """

    dsn: str
    owner_dsn: str
    source: str
    version: str
    is_own: bool


@contextmanager
def postgres_to_serve(settings: Settings) -> Generator[Postgres]:
    """The given database, or a server of our own that lives as long as the block, migrated.

    Raises `SetupError` when it cannot be reached or started, when another Boxoffice has the data
    folder, or when this program cannot live with the given database's schema.
    """
    if settings.database_url is not None:
        yield _given(settings.database_url)
        return
    with _own(settings) as postgres:
        yield postgres


@contextmanager
def postgres_to_change(settings: Settings) -> Generator[Postgres]:
    """For a short command: like `postgres_to_serve`, but joins the server of a running `serve`."""
    running = None if settings.database_url else find_running(settings.data_folder)
    if running is not None:
        yield running
        return
    with postgres_to_serve(settings) as postgres:
        yield postgres


@contextmanager
def postgres_to_migrate(settings: Settings) -> Generator[Postgres]:
    """Like `postgres_to_change`, whatever the schema is."""
    if settings.database_url is not None:
        owner_dsn = settings.database_owner_url or settings.database_url
        yield Postgres(settings.database_url, owner_dsn, "DATABASE_URL", "", is_own=False)
        return
    with postgres_to_change(settings) as postgres:
        yield postgres


def find_running(data_folder: Path) -> Postgres | None:
    """The server that another process runs on this data folder, if it answers.

    Raises `SetupError` when it answers that it cannot let us in: its disk is full, or it is starting.
    """
    noted = find_noted(data_folder)
    if noted is None:
        return None
    home, socket_folder = noted
    dsn, owner_dsn = dsn_of(APP_NAME, socket_folder), dsn_of(NAME, socket_folder)
    try:
        version = version_of(owner_dsn)
    except SetupError as error:
        if isinstance(error.__cause__, asyncpg.PostgresError):
            raise
        return None
    return Postgres(dsn, owner_dsn, f"the server that process {_owner_of(home)} runs", version, is_own=True)


def find_noted(data_folder: Path) -> tuple[Path, str] | None:
    """Where a server that runs on this data folder has its files, and its socket, as it noted them."""
    if not data_folder.is_dir():
        return None
    for home in homes_of(data_folder.resolve()):
        try:
            lines = (home / "postgres" / "postmaster.pid").read_text().splitlines()
        except OSError:
            continue
        if len(lines) > _SOCKET_LINE:
            return home, lines[_SOCKET_LINE]
    return None


def version_of(dsn: str) -> str:
    """The server's version, as `18.4`. Raises `SetupError` when it cannot be reached."""

    async def ask() -> str:
        connection = await asyncpg.connect(dsn, timeout=CONNECT_SECONDS_MAX)
        try:
            return connection.get_settings().server_version.partition(" ")[0]
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except (OSError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        is_unknown = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError)
        raise SetupError(
            f"The database cannot be reached ({_in_words(error)}): check DATABASE_URL, and that "
            f"PostgreSQL runs.{_NO_ROLE_YET if is_unknown else ''}"
        ) from error


def refuse_version(version: str) -> None:
    """Raise `SetupError` for a server older than what Boxoffice is tested with."""
    if int(version.partition(".")[0]) < MAJOR_MIN:
        raise SetupError(f"PostgreSQL {version} is too old: Boxoffice needs {MAJOR_MIN} or newer.")


def refuse_schema(dsn: str) -> None:
    """Raise `SetupError` when this program cannot live with the schema."""
    current, needed = schema_versions(dsn)
    if is_older(current, needed):
        found = f"is at version {current}, this program needs {needed}" if current else "is empty"
        raise SetupError(f"The database {found}: run `boxoffice migrate`, then start again.")


def is_older(current: str | None, needed: str) -> bool:
    """Whether a schema that is at `current` has to be migrated first."""
    return current is None or current < needed


def schema_versions(dsn: str) -> tuple[str | None, str]:
    """What the schema is at, and what this program needs.

    Raises `SetupError` when the schema is newer than that, and says that this program is too old for it.
    """
    current, needed = current_version(dsn), latest_version()
    if current is not None and current > needed and oldest_program(dsn) > needed:
        raise SetupError(
            f"The database's schema is at version {current}, newer than this program's {needed}: "
            f"install the version of Boxoffice that made it."
        )
    return current, needed


def _given(dsn: str) -> Postgres:
    version = version_of(dsn)
    refuse_version(version)
    refuse_schema(dsn)
    return Postgres(dsn, dsn, "DATABASE_URL", version, is_own=False)


@contextmanager
def _own(settings: Settings) -> Generator[Postgres]:
    with EmbeddedPostgres(settings.data_folder, binaries=settings.postgres_binaries) as server:
        assert server.binaries is not None
        current, needed = schema_versions(server.dsn)
        if is_older(current, needed):
            # Alembic and SQLAlchemy take half a second to import, and most starts have nothing to migrate.
            from boxoffice.migrations.run import migrate  # noqa: PLC0415

            migrate(server.dsn)
        if current is None or current <= needed:
            grant_rights(server.dsn, Login(APP_NAME, None))
        source = f"embedded, from {server.binaries.source}"
        yield Postgres(server.app_dsn, server.dsn, source, server.version, is_own=True)


def _owner_of(home: Path) -> str:
    try:
        return (home / "lock").read_text().strip() or "unknown"
    except OSError:
        return "unknown"


def _in_words(error: BaseException) -> str:
    return (str(error).splitlines() or [""])[0] or "no answer"
