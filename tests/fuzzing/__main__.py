"""`make fuzz`: a demo of its own, attacked for so many minutes."""

from typing import Annotated

import typer

from boxoffice.command.serve import end_on_sigterm
from fuzzing.attack import attack, log_in
from server import data_folder, started


def main(
    minutes: Annotated[int, typer.Option(help="How long.")] = 5,
    seed: Annotated[int, typer.Option(help="Fixes every choice.")] = 1,
) -> None:
    """Ask every operation for what nobody expects; exits with 1 when an answer should not have been."""
    end_on_sigterm()
    with data_folder() as folder, started(folder, command=("demo",)) as server:
        status, printed = attack(
            server.url, log_in(server.url), folder, seed=seed, examples=200, seconds=60 * minutes
        )
    typer.echo(printed)
    raise typer.Exit(status)


if __name__ == "__main__":
    typer.run(main)
