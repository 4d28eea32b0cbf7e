"""Many who ask at once are answered together, and each gets an answer of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from boxoffice.kit import gathering
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.gathering import GATHERED_MAX, Gathering


class Work:
    """Doubles numbers, and remembers what it was asked together; lets others gather meanwhile."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go = asyncio.Event()

    async def __call__(self, numbers: Sequence[int]) -> list[int]:
        self.batches.append(list(numbers))
        await self.may_go.wait()
        if -13 in numbers:
            raise ValueError(numbers)
        if -503 in numbers:
            raise Unavailable("away", 7)
        return [2 * number for number in numbers]


async def ask_all(work: Work, numbers: Sequence[int]) -> list[int | BaseException]:
    """Ask for all of them at once."""
    asked = Gathering(work)
    tasks = [asyncio.create_task(asked.ask(number)) for number in numbers]
    while not work.batches:
        await asyncio.sleep(0)
    work.may_go.set()
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_while_one_batch_is_in_flight_the_next_gathers():
    work = Work()
    asked = Gathering(work)
    first = asyncio.create_task(asked.ask(1))
    while not work.batches:
        await asyncio.sleep(0)
    others = [asyncio.create_task(asked.ask(number)) for number in range(2, GATHERED_MAX + 3)]
    await asyncio.sleep(0)
    work.may_go.set()

    assert [await each for each in (first, *others)] == [2 * n for n in range(1, GATHERED_MAX + 3)]
    assert [len(batch) for batch in work.batches] == [1, GATHERED_MAX, 1]


async def test_one_that_fails_does_not_fail_its_neighbours():
    work = Work()

    answers = await ask_all(work, [1, 2, -13, 3])

    assert [answers[index] for index in (0, 1, 3)] == [2, 4, 6]
    assert isinstance(answers[2], ValueError)


async def test_an_outage_is_everybodys_own():
    answers = await ask_all(Work(), [1, -503, 2])

    assert all(isinstance(answer, Unavailable) and answer.retry_after == 7 for answer in answers)
    assert len({id(answer) for answer in answers}) == 3


async def test_who_has_gone_is_not_asked_for():
    work = Work()
    asked = Gathering(work)
    first, gone, last = [asyncio.create_task(asked.ask(number)) for number in (1, 2, 3)]
    await asyncio.sleep(0)
    gone.cancel()
    work.may_go.set()

    assert [await first, await last] == [2, 6]
    assert 2 not in {number for batch in work.batches for number in batch}


async def test_too_many_are_turned_away_at_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(gathering, "WAITING_MAX", 2)

    answers = await ask_all(Work(), [1, 2, 3])

    assert answers[:2] == [2, 4]
    assert isinstance(answers[2], Unavailable)
