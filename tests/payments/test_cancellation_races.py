"""An event is cancelled while batches of its sale are being decided: nothing is left, all money goes back."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import httpx
import pytest

from boxoffice.inventory.batch import Decided
from boxoffice.inventory.calling_off import call_off
from boxoffice.inventory.commands import Expire, Hold
from boxoffice.inventory.refusals import EventCancelled
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.parts import Parts
from payments.audience import (
    Sold,
    cancel,
    hold_and_start_to_pay,
    job_of,
    pay_at_the_sandbox,
    payments_by_state,
    refund_all,
    refunds_at_the_sandbox,
)
from shows import Show, open_show


@asynccontextmanager
async def lingering(parts: Parts) -> AsyncGenerator[tuple[asyncio.Event, asyncio.Event]]:
    """Its next batch tells when it is about to commit, and waits until it may go on."""
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def linger(_tx: Transaction, _decided: Decided) -> None:
        reached.set()
        await go_on.wait()

    consequences = parts.sales._consequences  # pyright: ignore[reportPrivateUsage]
    parts.sales._consequences = [*consequences, linger]  # pyright: ignore[reportPrivateUsage]
    try:
        yield reached, go_on
    finally:
        go_on.set()
        parts.sales._consequences = consequences  # pyright: ignore[reportPrivateUsage]


async def wait_for_a_lock(db: Database, job: asyncio.Task[None]) -> None:
    """Return once somebody waits for a lock that another transaction has."""
    while not await db.get(
        bool, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
    ):
        assert not job.done()
        await asyncio.sleep(0.005)


class Rush:
    """Buyers who hold and pay, each in both processes, while the event is cancelled under them."""

    def __init__(self, processes: tuple[Parts, Parts], show: Show) -> None:
        self.processes = processes
        self.show = show
        self.paid: list[Sold] = []
        self.cancelled = asyncio.Event()

    async def buyer(self, number: int) -> None:
        """Hold a seat and pay for it at once, or when the event is cancelled already."""
        await asyncio.sleep(number * 0.002)
        sold = await hold_and_start_to_pay(self.processes[number % 2], self.show, number)
        await pay_at_the_sandbox(self.processes[0].db, [sold])
        self.paid.append(sold)
        if number % 3 == 0:
            await self.cancelled.wait()
        await self.processes[(number + 1) % 2].sales.submit(self.show.event_id, sold.report())


async def test_a_hundred_buyers_who_hold_and_pay_while_it_is_cancelled_all_get_their_money_back(
    client: httpx.AsyncClient, parts: Parts, rival: Parts
):
    """The job runs in one process, the buyers in both.

    Seen to fail without FOR UPDATE in `lock_inventory`.
    """
    show = await open_show(parts.db, seats=100)
    rush = Rush((parts, rival), show)
    buyers = [asyncio.create_task(rush.buyer(number)) for number in range(100)]
    while len(rush.paid) < 40:
        await asyncio.sleep(0.001)

    await cancel(client, show)
    rush.cancelled.set()
    await call_off(parts.db, parts.sales, job_of(show))
    answers = await asyncio.gather(*buyers, return_exceptions=True)

    refused = [answer for answer in answers if answer is not None]
    assert {type(answer) for answer in refused} <= {EventCancelled}
    assert set((await show.states()).values()) == {"CANCELLED"}
    assert await show.claims() == {}
    await refund_all(parts, show)
    assert len(rush.paid) == 100 - len(refused)
    assert await payments_by_state(parts.db, show.event_id) == {"REFUNDED": len(rush.paid)}
    assert await refunds_at_the_sandbox(parts.db, rush.paid) == len(rush.paid)
    await show.check_promises()


async def test_a_payment_that_is_being_decided_while_the_job_looks_is_refunded_once(
    client: httpx.AsyncClient, parts: Parts, rival: Parts
):
    """The job has seen the booking unpaid, and waits for the batch that sells it.

    Seen to fail with `find_named_bookings` asked before the lock instead of under it: the booking is
    cancelled as one that nobody has paid, and its money stays.
    """
    show = await open_show(parts.db)
    sold = await hold_and_start_to_pay(parts, show, 7)
    await pay_at_the_sandbox(parts.db, [sold])
    async with lingering(rival) as (reached, go_on):
        paying = asyncio.create_task(rival.sales.submit(show.event_id, sold.report()))
        await reached.wait()
        await cancel(client, show)
        job = asyncio.create_task(call_off(parts.db, parts.sales, job_of(show)))
        await wait_for_a_lock(parts.db, job)
        go_on.set()
        await asyncio.gather(paying, job)

    assert Counter((await show.states()).values()) == {"CANCELLED": 1}
    await refund_all(parts, show)
    assert await payments_by_state(parts.db, show.event_id) == {"REFUNDED": 1}
    assert await refunds_at_the_sandbox(parts.db, [sold]) == 1
    await show.check_promises()


@pytest.mark.parametrize("is_first", [True, False])
async def test_a_hold_that_is_being_decided_while_the_event_is_cancelled_is_called_off_too(
    client: httpx.AsyncClient, parts: Parts, rival: Parts, *, is_first: bool
):
    """Its batch has read that the event is on sale, and commits after the job has begun.

    Seen to fail with a job that ends once it finds nothing live instead of asking under the lock, and, for
    the first hold of all, with a job that does not open the inventory.
    """
    show = await open_show(parts.db)
    if not is_first:
        await parts.sales.submit(show.event_id, Expire())
    async with lingering(rival) as (reached, go_on):
        holding = asyncio.create_task(rival.sales.submit(show.event_id, Hold(new_id(show.event_id), 1, (7,))))
        await reached.wait()
        await cancel(client, show)
        job = asyncio.create_task(call_off(parts.db, parts.sales, job_of(show)))
        await wait_for_a_lock(parts.db, job)
        go_on.set()
        await asyncio.gather(holding, job)

    assert Counter((await show.states()).values()) == {"CANCELLED": 1}
    assert await show.claims() == {}
