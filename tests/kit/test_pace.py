"""A pace: turns are given evenly, in the order in which they are asked for."""

import asyncio
import time

from boxoffice.kit.pace import Pace


async def test_twenty_who_come_at_once_get_their_turns_one_after_the_other():
    pace, turns = Pace(100), list[int]()
    began = time.monotonic()

    async def come(number: int) -> None:
        await pace.turn()
        turns.append(number)

    await asyncio.gather(*[come(number) for number in range(20)])

    assert turns == list(range(20))
    assert time.monotonic() - began >= 0.19 - 0.01


async def test_who_comes_alone_does_not_wait_and_saves_nothing_up():
    pace = Pace(10)
    await asyncio.sleep(0.3)
    began = time.monotonic()

    for _ in range(2):
        await pace.turn()

    assert time.monotonic() - began >= 0.09
