"""Rivals for the same places, through two processes' worth of group commit and a real PostgreSQL.

Seen to fail, both: without FOR UPDATE in `lock_inventory` (batches collide and are taken apart), and
with `lock_inventory` and `list_news` merged into one statement (the news are then read from a snapshot
older than the lock, which shows as journal gaps). No seat was sold twice even so: the primary keys of
claims and journal are the last line of defence.
"""

import asyncio
import random
from collections import Counter

import asyncpg
import pytest

from boxoffice.inventory.commands import Expire, Held, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.inventory.loading_queries import get_live_bookings
from boxoffice.inventory.queries import insert_inventory, update_area_counts
from boxoffice.inventory.refusals import AreasFull, SeatsTaken
from boxoffice.kit import metrics
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.payments.queries import NewPaymentRow, insert_payments
from inventory.selling import answer
from shows import open_show


def repairs() -> float:
    """How often an inventory or a batch did not fit the tables or the journal and was done again."""
    return sum(
        sample.value
        for metric in (*metrics.INVENTORY_LOADS.collect(), *metrics.BATCHES_TAKEN_APART.collect())
        for sample in metric.samples
        if sample.name.endswith("_total") and sample.labels.get("reason") not in ("cold", "seat map")
    )


async def both_know(event_id: int, *processes: GroupCommit) -> None:
    """Let both load the inventory first: what is loaded under the lock cannot be stale."""
    for process in processes:
        await process.submit(event_id, Expire())


async def test_of_two_hundred_buyers_of_one_seat_exactly_one_wins(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db)
    await both_know(show.event_id, sales, rival_sales)
    before = repairs()

    answers = await asyncio.gather(*[
        answer(
            (sales, rival_sales)[buyer % 2], show.event_id, Hold(new_id(show.event_id), buyer, seat_ids=(7,))
        )
        for buyer in range(200)
    ])  # fmt: skip

    won = [found.booking for found in answers if isinstance(found, Held)]
    lost = [refusal.seat_ids for refusal in answers if isinstance(refusal, SeatsTaken)]
    assert len(won) == 1
    assert lost == [[7]] * 199
    assert await show.claims() == {7: won[0].id}
    assert repairs() == before


async def test_two_thousand_pairs_of_a_hundred_seats_sell_no_seat_twice_and_no_half_pair(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=100)
    await both_know(show.event_id, sales, rival_sales)
    chance = random.Random(20261123)
    before = repairs()

    async def buyer(number: int) -> object:
        # Arrive in waves, so that many batches of both processes meet.
        await asyncio.sleep(chance.random() * 0.5)
        seats = tuple(chance.sample(range(100), 2))
        return await answer(
            (sales, rival_sales)[number % 2],
            show.event_id,
            Hold(new_id(show.event_id), number, seat_ids=seats),
        )

    answers = await asyncio.gather(*[buyer(number) for number in range(2000)])

    kinds = Counter(type(found).__name__ for found in answers)
    assert set(kinds) == {"Held", "SeatsTaken"}
    won = [found.booking for found in answers if isinstance(found, Held)]
    assert await show.claims() == {seat: booking.id for booking in won for seat in booking.seat_ids}
    await show.check_promises()
    assert repairs() == before


async def test_an_area_never_exceeds_its_capacity_however_many_ask_at_once(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=2, areas=[50])
    await both_know(show.event_id, sales, rival_sales)
    before = repairs()

    answers = await asyncio.gather(
        *[
            answer(
                (sales, rival_sales)[buyer % 2],
                show.event_id,
                Hold(new_id(show.event_id), buyer, area_ids=(0,) * (buyer % 3 + 1)),
            )
            for buyer in range(200)
        ]
    )

    places = sum(len(found.booking.area_ids) for found in answers if isinstance(found, Held))
    full = [found for found in answers if isinstance(found, AreasFull)]
    assert places == 50
    assert len(full) == sum(not isinstance(found, Held) for found in answers)
    await show.check_promises()
    assert repairs() == before


async def test_a_ticket_type_never_exceeds_its_limit_however_many_ask_at_once(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    """Seen to fail without FOR UPDATE in `lock_inventory`, like the others."""
    show = await open_show(db, seats=2, areas=[100])
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events SET ticket_types = '[{"name": "Child", "category": "Any", "limit": 30}]'
             WHERE id = $1
            """,
            show.event_id,
        )
        await tx.execute("INSERT INTO event_prices VALUES ($1, 'Child', 900)", show.event_id)
    await both_know(show.event_id, sales, rival_sales)
    before = repairs()

    async def ask(buyer: int) -> object:
        types = ("Child", "Child") if buyer % 2 else (None, None)
        command = Hold(new_id(show.event_id), buyer, area_ids=(0, 0), ticket_types=types)
        return await answer((sales, rival_sales)[buyer // 2 % 2], show.event_id, command)

    answers = await asyncio.gather(*[ask(buyer) for buyer in range(60)])

    children = [found for found in answers[1::2] if isinstance(found, Held)]
    assert len(children) == 15
    assert Counter(type(found).__name__ for found in answers[1::2])["TicketTypesFull"] == 15
    # The others go on until the area is full.
    assert all(isinstance(found, Held) for found in answers[::2])
    assert (await get_live_bookings(db, show.event_id)).taken_of_type() == {"Child": 30}
    await show.check_promises()
    assert isinstance(await verify_event(db, show.event_id), Verified)
    assert repairs() == before


async def test_postgresql_itself_refuses_one_place_too_many_and_a_second_claim(db: Database):
    """The last line of defence, whatever a bug or a hand at the database does."""
    show = await open_show(db, areas=[2])
    async with db.transaction() as tx:
        await insert_inventory(tx, show.event_id, bytes(32), [0], [2])
        await tx.execute("INSERT INTO claims VALUES ($1, 7, $2)", show.event_id, new_id(show.event_id))
    with pytest.raises(asyncpg.CheckViolationError, match="an_area_never_exceeds_its_capacity"):
        async with db.transaction() as tx:
            await update_area_counts(tx, show.event_id, {0: 3})
    with pytest.raises(asyncpg.UniqueViolationError, match="a_seat_has_at_most_one_live_claim"):
        async with db.transaction() as tx:
            await tx.execute("INSERT INTO claims VALUES ($1, 7, $2)", show.event_id, new_id(show.event_id))


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM bookings WHERE event_id = $1",
        "UPDATE bookings SET event_id = event_id + 1 WHERE event_id = $1",
        "UPDATE bookings SET id = gen_random_uuid() WHERE event_id = $1",
    ],
)
async def test_a_booking_stays_under_its_id_for_what_belongs_to_it(db: Database, statement: str):
    """Foreign keys would see to it at the price of a lock for each ticket and each payment."""
    show = await open_show(db)

    with pytest.raises(asyncpg.CheckViolationError, match="bookings stay"):
        async with db.transaction() as tx:
            await tx.execute(statement, show.event_id)  # pyright: ignore[reportArgumentType]  one of ours


async def test_a_payment_of_no_booking_is_refused_among_those_that_have_one(db: Database, sales: GroupCommit):
    show = await open_show(db)
    booking_id = new_id(show.event_id)
    await sales.submit(show.event_id, Hold(booking_id, 1, seat_ids=(1,)))
    payments = [
        NewPaymentRow(
            show.event_id, new_id(show.event_id), booking, "sandbox", 100, "EUR", "/pay", None, None
        )
        for booking in (booking_id, new_id(show.event_id))
    ]

    with pytest.raises(asyncpg.ForeignKeyViolationError, match="a_payment_is_for_a_booking"):
        await insert_payments(db, payments)
    assert await insert_payments(db, payments[:1])
