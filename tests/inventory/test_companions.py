"""Seats of companions: with the accessible seat they belong to until the release, then like all others."""

from datetime import timedelta
from uuid import uuid4

from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.inventory.commands import Booking, Exchange, Held, Hold
from boxoffice.inventory.refusals import CompanionSeatsAlone, SeatsKept
from boxoffice.inventory.rules import decide
from inventory.test_choosing import NOW, ask, best, chosen, hall, mean_distance, on_sale, windows_by_hand


def test_a_companions_seat_goes_with_its_accessible_seat_until_the_release():
    seat_map = hall("a++AAAa+")
    kept = on_sale(seat_map, accessible_released_at=NOW + timedelta(hours=1))
    released = on_sale(seat_map, accessible_released_at=NOW)

    general = chosen(kept, Hold(uuid4(), 1, seat_ids=(1, 3)))
    assert isinstance(general, SeatsKept)
    assert general.seat_ids == [1]
    for seats, alone, needed in (((1,), [1], [0]), ((0, 1, 7), [7], [6]), ((2, 6), [2], [0])):
        refusal = chosen(kept, Hold(uuid4(), 1, seat_ids=seats, accessible=True))
        assert isinstance(refusal, CompanionSeatsAlone)
        assert (refusal.seat_ids, refusal.accessible_seat_ids) == (alone, needed)
    for seats in ((0, 1, 2), (0,), (6, 7), (0, 1, 6, 7), (3, 4)):
        assert chosen(kept, Hold(uuid4(), 1, seat_ids=seats, accessible=True)) == seats
    assert chosen(released, Hold(uuid4(), 1, seat_ids=(1, 7))) == (1, 7), "then they are like all others"


def test_a_booking_cannot_give_the_accessible_seat_back_and_keep_the_companions():
    kept = on_sale(hall("a+AA"), accessible_released_at=NOW + timedelta(hours=1))
    outcome = ask(kept, Hold(uuid4(), 1, seat_ids=(0, 1), accessible=True)).outcomes[0]
    assert isinstance(outcome, Held)
    booking = outcome.booking

    def exchanged(**places: tuple[int, ...]) -> object:
        command = Exchange(booking.id, 1, **places)  # pyright: ignore[reportArgumentType]
        return decide(kept, [command], {booking.id: booking}, NOW).outcomes[0]

    assert isinstance(exchanged(give_seat_ids=(0,)), CompanionSeatsAlone)
    assert isinstance(exchanged(give_seat_ids=(0,), take_seat_ids=(2,)), CompanionSeatsAlone)
    assert isinstance(exchanged(give_seat_ids=(1,), take_seat_ids=(2,)), Booking)
    assert isinstance(exchanged(give_seat_ids=(0, 1), take_seat_ids=(2, 3)), Booking)


_KEPT_ROW = st.lists(st.sampled_from("AAa+ "), max_size=5).map(lambda more: "AAAAa" + "".join(more))


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(_KEPT_ROW, min_size=1, max_size=3).map(tuple),
    data=st.data(),
    size=st.integers(1, 4),
    accessible=st.booleans(),
)
def test_no_party_gets_a_companions_seat_alone_and_the_nearest_seats_that_it_may_have(
    rows: tuple[str, ...], data: st.DataObject, size: int, *, accessible: bool
):
    seat_map = hall(*rows)
    taken = data.draw(st.sets(st.integers(0, seat_map.seat_count - 1)))
    inventory = on_sale(seat_map, taken, accessible_released_at=NOW + timedelta(hours=1))

    found = chosen(inventory, best(size, accessible=accessible))

    companion_of = seat_map.companion_of

    def may_have(window: tuple[int, ...]) -> bool:
        if not accessible:
            return not {*seat_map.accessible, *companion_of} & set(window)
        return all(companion_of[seat] in window for seat in window if seat in companion_of)

    wanted = [seats for seats in windows_by_hand(rows, size) if not taken & set(seats) and may_have(seats)]
    if wanted:
        assert isinstance(found, tuple)
        assert tuple(sorted(found)) in wanted
        smallest = min(mean_distance(seat_map, window) for window in wanted)
        assert mean_distance(seat_map, found) <= smallest + 1e-6
    elif isinstance(found, tuple):
        assert may_have(found)
        assert not taken & set(found)
