"""A small chaos run; the large one is `make chaos`."""

from pathlib import Path

import psutil

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from simulation.chaos.plan import Plan
from simulation.chaos.run import run
from simulation.run import make_database

# A server of two processes, of which one is killed a second after both are there, and nobody waits for half
# minutes.
_SMALL = Plan(
    bookings=60,
    seed=7,
    servers=1,
    buyers_at_once=12,
    hold_seconds=2,
    kill_seconds=0.7,
    kills_max=2,
    hurried=True,
)


async def test_whoever_is_charged_has_tickets_or_all_of_it_back_while_processes_are_killed(
    postgres: EmbeddedPostgres, tmp_path: Path
):
    dsn = await make_database(postgres.dsn)

    result = await run(dsn, tmp_path / "house", _SMALL, lambda _: None)

    assert result.faults == []
    assert result.counts["bookings paid"] == _SMALL.bookings
    assert result.counts["kills of a process of a server"] > 0
    assert result.counts["calls lost"] > 0
    assert result.counts["refunds at the bank"] > 0
    assert not [each for each in psutil.process_iter() if str(tmp_path) in " ".join(_command_of(each))]


def _command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []
