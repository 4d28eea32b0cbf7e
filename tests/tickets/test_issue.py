"""A confirmed booking has one ticket for every place, and only a confirmed booking has valid ones."""

from collections.abc import Sequence
from typing import Any, LiteralString

import asyncpg
import pytest

from boxoffice.inventory.changes import BookingConfirmed, BookingExpired, Change
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.tickets.issue import issue_tickets
from tickets.sales import Sale, open_sale


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


class CountingTransaction(Transaction):
    """Counts the statements that write."""

    __slots__ = ("statements",)

    def __init__(self, tx: Transaction) -> None:
        super().__init__(tx.connection, tx.dsn)
        self.statements = 0

    async def execute(self, query: LiteralString, *arguments: Any) -> int:
        self.statements += 1
        return await super().execute(query, *arguments)


async def statements_of(tx: Transaction, event_id: int, changes: Sequence[Change]) -> int:
    """Issue; how many statements that took."""
    counting = CountingTransaction(tx)
    await issue_tickets(counting, event_id, changes)
    return counting.statements


async def valid_seats(sale: Sale) -> list[int]:
    return await sale.db.list(
        int,
        """
        SELECT seat_id FROM tickets
         WHERE event_id = $1 AND state = 'VALID' AND seat_id IS NOT NULL ORDER BY 1
        """,
        sale.event_id,
    )


async def test_every_place_has_one_ticket_seats_first_then_areas(sale: Sale):
    booking_id = await sale.sell(seat_ids=(12, 3), area_ids=(0, 0, 1))

    tickets = await sale.tickets(booking_id)

    assert [(t.place, t.seat_id, t.area_id) for t in tickets] == [
        (0, 12, None),
        (1, 3, None),
        (2, None, 0),
        (3, None, 0),
        (4, None, 1),
    ]
    assert {t.state for t in tickets} == {"VALID"}
    assert {event_of(t.id) for t in tickets} == {sale.event_id}


async def test_a_batch_of_five_hundred_bookings_takes_one_statement(sale: Sale):
    async with sale.db.transaction() as tx:
        confirmed = [await sale.booking(tx, seat_ids=(n, n + 500), area_ids=(7,)) for n in range(500)]
        statements = await statements_of(tx, sale.event_id, confirmed)

    assert statements == 1
    assert await valid_seats(sale) == list(range(1000))
    for change in confirmed[::100]:
        places = [(t.seat_id, t.area_id) for t in await sale.tickets(change.booking_id)]
        assert places == [(change.seat_ids[0], None), (change.seat_ids[1], None), (None, 7)]


async def test_a_batch_of_five_hundred_cancellations_takes_one_statement(sale: Sale):
    async with sale.db.transaction() as tx:
        confirmed = [await sale.booking(tx, seat_ids=(n,)) for n in range(501)]
        await issue_tickets(tx, sale.event_id, confirmed)
    async with sale.db.transaction() as tx:
        cancelled = [sale.cancelled(change.booking_id) for change in confirmed[:500]]
        statements = await statements_of(tx, sale.event_id, cancelled)

    assert statements == 1
    assert await valid_seats(sale) == [500]


async def test_a_batch_without_confirmations_or_cancellations_asks_nothing_of_the_database(sale: Sale):
    expired = BookingExpired(booking_id=new_id(sale.event_id), buyer_id=1, seat_ids=(1,), area_ids=())
    never_paid = sale.cancelled(new_id(sale.event_id), was_confirmed=False)

    async with sale.db.transaction() as tx:
        assert await statements_of(tx, sale.event_id, [expired, never_paid]) == 0
        assert await statements_of(tx, sale.event_id, []) == 0


async def test_cancelling_voids_every_ticket_of_the_booking_and_no_other(sale: Sale):
    given_up = await sale.sell(seat_ids=(1, 2), area_ids=(0,))
    kept = await sale.sell(seat_ids=(3,))

    await sale.apply(sale.cancelled(given_up))

    assert [t.state for t in await sale.tickets(given_up)] == ["VOID"] * 3
    assert [t.state for t in await sale.tickets(kept)] == ["VALID"]


async def test_a_seat_given_up_and_sold_again_in_one_batch_changes_hands(sale: Sale):
    first = await sale.sell(seat_ids=(5,))
    async with sale.db.transaction() as tx:
        second = await sale.booking(tx, seat_ids=(5,))
        await issue_tickets(tx, sale.event_id, [sale.cancelled(first), second])

    assert [t.state for t in await sale.tickets(first)] == ["VOID"]
    assert [t.state for t in await sale.tickets(second.booking_id)] == ["VALID"]


async def test_a_booking_confirmed_and_cancelled_in_one_batch_frees_its_seat_for_the_next_in_it(sale: Sale):
    async with sale.db.transaction() as tx:
        first = await sale.booking(tx, seat_ids=(5,))
        second = await sale.booking(tx, seat_ids=(5,))
        await issue_tickets(tx, sale.event_id, [first, sale.cancelled(first.booking_id), second])

    assert [t.state for t in await sale.tickets(first.booking_id)] == ["VOID"]
    assert [t.state for t in await sale.tickets(second.booking_id)] == ["VALID"]


async def test_an_admitted_ticket_can_be_voided_and_its_admission_stays_on_record(sale: Sale):
    booking_id = await sale.sell(seat_ids=(5,))
    async with sale.db.transaction() as slow:
        # The voiding transaction begins before the admission, and its now() is its beginning.
        await slow.get(int, "SELECT 1")
        gate = await asyncpg.connect(sale.db.dsn)
        await gate.execute(
            "UPDATE tickets SET admitted_at = now(), admitted_by = 1 WHERE booking_id = $1", booking_id
        )
        await gate.close()
        await issue_tickets(slow, sale.event_id, [sale.cancelled(booking_id)])

    async with sale.db.transaction() as tx:
        assert await tx.get(
            bool,
            "SELECT state = 'VOID' AND admitted_at = voided_at FROM tickets WHERE booking_id = $1",
            booking_id,
        )


async def test_the_database_refuses_a_second_valid_ticket_for_a_seat(sale: Sale):
    await sale.sell(seat_ids=(9,))

    with pytest.raises(asyncpg.UniqueViolationError, match="a_seat_has_at_most_one_valid_ticket"):
        await sale.sell(seat_ids=(9,))


async def test_the_database_refuses_a_second_ticket_for_a_place(sale: Sale):
    async with sale.db.transaction() as tx:
        confirmed = await sale.booking(tx, area_ids=(0,))

    await sale.apply(confirmed)
    with pytest.raises(asyncpg.UniqueViolationError, match="a_place_of_a_booking_has_one_ticket"):
        await sale.apply(confirmed)


async def test_the_database_refuses_a_ticket_without_a_booking(sale: Sale):
    stray = BookingConfirmed(booking_id=new_id(sale.event_id), buyer_id=1, seat_ids=(1,), area_ids=())

    with pytest.raises(asyncpg.ForeignKeyViolationError, match="a_ticket_belongs_to_a_booking"):
        await sale.apply(stray)


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("area_id = 1", "a_ticket_is_for_a_seat_or_an_area"),
        ("seat_id = NULL", "a_ticket_is_for_a_seat_or_an_area"),
        ("place = -1", "a_place_counts_from_zero"),
        ("generation = 0", "a_generation_fits_two_bytes_of_the_code"),
        ("generation = 65536", "a_generation_fits_two_bytes_of_the_code"),
        ("state = 'LOST'", "a_ticket_is_valid_or_void"),
        ("state = 'VOID'", "only_a_void_ticket_was_voided"),
        ("voided_at = now()", "only_a_void_ticket_was_voided"),
        ("admitted_at = now()", "an_admission_says_when_and_by_whom"),
        (
            "state = 'VOID', voided_at = now() - interval '1 s', admitted_at = now(), admitted_by = 1",
            "only_a_valid_ticket_is_admitted",
        ),
    ],
)
async def test_the_database_refuses_an_illegal_ticket(sale: Sale, change: str, constraint: str):
    booking_id = await sale.sell(seat_ids=(1,))
    connection = await asyncpg.connect(sale.db.dsn)
    try:
        with pytest.raises(asyncpg.CheckViolationError, match=f'"{constraint}"'):
            await connection.execute(f"UPDATE tickets SET {change} WHERE booking_id = $1", booking_id)  # noqa: S608
    finally:
        await connection.close()
