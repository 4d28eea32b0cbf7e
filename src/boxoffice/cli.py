"""The `boxoffice` command. Every error is one clear line, never a traceback."""

import asyncio
import errno
import os
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import asyncpg
import typer
from rich.console import Console

from boxoffice import __version__
from boxoffice.accounts.identity import Identity, Role
from boxoffice.inventory.journal.cli import journal_commands
from boxoffice.kit.errors import InvalidInput, Refusal, SetupError, Unavailable
from boxoffice.kit.settings import Settings, load_settings
from boxoffice.payments.ledger.cli import ledger_commands

if TYPE_CHECKING:
    from boxoffice.payments.ledger.console import Tills

# What a person can read at once; the rest shows when these are mended.
_FAULTS_SHOWN_MAX = 10

# What Typer makes of a KeyboardInterrupt: the status of a program that SIGINT has ended.
_SIGINT_STATUS = 130

_INTERRUPTED = "Stopped before it was done."

# The commands import what they need when they are called: `boxoffice --help` answers at once.
# ruff: noqa: PLC0415

app = typer.Typer(
    name="boxoffice",
    help="Sell tickets: hold seats, take payments, admit guests. Everything is kept in PostgreSQL.",
    epilog="Settings come from the environment; .env.example explains each.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
seat_map_app = typer.Typer(help="Seat maps of venues.", no_args_is_help=True)
user_app = typer.Typer(help="Accounts.", no_args_is_help=True)
app.add_typer(seat_map_app, name="seat-map")
app.add_typer(user_app, name="user")

Port = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Port to listen on.  [BOXOFFICE_PORT, else 8000]")
]


def main() -> None:
    """Run the command line; the process's exit status is 0, or 1 with a line that says why."""
    try:
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        if not error.format_message():  # a group without a command has printed its help
            sys.exit(0)
        _fail(f"{error.format_message()} (`boxoffice --help` says more.)")
    except (KeyboardInterrupt, typer.Abort):
        _fail(_INTERRUPTED)
    except Exception as error:
        if os.environ.get("BOXOFFICE_LOG_LEVEL") == "debug":
            raise
        _fail(in_words(error))
    if status == _SIGINT_STATUS:
        _fail(_INTERRUPTED)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(words: str) -> NoReturn:
    sys.stderr.write(f"boxoffice: {words}\n")
    sys.exit(1)


def in_words(error: BaseException) -> str:
    """What happened and what to do about it."""
    if isinstance(error, SetupError):
        return str(error)
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(cause)
    if any(_is_disk_full(each) for each in chain):
        return f"The disk is full ({chain[-1]}): make room, then start again."
    match error:
        case InvalidInput():
            return _faults_in_words(error)
        case Unavailable():
            return f"{error.detail} ({chain[-1]})" if len(chain) > 1 else error.detail
        case Refusal():
            return error.detail
        case _:
            return _unforeseen_in_words(error)


def _unforeseen_in_words(error: BaseException) -> str:
    if isinstance(error, asyncpg.PostgresError | OSError):
        return str(error).partition("\n")[0]
    return (
        f"This is a bug of Boxoffice: {type(error).__name__}: {error}. Set BOXOFFICE_LOG_LEVEL=debug "
        "and do it again to see where, then report it."
    )


def _faults_in_words(error: InvalidInput) -> str:
    lines = [f"  {each.pointer or ''} {each.detail}" for each in error.errors[:_FAULTS_SHOWN_MAX]]
    more = len(error.errors) - len(lines)
    return "\n".join(["The input does not fit:", *lines, *([f"  and {more} more"] if more else [])])


def _is_disk_full(error: BaseException) -> bool:
    return isinstance(error, asyncpg.DiskFullError) or (
        isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    )


def _settings(**given: object) -> Settings:
    """The settings, with the command's own options put into the environment, for worker processes too."""
    for field, value in given.items():
        if value is not None:
            os.environ[f"BOXOFFICE_{field.upper()}"] = str(value)
    return load_settings()


@contextmanager
def _open_postgres() -> Generator[str]:
    """Give the DSN of the database a command works with."""
    from boxoffice.command.which_postgres import postgres_to_change

    with postgres_to_change(_settings()) as postgres:
        yield postgres.dsn


@asynccontextmanager
async def _open_tills(dsn: str) -> AsyncGenerator["Tills"]:
    """Give the parts that ask providers; what is logged goes to standard error, beside what is printed."""
    from boxoffice.kit.logs import configure_logs
    from boxoffice.parts import Parts

    settings = _settings()
    configure_logs(settings)
    parts = Parts(settings, dsn)
    async with parts.running():
        yield parts


app.add_typer(journal_commands(_open_postgres), name="journal")
app.add_typer(ledger_commands(_open_postgres, _open_tills), name="ledger")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  Typer calls it this way
    if wanted:
        typer.echo(f"boxoffice {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[  # noqa: FBT002  a flag of the command line is a flag
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is."),
    ] = False,
) -> None:
    """Take the options that come before the command."""


@app.command()
def serve(
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on.  [BOXOFFICE_HOST, else 127.0.0.1]")
    ] = None,
    port: Port = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=64, help="Worker processes.  [BOXOFFICE_WORKERS, else 2]")
    ] = None,
    jobs: Annotated[
        bool | None, typer.Option("--jobs/--no-jobs", help="Do background jobs in the workers.")
    ] = None,
) -> None:
    """Serve the API, with DATABASE_URL or with a PostgreSQL of its own. Ctrl-C stops everything."""
    settings = _settings(host=host, port=port, workers=workers, jobs_inside=_flag(jobs))
    from boxoffice.command import serve as server

    server.serve(settings)


def _flag(value: bool | None) -> str | None:  # noqa: FBT001  as it comes from the command line
    return None if value is None else str(value).lower()


@app.command()
def worker() -> None:
    """Do background jobs only, for DATABASE_URL or beside a `boxoffice serve --no-jobs`."""
    settings = _settings()
    from boxoffice.command.worker_process import work

    work(settings)


@app.command()
def migrate(
    *,
    sql: Annotated[
        bool, typer.Option("--sql", help="Print the SQL instead, for a DBA to read and run.")
    ] = False,
) -> None:
    """Bring the database's schema to the version this program needs; safe to run twice, or twice at once."""
    from boxoffice.command.which_postgres import postgres_to_migrate, schema_versions
    from boxoffice.migrations import rights
    from boxoffice.migrations import run as migrations

    settings = _settings()
    if sql:
        typer.echo(migrations.offline_sql())
        if settings.database_url and settings.database_owner_url:
            typer.echo(rights.rights_sql(rights.login_of(settings.database_url).role))
        return
    with postgres_to_migrate(settings) as postgres:
        before, latest = schema_versions(postgres.owner_dsn)
        if before is not None and before > latest:
            typer.echo(f"The schema is at version {before}: newer than this program, which can live with it.")
            return
        migrations.migrate(postgres.owner_dsn)
        if postgres.owner_dsn != postgres.dsn:
            rights.grant_rights(postgres.owner_dsn, rights.login_of(postgres.dsn))
    typer.echo(f"The schema is at version {latest}" + (", as before." if before == latest else "."))


@seat_map_app.command("import")
def import_seat_map(
    file: Annotated[
        Path,
        typer.Argument(exists=True, dir_okay=False, readable=True, help="The plan, as JSON of either shape."),
    ],
    venue: Annotated[int, typer.Option(min=1, max=2**63 - 1, help="The id of the venue.")],
) -> None:
    """Store a seat map as the next version of a venue's map."""
    from boxoffice.command.seat_map_import import import_file
    from boxoffice.command.which_postgres import postgres_to_change

    with postgres_to_change(_settings()) as postgres:
        summary = import_file(postgres.dsn, Identity(0, Role.ADMIN), venue, file)
    typer.echo(
        f"Seat map {summary.id} is version {summary.version} of venue {venue}: {summary.seat_count} seats, "
        f"{summary.place_count} places in {len(summary.categories)} categories."
    )


@user_app.command()
def promote(
    email: Annotated[str, typer.Argument(help="The account's address.")],
    role: Annotated[Role, typer.Argument(case_sensitive=False, help="What it may do from now on.")],
) -> None:
    """Give an account another role: USER buys, ORGANIZER sells its own events, ADMIN runs the house."""
    from boxoffice.accounts import admin
    from boxoffice.command.which_postgres import postgres_to_change
    from boxoffice.kit.postgres import Database

    async def run(dsn: str) -> None:
        db = Database(dsn, connections_max=1)
        await db.open()
        try:
            await admin.promote(db, email, role)
        finally:
            await db.close()

    with postgres_to_change(_settings()) as postgres:
        asyncio.run(run(postgres.dsn))
    typer.echo(f"{email} is {role} now: more rights come with the next access token, fewer end all sessions.")


@app.command()
def doctor() -> None:
    """Say what would be used and what is wrong, in words; status 1 when something is."""
    settings = _settings()
    from boxoffice.command import doctor as consulting_room

    with Console().status("Looking"):
        findings = consulting_room.examine(settings)
    consulting_room.show(Console(), settings, findings)
    if any(finding.verdict is consulting_room.Verdict.WRONG for finding in findings):
        raise typer.Exit(1)


@app.command()
def demo(
    *,
    reset: Annotated[bool, typer.Option("--reset", help="Delete what an earlier demo left.")] = False,
    port: Port = None,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Prepare and print only.")] = False,
) -> None:
    """Sell tickets on this machine: a real hall, a festival, three people, and lines to paste."""
    from boxoffice.command.demo_run import run_demo

    os.environ.setdefault("BOXOFFICE_LOG_FORMAT", "console")
    os.environ.setdefault("BOXOFFICE_LOG_LEVEL", "warning")
    url = os.environ.pop("DATABASE_URL", "")
    if url:
        sys.stderr.write("boxoffice: The demo leaves DATABASE_URL alone and uses a PostgreSQL of its own.\n")
    run_demo(_settings(port=port), reset=reset, then_serve=not no_serve)
