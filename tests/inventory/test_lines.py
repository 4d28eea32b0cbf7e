"""What goes wrong in the line of one event is nobody else's trouble, and ends in an answer for each."""

import asyncio
import gc
from typing import Any

import pytest

from boxoffice.inventory import group_commit, sweeper
from boxoffice.inventory.availability.queries import Glance
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.sweeper import sweep
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from inventory.selling import hold
from shows import open_show


async def test_once_postgresql_is_away_nobody_of_a_batch_that_is_taken_apart_waits_for_it(
    sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    tried: list[int] = []

    async def broken(_: GroupCommit, event_id: int, line: Any, taken: list[Any]) -> None:
        tried.append(len(taken))
        if not taken:
            taken += group_commit._take(line)  # pyright: ignore[reportPrivateUsage]  as it is taken
            raise ValueError("a constraint fired")
        raise Unavailable

    monkeypatch.setattr(GroupCommit, "_commit", broken)

    answers = await asyncio.gather(
        *[hold(sales, 1, n, seat_ids=[n]) for n in range(5)], return_exceptions=True
    )

    assert [type(each) for each in answers] == [Unavailable] * 5
    assert tried == [0, 1]


async def test_an_inventory_that_makes_room_while_it_is_looked_at_has_its_line_left_alone(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    """Seen to fail: a batch in a line that was not there any more ended in a KeyError, unheard."""
    show, other = [await open_show(db, hold_seconds=1) for _ in range(2)]
    await hold(sales, show.event_id, 1, seat_ids=[0])
    await show.wait_for_holds_to_end()
    monkeypatch.setattr(group_commit, "INVENTORIES_MAX", 1)
    read = group_commit.list_glances

    async def read_slowly(*given: Any) -> list[Glance]:
        news = await read(*given)
        await hold(sales, other.event_id, 1, seat_ids=[0])
        return news

    monkeypatch.setattr(group_commit, "list_glances", read_slowly)
    unheard: list[dict[str, Any]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, what: unheard.append(what))
    try:
        await sales.observe(show.event_id)
        batches = {task for task in asyncio.all_tasks() if "GroupCommit._run(" in repr(task)}
        if batches:
            await asyncio.wait(batches)
        del batches
        gc.collect()
    finally:
        loop.set_exception_handler(None)
    assert unheard == []
    await hold(sales, show.event_id, 2, seat_ids=[0])
    await show.check_promises()


async def test_an_event_that_cannot_be_tidied_up_keeps_no_other_waiting(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    show = await open_show(db, hold_seconds=1)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    await show.wait_for_holds_to_end()

    async def listed(*_: object) -> list[int]:
        return [2**31 - 1, show.event_id]

    monkeypatch.setattr(sweeper, "list_events_with_holds_over", listed)
    await sweep(db, sales)
    assert await show.claims() == {}
