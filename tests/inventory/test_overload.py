"""Too much at once: who would wait too long is told so early, and who has gone costs no decision."""

import asyncio
import time

import pytest

from boxoffice.inventory import group_commit
from boxoffice.inventory.commands import Booking, Cancel, Expire
from boxoffice.inventory.expectation import expected_wait
from boxoffice.inventory.group_commit import (
    DEADLINE_SECONDS,
    EXPECTED_SECONDS_MAX,
    GroupCommit,
)
from boxoffice.kit.client import client_gone
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from inventory.selling import hold, locked_by_somebody_else
from shows import open_show


@pytest.mark.parametrize(
    ("batches_before", "batch_seconds", "running_for", "seconds"),
    [
        (0, 0.0, 0.0, 0.0),
        (0, 0.05, 0.01, 0.05),
        (1, 0.05, 0.0, 0.1),
        (9, 0.05, 0.0, 0.5),
        (0, 0.05, 3.0, 3.0),
        (1, 0.05, 3.0, 6.0),
    ],
)
def test_the_wait_is_so_many_batches(
    batches_before: int, batch_seconds: float, running_for: float, seconds: float
):
    assert expected_wait(batches_before, batch_seconds, running_for) == pytest.approx(seconds)


def test_who_is_let_in_is_answered_before_the_deadline():
    """Whoever joins expects at most the one; whoever waits is turned away only at the other."""
    assert EXPECTED_SECONDS_MAX < DEADLINE_SECONDS / 2


async def test_a_line_that_has_stopped_turns_newcomers_away_at_once_and_is_trusted_again(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_commit, "EXPECTED_SECONDS_MAX", 0.2)
    show = await open_show(db)
    first = await hold(sales, show.event_id, 1, seat_ids=[39])
    async with locked_by_somebody_else(db, show.event_id):
        waiting = asyncio.create_task(hold(sales, show.event_id, 1, seat_ids=[0]))
        await asyncio.sleep(0.3)
        started = time.monotonic()
        with pytest.raises(Unavailable) as turned_away:
            await hold(sales, show.event_id, 2, seat_ids=[1])

        assert sales.is_swamped(show.event_id)
        leaves = asyncio.create_task(sales.submit(show.event_id, Cancel(first.id, 1)))
        await asyncio.sleep(0)
        assert not leaves.done(), "who gives seats up is not turned away"

    assert time.monotonic() - started < 0.1
    assert turned_away.value.retry_after > 0
    assert (await waiting).seat_ids == (0,)
    assert isinstance(await leaves, Booking)
    assert (await hold(sales, show.event_id, 2, seat_ids=[1])).seat_ids == (1,)
    assert await show.count("bookings") == 3


async def test_whoever_hangs_up_while_waiting_is_not_decided_for(db: Database, sales: GroupCommit):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[39])
    hung_up = asyncio.Event()

    async def gone() -> None:
        await hung_up.wait()

    async with locked_by_somebody_else(db, show.event_id):
        token = client_gone.set(gone)
        leaves = asyncio.create_task(hold(sales, show.event_id, 1, seat_ids=[0]))
        client_gone.reset(token)
        stays = asyncio.create_task(hold(sales, show.event_id, 2, seat_ids=[0]))
        await asyncio.sleep(0)
        hung_up.set()
        with pytest.raises(Unavailable):
            await leaves

    assert (await stays).seat_ids == (0,)
    await sales.submit(show.event_id, Expire())
    assert await show.count("bookings") == 2


async def test_a_line_that_moves_is_not_swamped(db: Database, sales: GroupCommit):
    show = await open_show(db)
    assert not sales.is_swamped(show.event_id)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    assert not sales.is_swamped(show.event_id)


async def test_reports_have_a_limit_of_their_own(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_commit, "PATIENT_COMMANDS_MAX", 2)
    show = await open_show(db)
    first = await hold(sales, show.event_id, 1, seat_ids=[39])
    async with locked_by_somebody_else(db, show.event_id):
        cancels = [asyncio.create_task(sales.submit(show.event_id, Cancel(first.id, 1))) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await sales.submit(show.event_id, Cancel(first.id, 1))

    assert len(await asyncio.gather(*cancels)) == 2
