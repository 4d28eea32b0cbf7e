"""A small chaos run; the large one is `make chaos`."""

import subprocess
import sys
from pathlib import Path

import psutil

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from server import command_of, wait_until
from simulation.chaos import leash
from simulation.chaos.plan import Plan
from simulation.chaos.run import run
from simulation.run import make_database

# A server of two processes, of which one is killed a second after both are there, and nobody waits for half
# minutes.
_SMALL = Plan(
    bookings=45,
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
    assert not [each for each in psutil.process_iter() if str(tmp_path) in " ".join(command_of(each))]


def test_what_a_run_has_started_ends_with_it_though_it_is_killed(tmp_path: Path):
    (tmp_path / "house").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _RUN, str(tmp_path / "house")],
        stdout=subprocess.PIPE,
        cwd=Path(leash.__file__).parent,
    ) as killed:
        assert killed.stdout is not None
        sleeper, ended = [psutil.Process(int(pid)) for pid in killed.stdout.readline().split()]
        killed.kill()

    _, left = psutil.wait_procs([sleeper], timeout=10)
    assert not left
    assert ended.is_running()
    ended.kill()
    wait_until(lambda: not (tmp_path / "house").exists(), 10)


# Holds one process and lets another go, which is nobody's business then.
_RUN = """
import subprocess, sys, time
from pathlib import Path
from leash import Leash
leash = Leash(Path(sys.argv[1]))
both = [subprocess.Popen(["sleep", "60"], start_new_session=True) for _ in range(2)]
for each in both:
    leash.hold(each.pid)
leash.let_go(both[1].pid)
print(*[each.pid for each in both], flush=True)
time.sleep(60)
"""
