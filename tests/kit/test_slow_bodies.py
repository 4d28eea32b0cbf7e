"""A body that dribbles in is refused in time; nobody else's waiting is cut short."""

import asyncio
from typing import Any

import pytest

from boxoffice.kit.problems import BodyTooSlow
from boxoffice.kit.slow_bodies import SlowBodies


def piece(body: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.request", "body": body, "more_body": more}


async def dribble() -> Any:
    """A byte every 50 milliseconds, for ever."""
    await asyncio.sleep(0.05)
    return piece(b"x", more=True)


async def silence() -> Any:
    await asyncio.Event().wait()


async def read(receive: Any) -> int:
    """Read until the body is whole; how many pieces."""
    for count in range(1, 1000):
        if not (await receive())["more_body"]:
            return count
    return 1000


@pytest.mark.parametrize("client", [dribble, silence])
async def test_a_body_without_end_is_refused(client: Any):
    bodies = SlowBodies(seconds=0.3)
    async with asyncio.timeout(3):
        with pytest.raises(BodyTooSlow):
            await read(bodies.timed(client))
        # The task that was refused goes on unharmed.
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0


async def test_waiting_for_a_disconnect_after_the_body_is_not_bounded():
    left = [piece(b"", more=False), piece(b"x", more=True)]

    async def client() -> Any:
        if left:
            return left.pop()
        await asyncio.sleep(1.2)
        return {"type": "http.disconnect"}

    receive = SlowBodies(seconds=0.1).timed(client)
    assert await read(receive) == 2
    assert (await receive())["type"] == "http.disconnect"


async def test_a_cancellation_of_somebody_else_stays_one():
    task = asyncio.create_task(read(SlowBodies(seconds=60).timed(silence)))
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
