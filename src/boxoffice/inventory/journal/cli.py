"""`boxoffice journal`: prove what happened to an event, or see it as it was.

To the command line this is what `api.py` beside it is to HTTP: the command line includes it and says where
PostgreSQL is.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

# The commands import what they need when they are called: `boxoffice --help` answers at once.
# ruff: noqa: PLC0415

# bigint's largest; an id or a version beyond it belongs to nothing.
NUMBER_MAX = 2**63 - 1


def journal_commands(open_postgres: Callable[[], AbstractContextManager[str]]) -> typer.Typer:
    """Make the commands; `open_postgres` gives the DSN of the database for as long as it is open."""
    app = typer.Typer(help="The journal of every sale.", no_args_is_help=True)

    def verify(
        event: Annotated[
            int | None, typer.Option(min=1, max=NUMBER_MAX, help="The id of one event.  [all of them]")
        ] = None,
    ) -> None:
        """Replay journals and compare them with the tables; status 1, with the first difference in words.

        Sales go on meanwhile; an event's turn is taken for the last comparison, for some milliseconds.
        """
        from boxoffice.inventory.journal import console as journal_console

        with open_postgres() as dsn:
            is_fine = journal_console.verify(dsn, event)
        if not is_fine:
            raise typer.Exit(1)

    def replay(
        *,
        event: Annotated[int, typer.Option(min=1, max=NUMBER_MAX, help="The id of the event.")],
        at: Annotated[str | None, typer.Option(help="A time, as 2027-01-11T10:00:03Z.  [now]")] = None,
        version: Annotated[
            int | None, typer.Option(min=0, max=NUMBER_MAX, help="After this journal row, instead of a time.")
        ] = None,
        seats: Annotated[bool, typer.Option("--seats", help="List the seats held and sold.")] = False,
        as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    ) -> None:
        """Show the inventory of an event as it was at a time or after a row of its journal."""
        from boxoffice.inventory.journal import console as journal_console

        if at is not None and version is not None:
            raise typer.BadParameter("Give --at or --version, not both.")
        moment = None if at is None else journal_console.moment_of(at)
        with open_postgres() as dsn:
            snapshot = journal_console.take(dsn, event, moment, version, with_seats=seats)
        journal_console.show(snapshot, as_json=as_json)

    app.command()(verify)
    app.command()(replay)
    return app
