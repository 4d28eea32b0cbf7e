"""`boxoffice ledger`: prove that no money was lost, compare it with the providers' books, see what differs.

To the command line this is what `ledger_api.py` is to HTTP.
"""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from boxoffice.payments.ledger.console import Tills

# The commands import what they need when they are called: `boxoffice --help` answers at once.
# ruff: noqa: PLC0415

# bigint's largest; an id beyond it belongs to nothing.
EVENT_NUMBER_MAX = 2**63 - 1


# A provider's books are looked at as far back as a bank may still dispute a payment, and some more.
COMPARED_DAYS_MAX = 400


Event = Annotated[
    int | None, typer.Option(min=1, max=EVENT_NUMBER_MAX, help="The id of one event.  [all of them]")
]
Days = Annotated[int, typer.Option(min=1, max=COMPARED_DAYS_MAX, help="How far back, at least.")]
Done = Annotated[
    str | None,
    typer.Option(metavar="REFERENCE", help="One that is dealt with, by the provider's id of it."),
]
Note = Annotated[str | None, typer.Option(help="What was done about it, for the audit log.")]


def ledger_commands(
    open_postgres: Callable[[], AbstractContextManager[str]],
    open_tills: Callable[[str], AbstractAsyncContextManager["Tills"]],
) -> typer.Typer:
    """Make the command.

    `open_postgres` gives the DSN of the database for as long as it is open, and `open_tills` what it takes to
    ask the providers and to write down what they say.
    """
    app = typer.Typer(help="The ledger of all money.", no_args_is_help=True)

    def verify(event: Event = None) -> None:
        """Compare the ledger with payments, refunds, disputes, bookings, payouts; status 1 if they differ.

        Each event is read at one moment; sales go on meanwhile and wait for nothing.
        """
        from boxoffice.payments.ledger import console as ledger_console

        with open_postgres() as dsn:
            _end(is_fine=ledger_console.verify(dsn, event))

    def differences(done: Done = None, note: Note = None) -> None:
        """List what a provider's books say and ours do not, newest first; status 1 if there is anything.

        A job compares them every hour; what it finds here is for a person to look at. With --done it waits no
        longer, and is not counted any more, unless it differs by another amount one day.
        """
        from boxoffice.payments.ledger import console as ledger_console

        if (done is None) != (note is None):
            raise typer.BadParameter("--done and --note go together: say what was done about it.")
        with open_postgres() as dsn:
            if done is not None and note is not None:
                ledger_console.mark_done(dsn, done, note)
            else:
                _end(is_fine=ledger_console.show_differences(dsn))

    def reconcile(days: Days = 3) -> None:
        """Compare every provider's books with ours now, and say what was found; status 1 if anything differs.

        What a job does every hour: what was missed is made up for, what differs changes nothing here.
        """
        from boxoffice.payments.ledger import console as ledger_console

        with open_postgres() as dsn:
            _end(is_fine=ledger_console.reconcile(dsn, open_tills, days))

    app.command()(verify)
    app.command()(reconcile)
    app.command()(differences)
    return app


def _end(*, is_fine: bool) -> None:
    if not is_fine:
        raise typer.Exit(1)
