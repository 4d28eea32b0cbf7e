"""Places that are taken out of a booking: what they bear and what the rest bears is the whole, always."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.catalog.prices.pricing import (
    PricedPlace,
    Reduction,
    TaxRate,
    encode_levies,
    levy,
    total_of,
)
from boxoffice.catalog.prices.tariff import Fee, FeeMode, FeePer, TaxMode
from boxoffice.catalog.prices.ticket_types import encode_types_of_places
from boxoffice.inventory.commands import Booking, BookingState
from boxoffice.inventory.give_up_rules import Share, share_of
from boxoffice.inventory.parting import Part, part_at, whole_of
from boxoffice.kit.money import movable, step_of
from boxoffice.payments.disputes.facts import share_loss
from boxoffice.payments.disputes.queries import Disputed

AMOUNTS = st.integers(0, 10_000)
TICKET_FEES = (
    Fee("Service", FeePer.TICKET, FeeMode.ADDED, amount=119),
    Fee("House", FeePer.TICKET, FeeMode.ABSORBED, basis_points=300),
    Fee("Postage", FeePer.TICKET, FeeMode.ADDED, amount=80, is_taxed=False),
)
BOOKING_FEES = (
    Fee("Handling", FeePer.BOOKING, FeeMode.ADDED, amount=99),
    Fee("Card", FeePer.BOOKING, FeeMode.ABSORBED, basis_points=170),
)
RATES = (
    None,
    TaxRate("VAT", TaxMode.INCLUDED, 1900),
    TaxRate("VAT", TaxMode.INCLUDED, 700),
    TaxRate("City", TaxMode.ADDED, 825),
)


@st.composite
def places(draw: st.DrawFn) -> PricedPlace:
    """A place with a price, some of the fees for a ticket, perhaps a tax and a reduction."""
    off = draw(st.none() | st.builds(Reduction, st.just(1), st.just("EARLY"), AMOUNTS))
    fees = draw(st.sets(st.sampled_from(TICKET_FEES)))
    return PricedPlace(
        draw(AMOUNTS),
        tuple([(fee, fee.amount or 7) for fee in TICKET_FEES if fee in fees]),
        draw(st.sampled_from(RATES)),
        off,
    )


@st.composite
def bookings(draw: st.DrawFn) -> Booking:
    """A sold booking of up to eight places: some seats, then admissions."""
    priced = draw(st.lists(places(), min_size=1, max_size=8))
    seats = draw(st.integers(0, len(priced)))
    types = draw(
        st.lists(st.sampled_from((None, "Child")), min_size=len(priced), max_size=len(priced)).map(tuple)
    )
    levies = levy(priced, draw(st.lists(st.sampled_from(BOOKING_FEES), unique=True)), 1)
    amounts = tuple([place.price for place in priced])
    return Booking(
        event_id=1,
        id=UUID(int=1),
        buyer_id=1,
        state=BookingState.CONFIRMED,
        seat_ids=tuple(range(100, 100 + seats)),
        area_ids=tuple([number % 2 for number in range(len(priced) - seats)]),
        amounts=amounts,
        total=total_of(amounts, levies),
        currency="EUR",
        created_at=datetime(2027, 1, 1, tzinfo=UTC),
        expires_at=None,
        levies=encode_levies(levies),
        ticket_types=encode_types_of_places(types),
    )


def left_of(booking: Booking, rest: Part) -> Booking:
    """The booking once it has only these places."""
    return msgspec.structs.replace(
        booking,
        seat_ids=rest.seat_ids,
        area_ids=rest.area_ids,
        amounts=rest.amounts,
        levies=encode_levies(rest.levies),
        ticket_types=encode_types_of_places(rest.ticket_types),
    )


@given(bookings(), st.data())
@settings(max_examples=60, deadline=None)
def test_the_parts_of_a_booking_add_up_to_it_and_put_back_they_are_it(booking: Booking, data: st.DataObject):
    """Whatever is taken out of it, place by place, in whatever order."""
    numbers = range(len(booking.amounts))
    whole = part_at(booking, numbers, numbers)
    rest, gone = whole, list[Part]()
    while len(rest.numbers) > 1 and data.draw(st.booleans()):
        left = left_of(booking, rest)
        indexes = range(len(rest.numbers))
        out = data.draw(st.sets(st.sampled_from(indexes), min_size=1, max_size=len(indexes) - 1))
        gone.append(part_at(left, rest.numbers, out))
        rest = part_at(left, rest.numbers, [index for index in indexes if index not in out])

    for what in ("worth", "fees", "taxes"):
        parts = [getattr(part, what) for part in (rest, *gone)]
        assert sum(parts) == getattr(whole, what)
        assert min(parts) >= 0
    assert whole.worth == booking.total
    back = whole_of(left_of(booking, rest), gone[::-1])
    assert (back.seat_ids, back.area_ids, back.amounts) == (
        booking.seat_ids,
        booking.area_ids,
        booking.amounts,
    )
    assert (back.worth, back.fees, back.taxes) == (whole.worth, whole.fees, whole.taxes)
    assert back.ticket_types == whole.ticket_types
    assert _columns(back) == _columns(whole)


def _columns(part: Part) -> set[object]:
    """What each place bears, whatever the order of the fees."""
    levies = part.levies
    if levies is None:
        return set()
    fees = {(each.fee, each.amounts) for each in levies.fees}
    taxes = {(each.tax, each.amounts) for each in levies.taxes}
    return {*fees, *taxes, levies.discount}


@given(booking=bookings(), percent=st.integers(1, 99), fees_kept=st.booleans())
@settings(max_examples=60, deadline=None)
def test_a_share_is_rounded_place_by_place_and_is_never_more_than_was_paid(
    *, booking: Booking, percent: int, fees_kept: bool
):
    """A hundred percent with its fees is all of it; more percent are never less; without fees nothing is."""
    numbers = range(len(booking.amounts))
    whole = part_at(booking, numbers, numbers)
    share = share_of(whole, percent, 1, fees_kept=fees_kept)
    singly = [share_of(part_at(booking, numbers, [n]), percent, 1, fees_kept=fees_kept) for n in numbers]

    for what in ("amount", "fees", "taxes"):
        parts = [getattr(each, what) for each in singly]
        assert getattr(share, what) == sum(parts)
        more = getattr(share_of(whole, percent + 1, 1, fees_kept=fees_kept), what)
        assert 0 <= getattr(share, what) <= more
    assert share_of(whole, 100, 1, fees_kept=False) == Share(whole.worth, whole.fees, whole.taxes)
    kept = share_of(whole, 100, 1, fees_kept=True)
    assert kept.amount <= whole.worth
    assert kept.fees == 0
    assert kept.taxes <= whole.taxes
    if whole.fees == 0:
        assert kept == Share(whole.worth, 0, whole.taxes)
    # Half a minor unit a place is the most that rounding can come to.
    exact = (whole.worth if not fees_kept else kept.amount) * percent / 100
    assert abs(share.amount - exact) <= len(numbers) / 2


@given(
    booking=bookings(),
    percent=st.integers(1, 100),
    fees_kept=st.booleans(),
    currency=st.sampled_from(["JPY", "EUR", "MGA", "KWD"]),
    data=st.data(),
)
@settings(max_examples=60, deadline=None)
def test_whatever_goes_back_can_be_moved(
    *, booking: Booking, percent: int, fees_kept: bool, currency: str, data: st.DataObject
):
    """Of any booking, also one from before there were steps: amounts, places and shares, to the last of it.

    A provider moves multiples of the step, or all that it has.
    """
    step = step_of(currency)
    numbers = range(len(booking.amounts))
    whole = part_at(booking, numbers, numbers)
    left = captured = whole.worth + -whole.worth % step
    while left > 0 and data.draw(st.booleans()):
        out = data.draw(st.sets(st.sampled_from(numbers)))
        wanted = data.draw(
            st.sampled_from([
                part_at(booking, numbers, out).worth,
                share_of(whole, percent, step, fees_kept=fees_kept).amount,
                share_loss(
                    data.draw(st.integers(1, captured)),
                    Disputed(captured, captured - left, 0, 0, 0, None, None, None, has_bought=True),
                    step,
                ).left,
            ])
        )  # fmt: skip
        amount = movable(wanted, left, step)
        assert 0 <= amount <= left
        assert amount % step == 0
        left -= amount
    assert left % step == 0
