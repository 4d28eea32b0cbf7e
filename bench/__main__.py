"""`python -m bench`: measure, check that what was answered is true, and report."""

import asyncio
import sys
from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import psutil
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import report
from bench.accounting import Accountant
from bench.checks import list_durability
from bench.figures import Figure, middle
from bench.peers import Peer, make_tables, measure_peer
from bench.plan import Kind
from bench.rows import Load, measure_holds, measure_sales
from bench.stage import Stage, cluster, free_port, serving

# More than one phase of a few seconds could hold, in an event of 25,000 pairs less the warm-up.
COUNT_MAX = 24_000

# Where the peers do best on few cores, and where connections begin to cost.
PGBENCH_CLIENTS = (16, 64)

SALE_CONNECTIONS = 64

# The sandbox calls its shop over connections of its own, of which its client keeps this many.
SANDBOX_CONNECTIONS = 32
SANDBOX_SALES_MAX = 1_500

RESULTS = Path(__file__).parent / "results"

Measure = Callable[[int], Awaitable[Figure]]


class Options:
    """How much is measured."""

    def __init__(
        self, *, rows: str, connections: str, seconds: float, holds: int, rounds: int, workers: int
    ) -> None:
        self.rows = rows.split(",")
        self.connections = [int(number) for number in connections.split(",")]
        self.seconds = seconds
        self.holds = holds
        self.rounds = rounds
        self.workers = workers
        if unknown := set(self.rows) - {"holds", "sale"}:
            raise typer.BadParameter(f"there are the rows holds and sale, but no {', '.join(unknown)}")


def measures_of(options: Options, stage: Stage, accountant: Accountant) -> list[Measure]:
    """The phases of one round, in their order; each takes the round's seed."""
    seconds, holds = options.seconds, options.holds
    measures: list[Measure] = []
    if "holds" in options.rows:
        measures += [_holds(stage, accountant, count, seconds, holds) for count in options.connections]
        measures += [
            _peer(stage, accountant, peer, clients, seconds) for peer in Peer for clients in PGBENCH_CLIENTS
        ]
    if "sale" in options.rows:
        measures += [
            _sales(stage, accountant, Kind.SALE, SALE_CONNECTIONS, Load(seconds, holds, 0)),
            _sales(
                stage,
                accountant,
                Kind.SANDBOX_SALE,
                SANDBOX_CONNECTIONS,
                Load(seconds, min(holds, SANDBOX_SALES_MAX), 0),
            ),
        ]
    return measures


def _holds(stage: Stage, accountant: Accountant, connections: int, seconds: float, holds: int) -> Measure:
    return lambda seed: measure_holds(stage, accountant, connections, Load(seconds, holds, seed))


def _peer(stage: Stage, accountant: Accountant, peer: Peer, clients: int, seconds: float) -> Measure:
    return lambda _seed: measure_peer(stage, accountant, peer, clients, seconds)


def _sales(stage: Stage, accountant: Accountant, kind: Kind, connections: int, load: Load) -> Measure:
    return lambda seed: measure_sales(
        stage, accountant, kind, connections, Load(load.seconds, load.count, seed)
    )


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
    async with stage.built():
        await make_tables(stage.db)
        measures = measures_of(options, stage, Accountant(server, stage.postmaster))
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        with Progress(*columns, console=console) as progress:
            task = progress.add_task("warming up", total=len(measures) * options.rounds)
            for number in range(options.rounds):
                for measure in measures:
                    figure = await measure(number)
                    repetitions[figure.name].append(figure)
                    progress.update(task, advance=1, description=figure.name)
        durability = await list_durability(stage.db)
    return report.Report(
        at=datetime.now(UTC),
        machine=report.describe_machine(),
        postgres=durability,
        workers=options.workers,
        figures=[middle(figures) for figures in repetitions.values()],
        repetitions=[figure for figures in repetitions.values() for figure in figures],
    )


def main(
    rows: Annotated[str, typer.Option(help="Which rows to measure: holds, sale, or both.")] = "holds,sale",
    connections: Annotated[str, typer.Option(help="Connections that hold at once.")] = "1,16,64,256",
    seconds: Annotated[float, typer.Option(help="How long a phase lasts at most.")] = 3.0,
    holds: Annotated[int, typer.Option(help="How many holds or sales a phase has at most.")] = COUNT_MAX,
    rounds: Annotated[
        int, typer.Option(help="How often all phases are repeated; the middle one counts.")
    ] = 3,
    workers: Annotated[int, typer.Option(help="Worker processes of the server.")] = 2,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="One round of one second a phase.")] = False,
) -> None:
    """Measure Boxoffice beside pgbench. Exits with 1 when an answer was not true."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    options = Options(
        rows=rows,
        connections=connections,
        seconds=1.0 if quick else seconds,
        holds=holds,
        rounds=1 if quick else rounds,
        workers=workers,
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
    if any(figure.faults for figure in found.figures):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
