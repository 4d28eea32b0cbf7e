"""What a place costs when it is held: the price of that very moment, through that channel."""

from datetime import datetime, timedelta
from uuid import uuid4

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.catalog.prices.changes import PriceChange, period_at, periods_of
from boxoffice.catalog.prices.pricing import decode_levies
from boxoffice.catalog.prices.tariff import Fee, FeeMode, FeePer, Tariff, Tax, TaxMode
from boxoffice.catalog.terms import Channel
from boxoffice.inventory.availability.document import picture_of, render_document
from boxoffice.inventory.changes import decode_changes, encode_changes
from boxoffice.inventory.commands import Booking, Exchange, Held, Hold
from boxoffice.inventory.rules import decide
from boxoffice.inventory.state import Inventory
from inventory.test_choosing import NOW, hall, on_sale

MOMENT = timedelta(microseconds=1)
LATER = NOW + timedelta(days=1)


def selling(*changes: PriceChange, tariff: Tariff | None = None) -> Inventory:
    """A hall in which A and B cost 1000 at first, and A costs 300 through the channel "key"."""
    inventory = on_sale(hall("AABB", categories="AB"))
    terms = inventory.terms
    inventory.terms = msgspec.structs.replace(
        terms,
        periods=periods_of(terms.prices, changes),
        channels={"key": Channel(7, None, None, {"A": 300})},
        tariff=tariff,
    )
    return inventory


def held(inventory: Inventory, now: datetime, *seat_ids: int, key: str | None = None) -> Booking:
    """Hold seats at a moment."""
    [outcome] = decide(inventory, [Hold(uuid4(), 1, seat_ids, channel_key_hash=key)], {}, now).outcomes
    assert isinstance(outcome, Held)
    return outcome.booking


@pytest.mark.parametrize(
    ("now", "amounts"),
    [
        (LATER - MOMENT, (1000, 1000)),
        (LATER, (1500, 1000)),
        (LATER + MOMENT, (1500, 1000)),
        (LATER + timedelta(days=1) - MOMENT, (1500, 1000)),
        (LATER + timedelta(days=1), (1500, 2000)),
    ],
)
def test_a_change_of_prices_holds_from_its_very_moment_on(now: datetime, amounts: tuple[int, ...]):
    inventory = selling(PriceChange(LATER, {"A": 1500}), PriceChange(LATER + timedelta(days=1), {"B": 2000}))

    assert held(inventory, now, 0, 2).amounts == amounts


def test_a_channel_has_prices_of_its_own_whatever_changes():
    inventory = selling(PriceChange(LATER, {"A": 1500, "B": 2500}))

    assert held(inventory, NOW, 0, 2, key="key").amounts == (300, 1000)
    assert held(inventory, LATER, 0, 2, key="key").amounts == (300, 2500)


def test_what_an_exchange_takes_costs_what_it_costs_now_and_what_stays_what_it_did():
    inventory = selling(PriceChange(LATER, {"A": 1500, "B": 0}))
    booking = held(inventory, LATER - MOMENT, 0, 2)
    inventory.apply(decide(inventory, [Hold(booking.id, 1, (0, 2))], {}, LATER - MOMENT).draft.changes)

    swap = Exchange(booking.id, 1, give_seat_ids=(2,), take_seat_ids=(1, 3))
    [after] = decide(inventory, [swap], {booking.id: booking}, LATER).outcomes

    assert isinstance(after, Booking)
    assert (after.seat_ids, after.amounts) == ((0, 1, 3), (1000, 1500, 0))


def test_a_booking_keeps_its_price_when_the_change_begins_while_it_is_held():
    inventory = selling(PriceChange(LATER, {"A": 1500}))
    decision = decide(inventory, [Hold(uuid4(), 1, (0,))], {}, LATER - MOMENT)

    [change] = decode_changes(encode_changes(tuple(decision.draft.changes)))

    assert getattr(change, "total", None) == 1000


def test_the_document_shows_the_price_that_holds_and_what_comes_next():
    fee = Fee("Service", FeePer.TICKET, FeeMode.ADDED, amount=50)
    inventory = selling(PriceChange(LATER, {"A": 1500, "B": 1000}), tariff=Tariff([fee], None))
    seen: list[tuple[int, object]] = []
    for now in (LATER - MOMENT, LATER):
        inventory.looked_at = now
        document = render_document(picture_of(inventory))
        body = msgspec.json.decode(document.body)
        seen.append((body["categories"][0]["all_in_price"]["amount"], body["next_price_change"]))

    assert [price for price, _ in seen] == [1050, 1550]
    coming = seen[0][1]
    assert isinstance(coming, dict)
    # What costs the same as before does not change.
    assert coming["all_in_prices"] == {"A": {"amount": 1550, "currency": "EUR"}}
    assert msgspec.convert(coming["starts_at"], datetime) == LATER
    assert seen[1][1] is None


_moments = st.integers(-3, 3).map(lambda each: NOW + each * MOMENT)
_changes = st.lists(
    st.builds(
        PriceChange,
        _moments,
        st.dictionaries(st.sampled_from("AB"), st.integers(0, 10**12), min_size=1),
    ),
    max_size=4,
    unique_by=lambda change: change.starts_at,
).map(lambda changes: sorted(changes, key=lambda change: change.starts_at))
_tariffs = st.builds(
    Tariff,
    fees=st.lists(
        st.builds(
            Fee,
            name=st.text("abc", min_size=1, max_size=3),
            per=st.sampled_from(FeePer),
            mode=st.just(FeeMode.ADDED),
            basis_points=st.integers(1, 10_000),
        ),
        max_size=2,
        unique_by=lambda fee: fee.name,
    ),
    tax=st.none() | st.builds(Tax, st.just("VAT"), st.sampled_from(TaxMode), st.integers(0, 10_000)),
)


@given(_changes, _moments, _tariffs, st.sampled_from((None, "key")))
def test_whatever_changes_when_the_parts_of_a_booking_add_up(
    changes: list[PriceChange], now: datetime, tariff: Tariff, key: str | None
):
    inventory = selling(*changes, tariff=tariff)

    booking = held(inventory, now, 0, 1, 2, key=key)

    expected = {"A": 1000, "B": 1000}
    for change in changes:
        if change.starts_at <= now:
            expected.update(change.prices)
    if key:
        expected["A"] = 300
    assert booking.amounts == (expected["A"], expected["A"], expected["B"])
    added = [
        0 if booking.levies is None else decode_levies(booking.levies).added_to(index) for index in range(3)
    ]
    assert sum(booking.amounts) + sum(added) == booking.total


@given(_changes, _moments)
def test_each_moment_is_in_exactly_one_period(changes: list[PriceChange], now: datetime):
    period = period_at(changes, now)

    assert all(change.starts_at <= now for change in changes[:period])
    assert all(change.starts_at > now for change in changes[period:])
