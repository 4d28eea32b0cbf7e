"""CPU seconds, counted by process tree: what a phase has cost, whoever else used the machine meanwhile."""

from dataclasses import dataclass
from typing import Self

import psutil


def tree_seconds(root: psutil.Process) -> float:
    """User and system seconds of a process and all its descendants, ended ones included.

    A parent's `children_*` hold what its ended children had used; the living are asked themselves.
    So a PostgreSQL backend that comes and goes within a phase is counted like one that stays.
    """
    total = 0.0
    for process in (root, *root.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            # It ended since it was listed; its parent's sum will have it from the next reading on.
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


# Waiting; and what Linux counts a second time, as it is in `user` and `nice` already.
_NOT_WORK = frozenset({"idle", "iowait", "steal", "guest", "guest_nice"})


def _machine_seconds() -> float:
    """Seconds all cores of the machine have worked, for us or for others."""
    times: dict[str, float] = psutil.cpu_times()._asdict()
    return sum(seconds for kind, seconds in times.items() if kind not in _NOT_WORK)


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds; a reading, or the difference of two."""

    app: float
    postgres: float
    machine: float

    def __sub__(self, earlier: Self) -> "Cpu":
        return Cpu(
            app=self.app - earlier.app,
            postgres=self.postgres - earlier.postgres,
            machine=self.machine - earlier.machine,
        )


class Accountant:
    """Reads the meters of the application and of PostgreSQL apart."""

    def __init__(self, app: psutil.Process | None, postgres: psutil.Process) -> None:
        self._app = app
        self._postgres = postgres

    def read(self) -> Cpu:
        """What has been used so far."""
        return Cpu(
            app=tree_seconds(self._app) if self._app else 0.0,
            postgres=tree_seconds(self._postgres),
            machine=_machine_seconds(),
        )
