"""The meters of the benchmark count what has ended as well as what still runs."""

import subprocess
import sys

import psutil
from bench.accounting import tree_seconds

# Each burns this much CPU; the parent ends its own child before it answers, and then stays.
_SECONDS = 0.3
_BURN = f"import time\nwhile time.process_time() < {_SECONDS}: pass\n"
_PARENT = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {_BURN!r}], check=True)\n{_BURN}"


def test_a_child_that_has_ended_is_counted_with_its_parent():
    parent = subprocess.Popen(
        [sys.executable, "-c", f"{_PARENT}print('burned', flush=True)\ninput()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdin
    assert parent.stdout
    try:
        assert parent.stdout.readline() == b"burned\n"
        # Both have used at least that much, less the granularity of the kernel's clock.
        assert tree_seconds(psutil.Process(parent.pid)) >= 2 * _SECONDS - 0.05
    finally:
        parent.communicate(b"\n")


def test_a_child_that_still_runs_is_counted():
    child = f"{_BURN}print('burned', flush=True)\ninput()"
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {child!r}])"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert parent.stdin
    assert parent.stdout
    try:
        assert parent.stdout.readline() == b"burned\n"
        assert tree_seconds(psutil.Process(parent.pid)) >= _SECONDS - 0.05
    finally:
        parent.communicate(b"\n")
