"""Hashing in processes of their own, which take what is left of the cores.

A thread that gives way holds the interpreter's lock now and then, and the memory map while 64 MiB come and
go: whoever sells would wait for the one that waits for everybody.
"""

import multiprocessing
import os
import sys
from concurrent.futures import Executor, ProcessPoolExecutor

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError

from boxoffice.kit.children import end_with_parent


def hashing_processes(count: int) -> Executor:
    """So many processes, started when there is something to hash."""
    return ProcessPoolExecutor(
        count, mp_context=multiprocessing.get_context("spawn"), initializer=begin_hashing
    )


def kill_processes(pool: Executor) -> None:
    """End all of them at once, one that hangs too; what threads do goes on."""
    if isinstance(pool, ProcessPoolExecutor):
        # Of Python 3.14 on it has a method of its own for this.
        for process in list((pool._processes or {}).values()):  # noqa: SLF001
            process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def begin_hashing() -> None:
    """What such a process does first."""
    end_with_parent()
    if sys.platform == "linux":
        # Nobody waits for a process of this class, and whoever wakes up takes its core like an idle one.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        # One core never hashes: caches and memory are shared, whatever the priority.
        if len(cores := os.sched_getaffinity(0)) > 1:
            os.sched_setaffinity(0, cores - {min(cores)})


def verify(hasher: PasswordHasher, password_hash: str, password: str) -> bool:
    """Whether the password is right; the hash of an account that cannot be logged in to is none."""
    try:
        return hasher.verify(password_hash, password)
    except (VerifyMismatchError, InvalidHashError):
        return False
