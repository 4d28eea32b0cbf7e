"""`make fuzz`: a demo of its own, attacked for so many minutes."""

from typing import Annotated

import typer

from boxoffice.command.serve import end_on_sigterm
from fuzzing.attack import attack, log_in
from server import data_folder, started

# An access token ends after a quarter of an hour; from then on every answer would be 401.
ROUND_MINUTES = 10


def main(
    minutes: Annotated[int, typer.Option(help="How long.")] = 5,
    seed: Annotated[int, typer.Option(help="Fixes every choice.")] = 1,
) -> None:
    """Ask every operation for what nobody expects; exits with 1 when an answer should not have been."""
    end_on_sigterm()
    with data_folder() as folder, started(folder, command=("demo",)) as server:
        found = 0
        for begin in range(0, minutes, ROUND_MINUTES):
            seconds = 60 * min(ROUND_MINUTES, minutes - begin)
            token = log_in(server.url)
            status, printed = attack(
                server.url, token, folder, seed=seed + begin, examples=200, seconds=seconds
            )
            typer.echo(printed)
            found = found or status
    raise typer.Exit(found)


if __name__ == "__main__":
    typer.run(main)
