"""Ends what a run has started when the run itself is killed: after `kill -9` no `finally` is run.

A process of its own waits at a pipe. Nobody else has the other end, so the pipe ends when the run does,
however it does; on Linux as on macOS.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

# The embedded PostgreSQL ends by itself when the run does, and writes into the folder until then.
_FOLDER_SECONDS_MAX = 20.0


class Leash:
    """Remembers process groups, and the folder of the run, for whoever waits at the pipe."""

    def __init__(self, folder: Path) -> None:
        self._watcher = subprocess.Popen(
            [sys.executable, "-S", "-E", __file__, str(folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def hold(self, group: int) -> None:
        """This process group ends with us."""
        self._tell(f"+{group}")

    def let_go(self, group: int) -> None:
        """It has ended by itself: its number may be somebody else's by now."""
        self._tell(f"-{group}")

    def close(self) -> None:
        """The run is over, and nothing is left to be ended."""
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        self._watcher.wait()

    def _tell(self, words: str) -> None:
        assert self._watcher.stdin is not None
        self._watcher.stdin.write(f"{words}\n".encode())
        self._watcher.stdin.flush()


def watch(folder: Path) -> None:
    """Wait for the end of the run, then end what is left of it, and remove its folder."""
    groups: set[int] = set()
    for line in sys.stdin:
        change = groups.add if line.startswith("+") else groups.discard
        change(int(line[1:]))
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
    deadline = time.monotonic() + _FOLDER_SECONDS_MAX
    while next(folder.rglob("postmaster.pid"), None) is not None and time.monotonic() < deadline:
        time.sleep(0.1)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
