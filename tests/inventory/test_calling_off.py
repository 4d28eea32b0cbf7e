"""The rules of calling off: whatever a cancelled event has left ends, and nothing of it is sold meanwhile."""

from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
import pytest

from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.catalog.terms import Channel
from boxoffice.inventory.changes import BlockKind, BookingCancelled, BookingExpired, PlacesReleased
from boxoffice.inventory.commands import (
    Block,
    Booking,
    BookingState,
    CalledOff,
    CallOff,
    Command,
    Confirm,
    Exchange,
    Held,
    Hold,
    Payment,
    PaymentOutcome,
    Renew,
)
from boxoffice.inventory.refusals import EventCancelled, EventTakesPlace
from boxoffice.inventory.rules import Decision, decide
from boxoffice.inventory.state import BLOCKED, FREE, Inventory
from inventory.test_choosing import NOW, hall, on_sale


class Selling:
    """An event whose batches are committed at once, and the bookings it has."""

    def __init__(self, seat_map: SeatMap | None = None) -> None:
        self.inventory: Inventory = on_sale(seat_map or hall("AAAAAA"))
        self.inventory.terms = msgspec.structs.replace(
            self.inventory.terms, channels={"fans": Channel(1, None, None)}
        )
        self.bookings: dict[UUID, Booking] = {}

    def ask(self, *commands: Command, named: Mapping[UUID, Booking] | None = None) -> Decision:
        """Decide and commit."""
        decision = decide(self.inventory, commands, self.bookings if named is None else named, NOW)
        self.inventory.frontier = decision.draft.frontier
        self.inventory.apply(decision.draft.changes)
        for id_ in (*self.bookings, *decision.draft.held):
            if (booking := decision.draft.booking(id_)) is not None:
                self.bookings[id_] = booking
        return decision

    def hold(self, buyer_id: int, *seat_ids: int, key: str | None = None, pay: bool = False) -> UUID:
        """Hold seats, and perhaps pay for them."""
        booking_id = uuid4()
        [outcome] = self.ask(Hold(booking_id, buyer_id, seat_ids, channel_key_hash=key)).outcomes
        assert isinstance(outcome, Held)
        self.bookings[booking_id] = outcome.booking
        if pay:
            [paid] = self.ask(self.money(booking_id)).outcomes
            assert paid is PaymentOutcome.CONFIRMED
        return booking_id

    def money(self, booking_id: UUID) -> Confirm:
        """The right amount for a booking."""
        total = self.bookings[booking_id].total
        return Confirm(booking_id, Payment(uuid4(), total, "EUR", "sandbox", "a report"))

    def cancel(self) -> None:
        """The next batch reads that the event is cancelled."""
        self.inventory.terms = msgspec.structs.replace(self.inventory.terms, state=EventState.CANCELLED)


@pytest.fixture
def selling() -> Selling:
    return Selling()


def test_money_that_comes_once_the_show_has_begun_buys_no_ticket_unless_it_is_still_sold(selling: Selling):
    booking_id = selling.hold(1, 0)
    begins = selling.inventory.terms.starts_at

    def paid_at(now: datetime, **terms: Any) -> object:
        inventory = copy(selling.inventory)
        inventory.terms = msgspec.structs.replace(inventory.terms, **terms)
        decision = decide(inventory, [selling.money(booking_id)], selling.bookings, now)
        assert isinstance(decision.draft.changes[0], BookingExpired)
        return decision.outcomes[0]

    soon = begins + timedelta(hours=1)
    assert paid_at(begins - timedelta(microseconds=1)) is PaymentOutcome.CONFIRMED
    assert paid_at(begins) is PaymentOutcome.RETURNED
    assert paid_at(begins, sale_ends_at=soon) is PaymentOutcome.CONFIRMED
    assert paid_at(soon, sale_ends_at=soon) is PaymentOutcome.RETURNED


def test_what_is_held_and_what_is_sold_ends_and_blocks_end_with_it(selling: Selling):
    block_id = uuid4()
    selling.ask(Block(block_id, "Fans", BlockKind.ALLOTMENT, (2, 3), channel_id=1))
    held, sold = selling.hold(1, 0), selling.hold(2, 1, pay=True)
    through_channel = selling.hold(3, 2, key="fans", pay=True)
    assert selling.inventory.seats[3] == BLOCKED
    selling.cancel()

    decision = selling.ask(CallOff((held, sold, through_channel)))

    [outcome] = decision.outcomes
    assert outcome == CalledOff(3, (sold, through_channel), 0)
    cancelled = [each for each in decision.draft.changes if isinstance(each, BookingCancelled)]
    assert {each.booking_id: each.was_confirmed for each in cancelled} == {
        held: False, sold: True, through_channel: True,
    }  # fmt: skip
    assert [each.block_id for each in decision.draft.changes if isinstance(each, PlacesReleased)] == [
        block_id
    ]
    assert all(not each.blocked_seat_ids for each in cancelled), "there is no block any more to go back to"
    assert set(selling.inventory.seats) == {FREE}
    assert (selling.inventory.places_of, selling.inventory.blocks) == ({}, {})


def test_it_says_how_many_places_are_left_until_none_is(selling: Selling):
    bookings = [selling.hold(buyer, 2 * buyer, 2 * buyer + 1, pay=True) for buyer in range(3)]
    selling.cancel()

    left = [selling.ask(CallOff((booking_id,))).outcomes for booking_id in bookings]

    assert [outcome.places_left for [outcome] in left if isinstance(outcome, CalledOff)] == [4, 2, 0]


def test_what_is_over_already_or_not_there_is_passed_over(selling: Selling):
    booking_id = selling.hold(1, 0, pay=True)
    selling.cancel()
    selling.ask(CallOff((booking_id,)))

    decision = selling.ask(CallOff((booking_id, uuid4())))

    assert decision.outcomes == [CalledOff(0, (), 0)]
    assert decision.draft.changes == []


def test_a_hold_whose_time_is_over_expires_first_and_is_not_counted(selling: Selling):
    booking_id = selling.hold(1, 0)
    selling.cancel()

    later = NOW + timedelta(seconds=selling.inventory.terms.hold_seconds)
    decision = decide(selling.inventory, [CallOff((booking_id,))], selling.bookings, later)

    assert decision.outcomes == [CalledOff(0, (), 0)]
    booking = decision.draft.booking(booking_id)
    assert booking is not None
    assert booking.state is BookingState.EXPIRED


def test_in_one_batch_with_others_nothing_is_sold_before_or_after_it(selling: Selling):
    held, sold = selling.hold(1, 0), selling.hold(2, 1, pay=True)
    selling.cancel()

    decision = selling.ask(
        Hold(uuid4(), 9, (5,)), Renew(held, 1), Exchange(held, 1, take_seat_ids=(4,)), selling.money(held),
        Block(uuid4(), "House", BlockKind.HOUSE, (5,)), CallOff((held, sold)), Hold(uuid4(), 9, (5,)),
        selling.money(held),
    )  # fmt: skip

    kinds = [type(outcome) for outcome in decision.outcomes]
    assert kinds[:3] == [EventCancelled] * 3
    assert decision.outcomes[3] is decision.outcomes[7] is PaymentOutcome.RETURNED
    assert kinds[4] is kinds[6] is EventCancelled
    assert decision.outcomes[5] == CalledOff(2, (sold,), 0)


def test_an_event_that_takes_place_keeps_its_bookings(selling: Selling):
    booking_id = selling.hold(1, 0, pay=True)

    decision = selling.ask(CallOff((booking_id,)))

    assert [type(outcome) for outcome in decision.outcomes] == [EventTakesPlace]
    assert decision.draft.changes == []
