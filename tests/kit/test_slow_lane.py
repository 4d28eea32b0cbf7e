"""The slow lane: a rush of log-ins is let through one by one, and everybody else at once."""

import asyncio
from typing import Any

import pytest

from boxoffice.kit import slow_lane
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.slow_lane import SlowLane


class Door:
    """A lane in front of an application that notes who came through, and of a line."""

    def __init__(self) -> None:
        self.through: list[str] = []
        self.said: list[Any] = []
        self.is_full = False
        self._lane = SlowLane(self._note, frozenset({"/login"}), self, Unavailable("Come again.", 7))

    async def ask(self, path: str) -> None:
        """One request."""
        await self._lane({"type": "http", "path": path}, self._receive, self._send)  # pyright: ignore[reportArgumentType]

    async def _note(self, scope: Any, *_: Any) -> None:
        self.through.append(scope["path"])

    async def _receive(self) -> Any:
        raise AssertionError("nobody reads a body here")

    async def _send(self, message: Any) -> None:
        self.said.append(message)


async def test_between_two_who_log_in_everybody_else_has_a_turn():
    door = Door()
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            group.create_task(door.ask("/login"))
        group.create_task(door.ask("/bookings"))

    # The first finds nobody before it; the hold, last of all to come, waits for none of the others.
    assert door.through == ["/login", "/bookings", *["/login"] * 4]


async def test_whoever_hangs_up_takes_no_turn_and_the_lane_is_free_again():
    door = Door()
    await door.ask("/login")
    waiting = [asyncio.create_task(door.ask("/login")) for _ in range(3)]
    await asyncio.sleep(0)
    waiting[0].cancel()
    waiting[1].cancel()

    await waiting[2]
    assert door.through == ["/login"] * 2
    await asyncio.sleep(2 * slow_lane.PAUSE_SECONDS)
    async with asyncio.timeout(0):
        await door.ask("/login")


async def test_a_lane_that_is_full_turns_away(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(slow_lane, "WAITING_MAX", 2)
    door = Door()
    async with asyncio.TaskGroup() as group:
        for _ in range(4):
            group.create_task(door.ask("/login"))

    start, body = door.said
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"7")
    assert b"Come again." in body["body"]
    assert door.through == ["/login"] * 3


async def test_when_the_line_behind_it_is_full_the_lane_says_so():
    door = Door()
    await door.ask("/login")
    waiting = asyncio.create_task(door.ask("/login"))
    await asyncio.sleep(0)
    door.is_full = True
    await door.ask("/login")
    await waiting
    await door.ask("/bookings")

    assert door.through == ["/login", "/bookings"]
    assert [said["status"] for said in door.said if "status" in said] == [503, 503]
