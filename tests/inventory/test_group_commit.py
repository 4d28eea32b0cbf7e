"""Group commit: batches, neighbours, queues, deadlines, and what is left in the tables."""

import asyncio
from uuid import uuid4

import pytest

from boxoffice.inventory import group_commit
from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    Cancel,
    Expire,
    Held,
    Hold,
    PaymentOutcome,
)
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.queries import lock_inventory
from boxoffice.inventory.refusals import (
    AreasFull,
    BookingIsOver,
    PaidBookingIsFinal,
    SeatsTaken,
    TooManyPlaces,
    UsedBookingIsFinal,
)
from boxoffice.inventory.sweeper import sweep
from boxoffice.kit.errors import NotFound, Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments.checkout import start_payment
from boxoffice.tickets.queries import claim_admission, lock_valid_tickets
from catalog.stage import wait_until_it_waits
from inventory.selling import answer, hold, locked_by_somebody_else, paid
from shows import Show, insert_user, open_show


async def test_a_hold_is_whole_or_nothing(db: Database, sales: GroupCommit):
    show = await open_show(db, areas=[3])
    booking = await hold(sales, show.event_id, 1, seat_ids=[4, 5], area_ids=[0, 0])

    with pytest.raises(SeatsTaken) as taken:
        await hold(sales, show.event_id, 2, seat_ids=[3, 4, 5, 6], area_ids=[0])
    with pytest.raises(AreasFull) as full:
        await hold(sales, show.event_id, 2, seat_ids=[3], area_ids=[0, 0])

    assert taken.value.seat_ids == [4, 5]
    assert full.value.areas[0].places_left == 1
    assert await show.claims() == {4: booking.id, 5: booking.id}
    assert (booking.total, booking.currency, booking.state) == (10000, "EUR", BookingState.PENDING)
    await show.check_promises()


async def test_a_batch_of_refusals_writes_nothing(db: Database, sales: GroupCommit):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[0])

    answers = await asyncio.gather(
        *[answer(sales, show.event_id, Hold(new_id(show.event_id), n, seat_ids=(0,))) for n in range(50)]
    )

    assert all(isinstance(refusal, SeatsTaken) for refusal in answers)
    assert await show.count("journal") == 1
    assert await show.count("bookings") == 1


async def test_many_commands_share_one_commit(db: Database, sales: GroupCommit):
    show = await open_show(db, seats=400)
    await hold(sales, show.event_id, 1, seat_ids=[399])

    await asyncio.gather(*[hold(sales, show.event_id, n, seat_ids=[n]) for n in range(300)])

    assert await show.count("bookings") == 301
    assert await show.count("journal") < 10
    await show.check_promises()


async def test_an_expired_hold_is_sold_to_the_next_buyer_without_any_background_job(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, areas=[1], hold_seconds=1)
    first = await hold(sales, show.event_id, 1, seat_ids=[1, 2], area_ids=[0])
    await show.wait_for_holds_to_end()

    second = await hold(rival_sales, show.event_id, 2, seat_ids=[2, 3], area_ids=[0])

    assert await show.claims() == {2: second.id, 3: second.id}
    assert (await show.states())[first.id] == "EXPIRED"
    await show.check_promises()


async def test_a_place_of_an_expired_hold_counts_for_nobodys_limit(db: Database, sales: GroupCommit):
    show = await open_show(db, places_per_buyer_max=2, hold_seconds=1)
    await hold(sales, show.event_id, 1, seat_ids=[1, 2])
    with pytest.raises(TooManyPlaces) as refusal:
        await hold(sales, show.event_id, 1, seat_ids=[3])
    assert (refusal.value.limit, refusal.value.already_yours) == (2, 2)
    await show.wait_for_holds_to_end()

    await hold(sales, show.event_id, 1, seat_ids=[3, 4])

    await show.check_promises()


async def test_a_limit_holds_when_one_buyer_asks_many_times_at_once(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, places_per_buyer_max=4)

    answers = await asyncio.gather(*[
        answer((sales, rival_sales)[n % 2], show.event_id, Hold(new_id(show.event_id), 1, seat_ids=(n,)))
        for n in range(40)
    ])  # fmt: skip

    assert sum(isinstance(found, Held) for found in answers) == 4
    assert sum(isinstance(refusal, TooManyPlaces) for refusal in answers) == 36


async def test_the_sweeper_tidies_what_nobody_asks_for(db: Database, parts: Parts):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[1])
    await show.wait_for_holds_to_end()

    await sweep(parts.db, parts.sales)
    await sweep(parts.db, parts.sales)

    assert await show.states() == {booking.id: "EXPIRED"}
    assert await show.claims() == {}
    async with db.transaction() as tx:
        locked = await lock_inventory(tx, show.event_id)
    assert locked is not None
    assert locked.next_expiry_at is None


async def test_a_process_that_lags_behind_is_brought_level_by_the_journal(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    for seat in range(1, 30):
        await hold(rival_sales, show.event_id, 1, seat_ids=[seat])

    with pytest.raises(SeatsTaken):
        await hold(sales, show.event_id, 2, seat_ids=[29])
    await hold(sales, show.event_id, 2, seat_ids=[30])

    await show.check_promises()


async def test_one_bad_command_does_not_fail_its_neighbours(db: Database, sales: GroupCommit):
    """A claim that no booking made, as a bug or a hand at the database would leave it."""
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    async with db.transaction() as tx:
        await tx.execute("INSERT INTO claims VALUES ($1, 5, $2)", show.event_id, uuid4())

    answers = await asyncio.gather(
        *[answer(sales, show.event_id, Hold(new_id(show.event_id), n, seat_ids=(n,))) for n in range(1, 10)]
    )

    assert [type(found).__name__ for found in answers] == ["Held"] * 4 + ["SeatsTaken"] + ["Held"] * 4


async def test_an_event_that_is_not_there_or_a_draft_is_not_found(db: Database, sales: GroupCommit):
    draft = await open_show(db, state="DRAFT")
    for event_id in (draft.event_id, 4_000_000_000):
        with pytest.raises(NotFound):
            await hold(sales, event_id, 1, seat_ids=[0])


async def test_new_terms_count_from_the_next_batch_on(db: Database, sales: GroupCommit):
    show = await open_show(db, price=2500)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    async with db.transaction() as tx:
        await tx.execute("UPDATE event_prices SET amount = 3000 WHERE event_id = $1", show.event_id)
        await tx.execute("UPDATE events SET revision = revision + 1 WHERE id = $1", show.event_id)

    booking = await hold(sales, show.event_id, 1, seat_ids=[1])

    assert booking.total == 3000


async def test_cancelling_frees_the_places_and_can_be_repeated(db: Database, sales: GroupCommit):
    show = await open_show(db, areas=[2])
    booking = await hold(sales, show.event_id, 1, seat_ids=[0, 1], area_ids=[0])

    first = await sales.submit(show.event_id, Cancel(booking.id, 1))
    again = await sales.submit(show.event_id, Cancel(booking.id, 1))

    assert isinstance(first, Booking)
    assert isinstance(again, Booking)
    assert first.state is again.state is BookingState.CANCELLED
    assert await show.claims() == {}
    assert isinstance(await answer(sales, show.event_id, Cancel(booking.id, 2)), NotFound)
    await show.check_promises()


async def test_a_free_booking_is_confirmed_at_once_and_can_be_given_back(db: Database, sales: GroupCommit):
    show = await open_show(db, price=0, areas=[2])
    booking = await hold(sales, show.event_id, 1, seat_ids=[0], area_ids=[0])

    assert booking.state is BookingState.CONFIRMED
    assert await show.count("tickets") == 2
    await sales.submit(show.event_id, Cancel(booking.id, 1))
    assert await show.count("tickets") == 0
    await show.check_promises()


async def test_a_free_booking_that_somebody_was_let_in_with_is_not_given_back(db: Database, parts: Parts):
    """Seen to fail when nobody is asked: the seat was sold to somebody else while its buyer sat on it."""
    show = await open_show(db, price=0)
    booking = await hold(parts.sales, show.event_id, 1, seat_ids=[0, 1])
    async with db.transaction() as tx:
        gate = await tx.get(int, "SELECT pg_backend_pid()")
        [ticket, _] = await lock_valid_tickets(tx, show.event_id, [booking.id])
        cancelling = asyncio.create_task(parts.sales.submit(show.event_id, Cancel(booking.id, 1)))
        await wait_until_it_waits(tx, gate, cancelling)
        admitted_at = await claim_admission(tx, show.event_id, ticket.id, 1, show.organizer_id)
        assert admitted_at is not None

    with pytest.raises(UsedBookingIsFinal):
        await cancelling
    assert await show.claims() == {0: booking.id, 1: booking.id}
    await show.check_promises()


async def test_an_expired_booking_and_a_paid_one_cannot_be_cancelled(db: Database, parts: Parts):
    show, booking, payment_id = await held_and_payment(db, parts, hold_seconds=1)
    await parts.sales.submit(show.event_id, paid(booking, payment_id))
    with pytest.raises(PaidBookingIsFinal):
        await parts.sales.submit(show.event_id, Cancel(booking.id, booking.buyer_id))
    late = await hold(parts.sales, show.event_id, 1, seat_ids=[9])
    await show.wait_for_holds_to_end()
    with pytest.raises(BookingIsOver):
        await parts.sales.submit(show.event_id, Cancel(late.id, 1))


async def held_and_payment(db: Database, parts: Parts, *, hold_seconds: int = 600):
    show = await open_show(db, hold_seconds=hold_seconds)
    buyer_id = await insert_user(db)
    booking = await hold(parts.sales, show.event_id, buyer_id, seat_ids=[3, 4])
    payment = await start_payment(
        parts.desk, parts.providers, booking_id=booking.id, buyer_id=buyer_id, provider=None
    )
    return show, booking, payment.id


async def test_money_in_time_becomes_tickets_and_the_same_money_counts_once(db: Database, parts: Parts):
    show, booking, payment_id = await held_and_payment(db, parts)

    outcomes = await asyncio.gather(
        *[parts.sales.submit(show.event_id, paid(booking, payment_id)) for _ in range(5)]
    )

    assert sorted(str(outcome) for outcome in outcomes) == ["ALREADY_SETTLED"] * 4 + ["CONFIRMED"]
    assert await show.count("tickets") == 2
    await show.check_promises()


async def test_late_money_for_taken_places_is_owed_back_in_the_same_transaction(db: Database, parts: Parts):
    show, booking, payment_id = await held_and_payment(db, parts, hold_seconds=1)
    await show.wait_for_holds_to_end()
    await hold(parts.sales, show.event_id, 99, seat_ids=[4])

    outcome = await parts.sales.submit(show.event_id, paid(booking, payment_id))
    again = await parts.sales.submit(show.event_id, paid(booking, payment_id))

    assert (outcome, again) == (PaymentOutcome.RETURNED, PaymentOutcome.ALREADY_SETTLED)
    assert await show.count("tickets") == 0
    assert await show.count("refunds") == 1
    transactions = await db.list(
        str,
        """
        SELECT xmin::text FROM refunds WHERE event_id = $1
        UNION SELECT xmin::text FROM payment_events WHERE event_id = $1
        UNION SELECT xmin::text FROM payments WHERE event_id = $1
        UNION (SELECT xmin::text FROM journal WHERE event_id = $1 ORDER BY version DESC LIMIT 1)
        """,
        show.event_id,
    )
    assert len(transactions) == 1
    await show.check_promises()


async def test_a_full_line_is_turned_away_at_its_limit(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_commit, "QUEUE_COMMANDS_MAX", 10)
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[39])
    async with locked_by_somebody_else(db, show.event_id):
        waiting = [asyncio.create_task(hold(sales, show.event_id, n, seat_ids=[n])) for n in range(10)]
        await asyncio.sleep(0)
        with pytest.raises(Unavailable):
            await hold(sales, show.event_id, 1, seat_ids=[30])

    assert len(await asyncio.gather(*waiting)) == 10


async def test_who_waits_past_the_deadline_is_turned_away_and_nothing_is_decided(
    db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(group_commit, "DEADLINE_SECONDS", 0.1)
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[39])
    async with locked_by_somebody_else(db, show.event_id):
        with pytest.raises(Unavailable):
            await hold(sales, show.event_id, 1, seat_ids=[0])

    await sales.submit(show.event_id, Expire())
    assert await show.count("bookings") == 1


async def test_a_command_whose_client_is_gone_costs_no_decision(db: Database, sales: GroupCommit):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[39])
    async with locked_by_somebody_else(db, show.event_id):
        gone = asyncio.create_task(hold(sales, show.event_id, 1, seat_ids=[0]))
        await asyncio.sleep(0)
        gone.cancel()
        stays = asyncio.create_task(hold(sales, show.event_id, 2, seat_ids=[0]))
        await asyncio.sleep(0)

    assert (await stays).seat_ids == (0,)
    assert await show.count("bookings") == 2


async def test_a_show_serves_many_events_at_once(db: Database, sales: GroupCommit):
    shows: list[Show] = [await open_show(db) for _ in range(30)]

    await asyncio.gather(*[hold(sales, show.event_id, 1, seat_ids=[n]) for show in shows for n in range(10)])

    for show in shows:
        await show.check_promises()


async def test_who_names_a_booking_opens_no_inventory(db: Database, sales: GroupCommit):
    show = await open_show(db)

    with pytest.raises(NotFound):
        await sales.submit(show.event_id, Cancel(new_id(show.event_id), 1))

    opened = "SELECT count(*) FROM inventories WHERE event_id = $1"
    assert await db.get(int, opened, show.event_id) == 0
    assert (await hold(sales, show.event_id, 1, seat_ids=[0])).seat_ids == (0,)
