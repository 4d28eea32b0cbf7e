"""Background work goes on, whatever becomes of a part of it."""

import asyncio

import pytest

from boxoffice import worker
from boxoffice.kit.errors import Unavailable


async def test_a_bug_in_one_kind_of_work_does_not_end_it(monkeypatch: pytest.MonkeyPatch):
    faults: list[Exception] = [KeyError("a bug"), Unavailable("an outage")]
    done = asyncio.Event()

    async def work() -> None:
        if faults:
            raise faults.pop()
        done.set()

    task = asyncio.create_task(worker._every(0.001, work))  # pyright: ignore[reportPrivateUsage]
    async with asyncio.timeout(10):
        await done.wait()
    task.cancel()
    await asyncio.wait([task])

    assert faults == []
