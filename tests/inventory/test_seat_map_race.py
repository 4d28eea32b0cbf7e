"""A change of the seat map and rivals for what it takes away, through two processes and a real PostgreSQL."""

import asyncio
import random
from typing import Any

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog.event_changes import EventHasChanged
from boxoffice.catalog.seat_maps.of_events import plan_seat_map, store_seat_map
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.changes import SeatMapChanged
from boxoffice.inventory.commands import BestAvailable, Cancel, ChangeSeatMap, Expire, Held, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal.replay import replay_event
from boxoffice.inventory.refusals import PlacesInTheWay, SeatsBlocked
from boxoffice.inventory.seat_map_changes.changing import command_from
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.parts import Parts
from catalog.stage import wait_until_it_waits
from inventory.halls import NUMBERS, House, hall, open_house
from inventory.selling import answer, locked_by_somebody_else, paid
from inventory.test_race import both_know, repairs


@pytest.fixture
async def house(app: Litestar, client: httpx.AsyncClient, db: Database) -> House:
    return await open_house(app, client, db)


@pytest.fixture
async def pausing(parts: Parts) -> "Pausing":
    """A further process, which stops in the middle of its next batch."""
    return Pausing(parts.db)


class Pausing:
    """A group commit that waits after it has decided and written, before it commits."""

    def __init__(self, db: Database) -> None:
        self.sales = GroupCommit(db, [self._pause])
        self.decided = asyncio.Event()
        self.go_on = asyncio.Event()

    async def _pause(self, _tx: Transaction, decided: Decided) -> None:
        if decided.changes:
            self.decided.set()
            await self.go_on.wait()


async def command_of(house: House, body: dict[str, Any]) -> ChangeSeatMap:
    """The change as an organizer's request makes it, with its map stored."""
    user = Identity(house.organizer.id, Role.ORGANIZER)
    plan = await plan_seat_map(house.show.db, user, house.id, await house.version(body), {}, None)
    return command_from(plan, await store_seat_map(house.show.db, plan))


async def until_it_waits(db: Database, rival: "asyncio.Task[Any]") -> None:
    """Return once somebody waits for a lock, or the rival does not have to."""
    async with asyncio.timeout(10):
        while not rival.done() and not await db.get(
            bool, "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock')"
        ):
            await asyncio.sleep(0.01)


async def test_a_hold_of_a_removed_seat_waits_for_the_change_and_loses(
    house: House, pausing: Pausing, rival_sales: GroupCommit
):
    """Seen to fail without FOR UPDATE in `lock_inventory`: the hold was decided over the map before, and only
    the journal's primary key took its batch apart.
    """
    await both_know(house.id, pausing.sales, rival_sales)
    before = repairs()
    command = await command_of(house, hall(("A", NUMBERS[1:]), ("B", NUMBERS)))
    change = asyncio.create_task(answer(pausing.sales, house.id, command))
    await pausing.decided.wait()

    held = asyncio.create_task(answer(rival_sales, house.id, Hold(new_id(house.id), 1, (0,))))
    await until_it_waits(house.show.db, held)
    pausing.go_on.set()

    assert isinstance(await change, SeatMapChanged)
    assert isinstance(await held, SeatsBlocked)
    assert repairs() == before
    await house.verify()


async def test_a_change_waits_for_the_hold_of_a_seat_that_it_removes_and_is_refused(
    house: House, pausing: Pausing, rival_sales: GroupCommit
):
    """Seen to fail without FOR UPDATE in `lock_inventory`, like the other."""
    await both_know(house.id, pausing.sales, rival_sales)
    before = repairs()
    command = await command_of(house, hall(("A", NUMBERS[1:]), ("B", NUMBERS)))
    held = asyncio.create_task(answer(pausing.sales, house.id, Hold(new_id(house.id), 1, (0,))))
    await pausing.decided.wait()

    change = asyncio.create_task(answer(rival_sales, house.id, command))
    await until_it_waits(house.show.db, change)
    pausing.go_on.set()

    assert isinstance(await held, Held)
    refused = await change
    assert isinstance(refused, PlacesInTheWay)
    assert [(seat.seat_id, seat.state) for seat in refused.seats] == [(0, "HELD")]
    assert repairs() == before
    await house.verify()


async def test_who_is_in_line_behind_a_change_is_decided_over_the_new_map(
    house: House, sales: GroupCommit, db: Database
):
    await sales.submit(house.id, Expire())
    command = await command_of(house, hall(("A", NUMBERS[1:]), ("B", [*NUMBERS, "9"])))
    async with locked_by_somebody_else(db, house.id):
        line = [
            asyncio.create_task(answer(sales, house.id, each))
            for each in (
                Hold(new_id(house.id), 1, (1,)),
                command,
                Hold(new_id(house.id), 2, (0,)),
                Hold(new_id(house.id), 2, (16,)),
            )
        ]
        await asyncio.sleep(0)

    before, changed, removed, added = await asyncio.gather(*line)

    assert isinstance(before, Held)
    assert isinstance(changed, SeatMapChanged)
    assert isinstance(removed, SeatsBlocked)
    assert isinstance(added, Held)
    await house.verify()


async def test_a_change_of_the_event_meanwhile_is_found_under_the_lock(
    house: House, sales: GroupCommit, db: Database
):
    await sales.submit(house.id, Expire())
    command = await command_of(house, hall(("A", NUMBERS[1:]), ("B", NUMBERS)))
    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET revision = revision + 1 WHERE id = $1", house.id)
        holder = await tx.get(int, "SELECT pg_backend_pid()")
        change = asyncio.create_task(answer(sales, house.id, command))
        await wait_until_it_waits(tx, holder, change)

    refused = await change

    assert isinstance(refused, EventHasChanged)
    assert refused.revision == command.revision + 1
    await house.verify()


async def test_a_hall_that_is_rebuilt_again_and_again_while_people_buy_loses_nobody(
    house: House, sales: GroupCommit, rival_sales: GroupCommit, db: Database
):
    """Seats come and go between the holds, cancellations and choices of seats of two processes."""
    chance = random.Random(20261126)
    await both_know(house.id, sales, rival_sales)
    before, done = repairs(), asyncio.Event()
    halls_of = [
        await house.version(hall(*rows, areas={"Floor": capacity}))
        for capacity, rows in (
            (10, (("A", NUMBERS), ("B", NUMBERS))),
            (4, (("A", NUMBERS[3:]), ("B", NUMBERS), ("C", NUMBERS[:2]))),
            (12, (("B", NUMBERS[::-1]), ("A", NUMBERS[:6]))),
            (10, (("C", NUMBERS[:4]), ("A", NUMBERS), ("B", NUMBERS[4:]))),
        )
    ]

    async def buy(buyer: int) -> None:
        process = (sales, rival_sales)[buyer % 2]
        while not done.is_set():
            booking_id, seat_ids = new_id(house.id), tuple(chance.sample(range(20), 2))
            best = BestAvailable(2) if chance.random() < 0.3 else None
            floor = (0,) * chance.randrange(2)
            held = await answer(
                process, house.id, Hold(booking_id, buyer, () if best else seat_ids, floor, best)
            )
            if isinstance(held, Held):
                pays = chance.random() < 0.02
                last = paid(held.booking, new_id(house.id)) if pays else Cancel(booking_id, buyer)
                await answer(process, house.id, last)
            await asyncio.sleep(0)

    buyers = [asyncio.create_task(buyer) for buyer in map(buy, range(1, 7))]
    answers = [
        (await house.ask("", chance.choice(halls_of))).json().get("type", "changed") for _ in range(40)
    ]
    done.set()
    await asyncio.gather(*buyers)

    assert set(answers) == {"changed", "/problems/places-in-the-way"}
    assert repairs() == before
    await house.verify()
    replayed = (await replay_event(db, house.id, at=None, version=None)).inventory
    assert not replayed.seat_map.withdrawn & (await house.show.claims()).keys()
    for process in (sales, rival_sales):
        seen = await process.observe(house.id)
        assert (seen.seats, seen.area_taken, seen.places_of) == (
            replayed.seats,
            replayed.area_taken,
            replayed.places_of,
        )
