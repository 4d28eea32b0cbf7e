"""An inventory that is loaded from the tables knows what one knows that was there from the beginning."""

from boxoffice.inventory.batch import load, lock_event
from boxoffice.inventory.commands import Held, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from inventory.selling import hold, paid
from shows import open_show
from statements import noted_statements


async def test_a_cold_load_reads_bookings_once_and_finds_all_that_is_held_and_sold(
    db: Database, sales: GroupCommit
):
    show = await open_show(db, seats=20, areas=[50])
    event_id = show.event_id
    async with db.transaction() as tx:
        types = (
            """[{"name": "Child, \\"small\\"", "category": "Any"}, {"name": "Pupil", "category": "Any"}]"""
        )
        await tx.execute("UPDATE events SET ticket_types = $2::json WHERE id = $1", event_id, types)
        await tx.execute(
            "INSERT INTO event_prices SELECT $1, unnest($2::text[]), 900",
            event_id,
            ['Child, "small"', "Pupil"],
        )
    sold = [
        await hold(sales, event_id, 1, seat_ids=[3, 4]),
        await hold(sales, event_id, 2, seat_ids=[7], area_ids=[0, 0]),
    ]
    await hold(sales, event_id, 1, seat_ids=[9])
    await hold(sales, event_id, 3, area_ids=[0])
    for seats, areas, names in (
        ((10, 11), (0,), ('Child, "small"', None, "Pupil")),
        ((12,), (), ("Pupil",)),
        ((13,), (), ("Pupil",)),
    ):
        typed = await sales.submit(event_id, Hold(new_id(event_id), 4, seats, areas, ticket_types=names))
        assert isinstance(typed, Held)
        sold.append(typed.booking)
    sold.pop()
    for booking in sold:
        await sales.submit(event_id, paid(booking, new_id(event_id)))

    warm = await sales.observe(event_id)
    async with db.transaction() as tx:
        locked = await lock_event(tx, event_id)
        with noted_statements() as noted:
            cold = await load(tx, event_id, locked, reason="cold")

    assert sum("FROM bookings" in statement for statement in noted) == 1
    for inventory in (warm, cold):
        assert inventory.seats == warm.seats
        assert inventory.area_taken == [4]
        assert inventory.pending == warm.pending
        assert inventory.places_of == {1: 3, 2: 3, 3: 1, 4: 5}
        assert inventory.taken_of_type == {'Child, "small"': 1, "Pupil": 3}
    assert sorted(cold.expiries) == sorted((held.expires_at, id_) for id_, held in warm.pending.items())
    await show.check_promises()
