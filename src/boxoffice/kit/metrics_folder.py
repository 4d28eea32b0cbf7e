"""The folder in which the processes of one `boxoffice serve` share their figures."""

import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

# Set by `boxoffice serve` before its workers start.
SHARED_FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

# Carries its owner's process id, so that one left behind by `kill -9` can be told from one in use.
_PREFIX = "boxoffice-metrics-"

_LIVE_GAUGE = re.compile(r"gauge_live\w*_(\d+)\.db")


@contextmanager
def shared_metrics() -> Generator[Path]:
    """Have the processes started in this block share their figures; forget them at its end."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*-*"):
        owner = left.name.removeprefix(_PREFIX).partition("-")[0]
        if owner.isdigit() and not is_running(int(owner)):
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
    os.environ[SHARED_FOLDER_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        del os.environ[SHARED_FOLDER_VARIABLE]
        shutil.rmtree(folder, ignore_errors=True)


def forget_dead_processes() -> None:
    """Take what a process that ended says about "now" out of the sums; what it counted stays.

    Called by each process that starts: the one that replaces a killed worker is the first to know.
    """
    folder = os.environ.get(SHARED_FOLDER_VARIABLE)
    if folder is None:
        return
    names = [path.name for path in Path(folder).glob("gauge_live*.db")]
    for pid in {int(found[1]) for name in names if (found := _LIVE_GAUGE.fullmatch(name))}:
        if not is_running(pid):
            # Another process that starts at the same time may be tidying as well.
            with suppress(FileNotFoundError):
                mark_process_dead(pid)


def is_running(pid: int) -> bool:
    """Whether there is a process of this id, ours or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
