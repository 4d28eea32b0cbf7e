"""`make chaos`: one seed, so many bookings, and the bank's books against ours."""

import asyncio
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import psutil
import typer

from boxoffice.command.serve import end_on_sigterm
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from simulation.chaos.plan import Plan
from simulation.chaos.run import Result, run
from simulation.run import make_database

# What a person can read at once.
_FAULTS_SHOWN_MAX = 20


def main(
    bookings: Annotated[int, typer.Option(min=20, help="How many are paid.")] = 5_000,
    seed: Annotated[int, typer.Option(help="Fixes every draw.")] = 7,
    kill_seconds: Annotated[float, typer.Option(min=0.5, help="From all is well to the next kill.")] = 2.0,
    buyers: Annotated[int, typer.Option(min=1, help="How many buy at once.")] = 40,
) -> None:
    """Sell tickets through a bank with bad manners while our processes are killed; judge by its books."""
    end_on_sigterm()
    began = time.monotonic()

    def tell(words: str) -> None:
        typer.echo(f"{time.monotonic() - began:5.0f} s  {words}")

    plan = Plan(bookings, seed=seed, kill_seconds=kill_seconds, buyers_at_once=buyers)
    with tempfile.TemporaryDirectory(prefix="boxoffice-chaos-") as folder:
        # The server may run as another user, who must be able to get there.
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "data") as postgres:
            dsn = asyncio.run(make_database(postgres.dsn))
            tell("selling")
            kill_postgres = partial(_kill_postmaster, postgres.pgdata / "postmaster.pid")
            result = asyncio.run(run(dsn, Path(folder) / "house", plan, tell, kill_postgres))
    report(result)
    if result.faults:
        raise typer.Exit(1)


def _kill_postmaster(pid_file: Path) -> None:
    """`kill -9`; whoever started it starts it again. Nothing, while it is being started."""
    with suppress(OSError, IndexError, ValueError, psutil.NoSuchProcess):
        psutil.Process(int(pid_file.read_text().split()[0])).kill()


def report(result: Result) -> None:
    """A table of what happened, and the verdict."""
    for name, count in sorted(result.counts.items()):
        typer.echo(f"{count:>9,}  {name}")
    for words in result.faults[:_FAULTS_SHOWN_MAX]:
        typer.echo(f"BROKEN {words}")
    if result.faults:
        typer.echo(f"{len(result.faults)} promises broken, {result.seconds:.0f} s")
    else:
        typer.echo(f"Every promise was kept: the bank's books and ours agree. {result.seconds:.0f} s")


if __name__ == "__main__":
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    app()
