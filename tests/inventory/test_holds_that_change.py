"""A hold that is renewed, and one whose places are exchanged: by the rules, and in the tables."""

import asyncio
from datetime import datetime, timedelta

import httpx
import pytest

from boxoffice.inventory.commands import Adjacent, BestAvailable, Booking, Exchange, Held, Hold, Renew
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.inventory.refusals import (
    AreasFull,
    BookingIsOver,
    HeldLongEnough,
    NothingLeftToHold,
    NotYourPlaces,
    SeatsTaken,
    TooManyPlaces,
)
from boxoffice.inventory.rules import RENEWED_HOLDS_MAX
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from inventory.selling import answer, hold
from payments.conftest import headers_of
from shows import insert_user, open_show


async def test_a_renewed_hold_outlives_its_first_end(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, hold_seconds=3)
    booking = await hold(sales, show.event_id, 1, seat_ids=[1])
    assert booking.expires_at is not None
    # Half of its time later, so that the second end is well after the first.
    await wait_until(db, booking.expires_at - timedelta(seconds=1.5))
    renewed = await answer(sales, show.event_id, Renew(booking.id, 1))
    assert isinstance(renewed, Booking)
    assert renewed.expires_at is not None
    assert renewed.expires_at > booking.expires_at
    await wait_until(db, booking.expires_at)

    with pytest.raises(SeatsTaken):
        await hold(rival_sales, show.event_id, 2, seat_ids=[1])

    await show.wait_for_holds_to_end()
    await hold(rival_sales, show.event_id, 2, seat_ids=[1])
    assert (await show.states())[booking.id] == "EXPIRED"
    await show.check_promises()


async def wait_until(db: Database, moment: datetime) -> None:
    """Return once PostgreSQL's clock says so."""
    await db.get(
        str, "SELECT pg_sleep(greatest(0, extract(epoch FROM $1 - clock_timestamp())))::text", moment
    )


async def test_a_hold_cannot_be_renewed_for_ever(db: Database, sales: GroupCommit):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(sales, show.event_id, 1, seat_ids=[1])
    last = booking.expires_at
    refusal = None
    async with asyncio.timeout(30):
        while not isinstance(refusal, (HeldLongEnough, BookingIsOver)):
            found = await answer(sales, show.event_id, Renew(booking.id, 1))
            if isinstance(found, Booking):
                last = found.expires_at
            refusal = found
    assert isinstance(refusal, HeldLongEnough)
    assert last is not None
    assert refusal.expires_at == last
    assert (last - booking.created_at).total_seconds() == RENEWED_HOLDS_MAX


async def test_who_renews_must_hold(db: Database, sales: GroupCommit):
    show = await open_show(db, hold_seconds=1)
    booking = await hold(sales, show.event_id, 1, seat_ids=[1])
    assert isinstance(await answer(sales, show.event_id, Renew(booking.id, 2)), NotFound)
    await show.wait_for_holds_to_end()
    assert isinstance(await answer(sales, show.event_id, Renew(booking.id, 1)), BookingIsOver)


async def test_an_exchange_happens_whole_or_not_at_all(db: Database, sales: GroupCommit):
    show = await open_show(db, areas=[2])
    booking = await hold(sales, show.event_id, 1, seat_ids=[1, 2], area_ids=[0])
    other = await hold(sales, show.event_id, 2, seat_ids=[5])

    refused = await answer(
        sales, show.event_id, Exchange(booking.id, 1, give_seat_ids=(2,), take_seat_ids=(4, 5))
    )
    assert isinstance(refused, SeatsTaken)
    assert sorted(await show.claims()) == [1, 2, 5]

    done = await answer(
        sales,
        show.event_id,
        Exchange(booking.id, 1, give_seat_ids=(2,), take_seat_ids=(3, 4), take_area_ids=(0,)),
    )
    assert isinstance(done, Booking)
    assert (done.seat_ids, done.area_ids, done.total) == ((1, 3, 4), (0, 0), 12500)
    assert await show.claims() == {1: booking.id, 3: booking.id, 4: booking.id, 5: other.id}
    await hold(sales, show.event_id, 3, seat_ids=[2])
    await show.check_promises()


async def test_places_can_be_given_back_but_not_all_and_not_those_of_others(db: Database, sales: GroupCommit):
    show = await open_show(db, areas=[3])
    booking = await hold(sales, show.event_id, 1, seat_ids=[1, 2], area_ids=[0, 0])

    smaller = await sales.submit(
        show.event_id, Exchange(booking.id, 1, give_seat_ids=(1,), give_area_ids=(0,))
    )
    assert isinstance(smaller, Booking)
    assert (smaller.seat_ids, smaller.area_ids, smaller.amounts) == ((2,), (0,), (2500, 2500))
    for wrong, kind in (
        (Exchange(booking.id, 1, give_seat_ids=(1,)), NotYourPlaces),
        (Exchange(booking.id, 1, give_area_ids=(0, 0)), NotYourPlaces),
        (Exchange(booking.id, 1, give_seat_ids=(2,), give_area_ids=(0,)), NothingLeftToHold),
        (Exchange(booking.id, 2, give_seat_ids=(2,)), NotFound),
        (Exchange(booking.id, 1, take_area_ids=(0, 0, 0)), AreasFull),
    ):
        assert isinstance(await answer(sales, show.event_id, wrong), kind)
    await show.check_promises()


async def test_what_is_given_back_can_be_taken_again_as_another_ticket_type_where_nothing_is_left(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    """It was refused: the seat was taken, by its buyer, and the area was full, of them."""
    show = await open_show(db, areas=[2])
    async with db.transaction() as tx:
        await tx.execute(
            "INSERT INTO event_prices (event_id, category, amount) VALUES ($1, 'Child', 1000)", show.event_id
        )
        types = '[{"name": "Child", "category": "Any", "limit": 2}]'
        await tx.execute("UPDATE events SET ticket_types = $2::json WHERE id = $1", show.event_id, types)
    booking = await hold(sales, show.event_id, 1, seat_ids=[1, 2], area_ids=[0, 0])
    swap = Exchange(booking.id, 1, (1,), (0,), (1,), (0,), take_ticket_types=("Child", "Child"))
    back = Exchange(booking.id, 1, (1,), (), (1,))
    again = Exchange(
        booking.id, 1, (), (0,), (), (0,), give_ticket_types=("Child",), take_ticket_types=("Child",)
    )

    done = await answer(rival_sales, show.event_id, swap)
    assert isinstance(done, Booking)
    assert (done.seat_ids, done.area_ids) == ((2, 1), (0, 0))
    assert done.amounts == (2500, 1000, 2500, 1000)
    assert isinstance(await answer(sales, show.event_id, again), Booking), "of two children, two are left"
    assert isinstance(
        await answer(sales, show.event_id, Exchange(booking.id, 1, take_area_ids=(0,))), AreasFull
    )
    last = await answer(rival_sales, show.event_id, back)
    assert isinstance(last, Booking)
    assert last.total == 2500 * 3 + 1000
    assert await show.claims() == dict.fromkeys((1, 2), booking.id)
    assert isinstance(await verify_event(db, show.event_id), Verified)
    await show.check_promises()


async def test_a_limit_counts_what_is_more_after_the_exchange(db: Database, sales: GroupCommit):
    show = await open_show(db, places_per_buyer_max=2)
    booking = await hold(sales, show.event_id, 1, seat_ids=[1, 2])
    swap = Exchange(booking.id, 1, give_seat_ids=(1,), take_seat_ids=(3,))
    assert isinstance(await answer(sales, show.event_id, swap), Booking)
    more = Exchange(booking.id, 1, take_seat_ids=(4,))
    assert isinstance(await answer(sales, show.event_id, more), TooManyPlaces)


async def test_two_exchanges_that_want_each_others_seats_end_in_no_seat_twice(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db)
    one = await hold(sales, show.event_id, 1, seat_ids=[1])
    two = await hold(rival_sales, show.event_id, 2, seat_ids=[2])

    answers = await asyncio.gather(
        answer(sales, show.event_id, Exchange(one.id, 1, give_seat_ids=(1,), take_seat_ids=(2,))),
        answer(rival_sales, show.event_id, Exchange(two.id, 2, give_seat_ids=(2,), take_seat_ids=(1,))),
    )

    assert all(isinstance(found, SeatsTaken) for found in answers)
    await show.check_promises()


async def test_parties_at_two_processes_are_seated_side_by_side_and_apart_from_each_other(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=200)

    answers = await asyncio.gather(
        *[
            answer(
                (sales, rival_sales)[n % 2],
                show.event_id,
                Hold(new_id(show.event_id), n, best=BestAvailable(4, adjacent=Adjacent.REQUIRED)),
            )
            for n in range(60)
        ]
    )

    parties = [found.booking.seat_ids for found in answers if isinstance(found, Held)]
    assert len(parties) == 50
    assert sorted(seat for party in parties for seat in party) == list(range(200))
    await show.check_promises()


async def test_best_available_renew_and_exchange_over_http(db: Database, client: httpx.AsyncClient):
    show = await open_show(db)
    headers = headers_of(await insert_user(db))

    made = await client.post(
        "/bookings", json={"event_id": show.event_id, "best_available": {"quantity": 3}}, headers=headers
    )
    assert made.status_code == 201, made.text
    assert "side by side" in made.json()["explanation"]
    path = f"/bookings/{made.json()['id']}"
    seats = [place["seat_id"] for place in made.json()["places"]]
    assert seats == list(range(seats[0], seats[0] + 3))

    swapped = await client.post(
        f"{path}/exchange",
        json={"give": {"seat_ids": [seats[0]]}, "take": {"seat_ids": [39]}},
        headers=headers,
    )
    assert swapped.status_code == 200, swapped.text
    assert {place["seat_id"] for place in swapped.json()["places"]} == {seats[1], seats[2], 39}
    assert (await client.post(f"{path}/renew", headers=headers)).status_code == 200
    for body, pointer in (
        ({}, "/give"),
        ({"give": {"seat_ids": [1, 1]}}, "/give/seat_ids/1"),
        ({"take": {"seat_ids": [4000]}}, "/take/seat_ids/0"),
    ):
        wrong = await client.post(f"{path}/exchange", json=body, headers=headers)
        assert wrong.status_code == 422
        assert wrong.json()["errors"][0]["pointer"] == pointer
    both = {"event_id": show.event_id, "seat_ids": [1], "best_available": {"quantity": 1}}
    assert (await client.post("/bookings", json=both, headers=headers)).status_code == 422
