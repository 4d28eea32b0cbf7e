"""Work for the processor in processes of their own, which take what is left of the cores.

A thread that gives way holds the interpreter's lock now and then, and the memory map while much of it comes
and goes: whoever sells would wait for the one that waits for everybody.
"""

import asyncio
import multiprocessing
import os
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from boxoffice.kit.children import end_with_parent
from boxoffice.kit.errors import Unavailable

Result = TypeVar("Result")


class Apart:
    """So many processes, started when there is work; threads, where nothing is sold."""

    def __init__(self, count: int, *, apart: bool = True) -> None:
        self._new_pool = partial(_processes if apart else ThreadPoolExecutor, count)
        self._pool: Executor = self._new_pool()

    async def run(
        self, work: Callable[..., Result], *arguments: Any, seconds_max: float, lost: str
    ) -> Result:
        """Do it there. Raises `Unavailable` with what is `lost` when it takes longer or its process ends."""
        pool = self._pool
        try:
            async with asyncio.timeout(seconds_max):
                return await asyncio.get_running_loop().run_in_executor(pool, work, *arguments)
        except (BrokenProcessPool, TimeoutError):
            # Killed or stopped, perhaps by the kernel for its memory; the next to ask starts another.
            if self._pool is pool:
                self._pool = self._new_pool()
            _kill(pool)
            raise Unavailable(lost) from None

    def close(self) -> None:
        """Drop what waits and what is at work: on cores that others want its end would take a minute."""
        _kill(self._pool)


def _processes(count: int) -> Executor:
    return ProcessPoolExecutor(count, mp_context=multiprocessing.get_context("spawn"), initializer=_give_way)


def _kill(pool: Executor) -> None:
    """End all of them at once, one that hangs too; what threads do goes on."""
    if isinstance(pool, ProcessPoolExecutor):
        # Of Python 3.14 on it has a method of its own for this.
        for process in list((pool._processes or {}).values()):  # noqa: SLF001
            if sys.platform == "linux":
                # To die takes a processor, too. Only root may hand it on, mostly.
                with suppress(OSError):
                    os.sched_setscheduler(process.pid or 0, os.SCHED_OTHER, os.sched_param(0))
            process.kill()
    pool.shutdown(wait=False, cancel_futures=True)


def _give_way() -> None:
    """What such a process does first."""
    end_with_parent()
    if sys.platform == "linux":
        # Nobody waits for a process of this class, and whoever wakes up takes its core like an idle one.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        # One core is left alone: caches and memory are shared, whatever the priority.
        if len(cores := os.sched_getaffinity(0)) > 1:
            os.sched_setaffinity(0, cores - {min(cores)})
