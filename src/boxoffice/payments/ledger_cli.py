"""`boxoffice ledger`: prove that no money was lost, and see what differs elsewhere.

To the command line this is what `ledger_api.py` is to HTTP.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated

import typer

# The commands import what they need when they are called: `boxoffice --help` answers at once.
# ruff: noqa: PLC0415

# bigint's largest; an id beyond it belongs to nothing.
EVENT_NUMBER_MAX = 2**63 - 1


def ledger_commands(open_postgres: Callable[[], AbstractContextManager[str]]) -> typer.Typer:
    """Make the command; `open_postgres` gives the DSN of the database for as long as it is open."""
    app = typer.Typer(help="The ledger of all money.", no_args_is_help=True)

    def verify(
        event: Annotated[
            int | None, typer.Option(min=1, max=EVENT_NUMBER_MAX, help="The id of one event.  [all of them]")
        ] = None,
    ) -> None:
        """Compare the ledger with payments, refunds, disputes and bookings; status 1, with what differs.

        Each event is read at one moment; sales go on meanwhile and wait for nothing.
        """
        from boxoffice.payments import ledger_console

        with open_postgres() as dsn:
            is_fine = ledger_console.verify(dsn, event)
        if not is_fine:
            raise typer.Exit(1)

    def differences() -> None:
        """List what a provider's books say and ours do not, newest first; status 1 if there is anything.

        A job compares them every hour; what it finds here is for a person to look at.
        """
        from boxoffice.payments import ledger_console

        with open_postgres() as dsn:
            is_fine = ledger_console.show_differences(dsn)
        if not is_fine:
            raise typer.Exit(1)

    app.command()(verify)
    app.command()(differences)
    return app
