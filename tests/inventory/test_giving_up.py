"""The rules of giving places up for money: by the organizer, one by one, and by the buyer, by a policy."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from boxoffice.catalog.cancellation_policy import Deadline
from boxoffice.catalog.terms import Channel
from boxoffice.inventory.changes import BlockKind, BookingReduced
from boxoffice.inventory.commands import (
    Block,
    Booking,
    BookingState,
    GivenUp,
    GiveUp,
    Known,
    Outcome,
    PaidWith,
    TakeBack,
    TakeBackPlaces,
    TakenBack,
    TicketOf,
)
from boxoffice.inventory.refusals import (
    BookingIsOver,
    EventCancelled,
    NothingToRefund,
    PaidBookingIsFinal,
    TooLateToCancel,
    UsedBookingIsFinal,
)
from boxoffice.inventory.state import BLOCKED, FREE, SOLD
from boxoffice.kit.errors import NotFound, Refusal
from inventory.test_calling_off import Selling
from inventory.test_choosing import NOW

PAYMENT = UUID(int=5)
SOON = Deadline(NOW + timedelta(hours=1), 50)


@pytest.fixture
def selling() -> Selling:
    return Selling()


def known(booking: Booking, *, left: int | None = None, admitted: int | None = None) -> Known:
    """As many tickets as there are places, and all of the money, unless told otherwise."""
    tickets = [TicketOf(UUID(int=100 + n), n, n == admitted) for n in range(len(booking.amounts))]
    return Known(tuple(tickets), PaidWith(PAYMENT, booking.total if left is None else left))


def take_back(selling: Selling, booking_id: UUID, *seat_ids: int) -> TakeBackPlaces:
    told = known(selling.bookings[booking_id])
    return TakeBackPlaces(booking_id, uuid4(), "Why not.", seat_ids=seat_ids, known=told)


def give_up(
    selling: Selling, booking_id: UUID, *deadlines: Deadline, told: Known | None = None, buyer_id: int = 1
) -> Outcome | Refusal:
    told = told or known(selling.bookings[booking_id])
    command = GiveUp(booking_id, buyer_id, deadlines, fees_kept=False, known=told)
    return selling.ask(command).outcomes[0]


def test_of_two_in_one_batch_the_second_sees_what_the_first_has_taken(selling: Selling):
    booking_id = selling.hold(1, 0, 1, 2, pay=True)
    price = selling.bookings[booking_id].amounts[0]
    one, same, other = [take_back(selling, booking_id, seat) for seat in (0, 0, 1)]

    first, second, third, last = selling.ask(one, same, other, TakeBack(booking_id, "All.")).outcomes

    assert isinstance(first, TakenBack)
    assert isinstance(third, TakenBack)
    assert (first.amount, third.amount) == (price, price)
    assert isinstance(second, Refusal)
    assert isinstance(last, Booking)
    assert last.seat_ids == (2,)
    assert set(selling.inventory.seats) == {FREE}


def test_what_its_channel_sold_goes_back_into_the_block(selling: Selling):
    selling.ask(Block(uuid4(), "Fans", BlockKind.ALLOTMENT, (2, 3), channel_id=1))
    selling.inventory.terms = msgspec.structs.replace(
        selling.inventory.terms, channels={"fans": Channel(1, None, None)}
    )
    booking_id = selling.hold(3, 2, 3, key="fans", pay=True)

    [change] = selling.ask(take_back(selling, booking_id, 3)).draft.changes

    assert isinstance(change, BookingReduced)
    assert (change.seat_ids, change.freed_seat_ids, change.blocked_seat_ids) == ((2,), (3,), (3,))
    assert (selling.inventory.seats[2], selling.inventory.seats[3]) == (SOLD, BLOCKED)


def test_what_was_paid_for_in_the_same_batch_has_no_tickets_yet(selling: Selling):
    booking_id = selling.hold(1, 0, 1)
    taken = msgspec.structs.replace(
        take_back(selling, booking_id, 0), known=Known((), PaidWith(PAYMENT, 100))
    )

    assert isinstance(selling.ask(selling.money(booking_id), taken).outcomes[1], NothingToRefund)


def test_a_buyer_gets_the_share_of_the_tier_that_is_open_and_once(selling: Selling):
    booking_id = selling.hold(1, 0, 1, pay=True)
    total = selling.bookings[booking_id].total
    later = Deadline(NOW + timedelta(hours=2), 20)

    assert isinstance(give_up(selling, booking_id, SOON, buyer_id=2), NotFound)
    outcome = give_up(selling, booking_id, SOON, later)

    assert isinstance(outcome, GivenUp)
    assert outcome.booking.state is BookingState.CANCELLED
    assert (outcome.amount, outcome.is_whole) == (total // 2, False)
    again = give_up(selling, booking_id, SOON)
    assert isinstance(again, GivenUp)
    assert again.payment_id is None
    assert isinstance(selling.ask(take_back(selling, booking_id, 0)).outcomes[0], BookingIsOver)


@pytest.mark.parametrize(
    ("deadlines", "told", "refusal"),
    [
        ((), {}, PaidBookingIsFinal),
        ((Deadline(NOW, 50),), {}, TooLateToCancel),
        ((SOON,), {"admitted": 1}, UsedBookingIsFinal),
        # Only authorised: half of it cannot be void.
        ((SOON,), {"left": 0}, NothingToRefund),
    ],
)
def test_why_a_buyer_cannot_cancel(
    selling: Selling, deadlines: tuple[Deadline, ...], told: dict[str, int], refusal: type[Refusal]
):
    booking_id = selling.hold(1, 0, 1, pay=True)
    knows = known(selling.bookings[booking_id], **told)

    assert isinstance(give_up(selling, booking_id, *deadlines, told=knows), refusal)
    assert selling.inventory.seats[0] == SOLD


def test_what_is_only_authorised_goes_back_whole_and_nothing_goes_back_where_nothing_is_left(
    selling: Selling,
):
    whole, poor = selling.hold(1, 0, pay=True), selling.hold(1, 1, 2, pay=True)
    all_of_it = Deadline(NOW + timedelta(hours=1), 100)

    void = give_up(selling, whole, all_of_it, told=known(selling.bookings[whole], left=0))
    free = give_up(selling, poor, SOON, told=Known(known(selling.bookings[poor]).tickets, None))

    assert isinstance(void, GivenUp)
    assert (void.is_whole, void.payment_id) == (True, PAYMENT)
    assert isinstance(free, GivenUp)
    assert (free.payment_id, free.amount) == (None, 0)


def test_a_cancelled_event_gives_everything_back_whatever_its_policy(selling: Selling):
    booking_id = selling.hold(1, 0, pay=True)
    selling.cancel()

    assert isinstance(give_up(selling, booking_id, SOON), EventCancelled)
