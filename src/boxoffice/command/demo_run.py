"""Runs `boxoffice demo`: PostgreSQL, the data, the server, and then what to do with it."""

from rich.console import Console

from boxoffice.command import demo
from boxoffice.command.demo import Offer
from boxoffice.command.serve import end_on_sigterm, free_address, serve
from boxoffice.command.which_postgres import Postgres, postgres_to_change
from boxoffice.kit.embedded_postgres import wipe
from boxoffice.kit.errors import SetupError
from boxoffice.kit.settings import Mode, Settings


def run_demo(settings: Settings, *, reset: bool, then_serve: bool) -> None:
    """Prepare, serve, and print the lines to paste once they would work. Raises `SetupError`."""
    if settings.mode is Mode.PRODUCTION:
        raise SetupError("BOXOFFICE_MODE is production: the demo's passwords are known to everybody.")
    end_on_sigterm()
    if then_serve:
        # Before anything is made: it is the one thing that is often wrong.
        free_address(settings)
    if reset and settings.data_folder.is_dir():
        wipe(settings.data_folder)
    console = Console()
    offers: list[Offer] = []

    def prepare(postgres: Postgres) -> None:
        offers.append(demo.prepare(settings, postgres.dsn, console))

    def show() -> None:
        demo.show(console, settings.public_url, offers[0])
        if settings.smtp_url is None:
            console.print(f"No mail server is set: letters become files in {settings.data_folder / 'mail'}.")
        if then_serve:
            console.print("Ctrl-C stops everything; the next demo goes on where this one was.")

    if not then_serve:
        with postgres_to_change(settings) as postgres:
            prepare(postgres)
        show()
        return
    console.print("Starting PostgreSQL and the server ...")
    serve(settings, prepare=prepare, when_ready=show)
    console.print("Stopped.")
