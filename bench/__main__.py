"""`python -m bench`: measure, check that what was answered is true, and report."""

import asyncio
import sys
from collections import defaultdict
from datetime import UTC, datetime
from itertools import product
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report
from bench.accounting import Accountant
from bench.checks import list_durability
from bench.figures import Figure, Finding, median_finding, middle
from bench.menu import LAST, ROWS, Bench, Options, findings_of
from bench.peers import make_tables
from bench.stage import RESULTS, Stage, cluster, free_port, serving

# More than one phase of a few seconds could hold, in an event of 25,000 pairs less the warm-up.
COUNT_MAX = 24_000

# Half a minute and half a gigabyte; five million take five times as much of both.
PAST_BOOKINGS = 1_000_000


def run(options: Options, console: Console) -> report.Report:
    """Start everything, measure, end everything."""
    port = free_port()
    with (
        cluster() as postgres,
        serving(postgres.dsn, port, options.workers, RESULTS / "server.log") as server,
    ):
        return asyncio.run(_measured(options, Stage(postgres, port), server, console))


async def _measured(
    options: Options, stage: Stage, server: psutil.Process, console: Console
) -> report.Report:
    repetitions: defaultdict[str, list[Figure]] = defaultdict(list)
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    async with stage.built():
        await make_tables(stage.db)
        bench = Bench(options, stage, Accountant(server, stage.postmaster), server)
        measures = [measure for row in options.rows for measure in ROWS[row](bench)]
        # What changes the cluster for good comes when all else has been measured.
        last = [measure for row in options.rows if row in LAST for measure in LAST[row](bench)]
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("warming up", total=len(measures + last) * options.rounds)
            for group in measures, last:
                for number, measure in product(range(options.rounds), group):
                    outcome = await measure(number)
                    if isinstance(outcome, Figure):
                        repetitions[outcome.name].append(outcome)
                        progress.update(task, advance=1, description=outcome.name)
                        continue
                    for finding in outcome:
                        found[finding.name].append(finding)
                    progress.update(task, advance=1, description=outcome[0].row)
        durability = await list_durability(stage.db)
    figures = [middle(repeated) for repeated in repetitions.values()]
    return report.Report(
        at=datetime.now(UTC),
        machine=report.describe_machine(),
        postgres=durability,
        workers=options.workers,
        figures=figures,
        findings=[*findings_of(figures), *map(median_finding, found.values())],
        repetitions=[figure for repeated in repetitions.values() for figure in repeated],
    )


def main(
    rows: Annotated[str, typer.Option(help="Which rows to measure, with commas.")] = ",".join(ROWS),
    connections: Annotated[str, typer.Option(help="Connections that hold at once.")] = "1,16,64,256",
    seconds: Annotated[float, typer.Option(help="How long a phase lasts at most.")] = 3.0,
    holds: Annotated[int, typer.Option(help="How many holds or sales a phase has at most.")] = COUNT_MAX,
    rounds: Annotated[
        int, typer.Option(help="How often all phases are repeated; the middle one counts.")
    ] = 3,
    past: Annotated[int, typer.Option(help="Old bookings that `growth` measures after.")] = PAST_BOOKINGS,
    workers: Annotated[int, typer.Option(help="Worker processes of the server.")] = 2,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second a phase.")] = False,
) -> None:
    """Measure Boxoffice beside pgbench. Exits with 1 when an answer was not true."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    wanted = rows.split(",")
    if unknown := set(wanted) - set(ROWS):
        raise typer.BadParameter(f"there are {', '.join(ROWS)}, but no {', '.join(unknown)}")
    options = Options(
        rows=wanted,
        connections=[int(number) for number in connections.split(",")],
        seconds=1.0 if quick else seconds,
        holds=holds,
        rounds=1 if quick else rounds,
        workers=workers,
        past=past,
    )
    RESULTS.mkdir(exist_ok=True)
    try:
        found = run(options, console)
    except KeyboardInterrupt:
        console.print("Stopped; nothing was written.")
        raise typer.Exit(130) from None
    report.write(found, RESULTS)
    report.show(found, console)
    console.print(f"Written to {RESULTS.name}/latest.json and latest.svg.", style="dim")
    if any(each.faults for each in [*found.figures, *found.findings]):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
