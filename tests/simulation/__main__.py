"""`make sim`: one seed, so many steps, every promise checked."""

import asyncio
import tempfile
from pathlib import Path
from typing import Annotated

import structlog
import typer

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from simulation.run import Verdict, make_database, run_plan, shrink
from simulation.world import Plan


def main(
    seed: Annotated[int, typer.Option(help="Fixes every choice.")] = 1,
    steps: Annotated[int, typer.Option(help="How many things are tried.")] = 2_000,
    processes: Annotated[int, typer.Option(help="Server processes that sell at once.")] = 3,
    season: Annotated[int | None, typer.Option(help="Run only this one, with so many steps.")] = None,
    seeds: Annotated[int, typer.Option(help="Run so many seeds, this one first.")] = 1,
) -> None:
    """Sell tickets while everything goes wrong; say whether every promise was kept."""
    # What is logged here are the faults that we make.
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    with tempfile.TemporaryDirectory(prefix="boxoffice-simulation-") as folder:
        # The server may run as another user, who must be able to get there.
        Path(folder).chmod(0o711)
        with EmbeddedPostgres(Path(folder) / "data") as server:
            for number in range(seed, seed + seeds):
                run(server.dsn, Plan(number, steps, processes, season))


def run(server_dsn: str, plan: Plan) -> None:
    """One seed; ends the program when a promise was broken."""
    dsn = asyncio.run(make_database(server_dsn))
    verdict = asyncio.run(run_plan(dsn, plan, typer.echo))
    if verdict.broken is not None:
        typer.echo(f"seed {plan.seed}: {verdict.broken}\nlooking for a smaller run ...")
        report(asyncio.run(shrink(dsn, verdict, typer.echo)))
        raise typer.Exit(1)
    counts = ", ".join(f"{name} {count}" for name, count in sorted(verdict.counts.items()))
    typer.echo(f"seed {plan.seed}: every promise was kept. {counts}")


def report(verdict: Verdict) -> None:
    """Say what was broken and how to see it again."""
    if verdict.broken is None or verdict.plan is None:
        return
    plan = verdict.plan
    for line in verdict.broken.history:
        typer.echo(f"  {line}")
    typer.echo(f"\nBROKEN {verdict.broken}")
    typer.echo(
        f"again: make sim SEED={plan.seed} STEPS={plan.steps} "
        f'ARGS="--season {plan.season} --processes {plan.processes}"'
    )


if __name__ == "__main__":
    typer.run(main)
