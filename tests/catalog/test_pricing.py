"""Fees and taxes by the minor unit: the parts always add up to the whole."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.catalog.prices.pricing import (
    Levies,
    Reduction,
    all_in_amount,
    booking_fees_before,
    booking_fees_of,
    decode_levies,
    encode_levies,
    levy,
    price_place,
    priced_before,
    total_of,
)
from boxoffice.catalog.prices.tariff import AMOUNT_MAX, FEES_MAX, Fee, FeeMode, FeePer, Tariff, Tax, TaxMode
from boxoffice.inventory.promo import PromoCode
from boxoffice.kit.money import BASIS_POINTS, contained, portion, split, step_of

_amounts = st.one_of(st.integers(0, 300), st.integers(0, AMOUNT_MAX))
_shares = st.integers(1, BASIS_POINTS)


@st.composite
def fees(draw: st.DrawFn) -> Fee:
    mode = draw(st.sampled_from(FeeMode))
    is_share = draw(st.booleans())
    return Fee(
        name=draw(st.text("abc", min_size=1, max_size=3)),
        per=draw(st.sampled_from(FeePer)),
        mode=mode,
        amount=None if is_share else draw(st.integers(1, AMOUNT_MAX)),
        basis_points=draw(_shares) if is_share else None,
        is_taxed=mode is FeeMode.ABSORBED or draw(st.booleans()),
    )


_taxes = st.builds(
    Tax,
    name=st.just("VAT"),
    mode=st.sampled_from(TaxMode),
    basis_points=st.integers(0, BASIS_POINTS),
    basis_points_of=st.dictionaries(st.sampled_from(["A", "B"]), st.integers(0, BASIS_POINTS)),
)
_tariffs = st.builds(
    Tariff,
    fees=st.lists(fees(), max_size=4, unique_by=lambda fee: fee.name),
    tax=st.none() | _taxes,
)
_offs = st.none() | _amounts
_places = st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), _amounts), min_size=1, max_size=5)


def promo_code(*, amount: int | None = None, basis_points: int | None = None) -> PromoCode:
    """A code for category A without limits."""
    return PromoCode(7, "EARLY", amount, basis_points, frozenset("A"), frozenset(), *[None] * 5)


def levied(tariff: Tariff, places: list[tuple[str, int]]) -> Levies | None:
    """What a booking of these places bears."""
    return levy([price_place(tariff, *place) for place in places], booking_fees_of(tariff), tariff.step)


@given(_tariffs, _places)
def test_what_the_places_bear_adds_up_to_the_total(tariff: Tariff, places: list[tuple[str, int]]):
    prices = [price for _, price in places]
    levies = levied(tariff, places)
    total = total_of(prices, levies)

    if levies is None:
        assert total == sum(prices)
        return
    all_in = [price + levies.added_to(index) for index, price in enumerate(prices)]
    assert sum(all_in) == total
    assert total == sum(prices) + sum(each.sum for each in (*levies.fees, *levies.taxes) if each.is_added)
    assert all(amount is None or amount >= 0 for each in levies.fees for amount in each.amounts)
    assert all(amount is None or amount >= 0 for each in levies.taxes for amount in each.amounts)
    absorbed = [
        sum(each.amounts[index] or 0 for each in levies.fees if not each.is_added)
        for index in range(len(places))
    ]
    assert all(part <= price for part, price in zip(absorbed, prices, strict=True))
    assert total < 2**63


@given(
    _tariffs, st.lists(st.tuples(st.sampled_from(["A", "B", "C"]), _amounts, _offs), min_size=1, max_size=5)
)
def test_a_discount_and_what_is_left_add_up_to_the_prices(
    tariff: Tariff, places: list[tuple[str, int, int | None]]
):
    """And everything else is levied on what is left, as if that were the price."""
    reduced = [
        price_place(tariff, name, price, None if off is None else Reduction(7, "EARLY", min(off, price)))
        for name, price, off in places
    ]
    levies = levy(reduced, booking_fees_of(tariff), 1)
    amounts = [place.price for place in reduced]
    discount = levies.discount if levies else None
    taken_off = [0] * len(places) if discount is None else [each or 0 for each in discount.amounts]

    assert [left + off for left, off in zip(amounts, taken_off, strict=True)] == [each[1] for each in places]
    assert all(left >= 0 for left in amounts)
    assert (discount is None) == all(off is None for _, _, off in places)
    bare = levied(tariff, [(name, left) for (name, _, _), left in zip(places, amounts, strict=True)])
    assert total_of(amounts, levies) == total_of(amounts, bare)
    assert (levies.taxes, levies.fees) == (bare.taxes, bare.fees) if levies and bare else bare is None
    if levies is None:
        return
    subtotal = sum(price for _, price, _ in places)
    raised = sum(each.sum for each in (*levies.fees, *levies.taxes) if each.is_added)
    assert subtotal - sum(taken_off) + raised == total_of(amounts, levies) >= 0
    read = decode_levies(encode_levies(levies) or "")
    again = [priced_before(read, left, index) for index, left in enumerate(amounts)]
    assert again == reduced
    assert levy(again, booking_fees_before(read), 1) == levies


@given(st.integers(0, AMOUNT_MAX), _shares | st.none(), st.integers(1, AMOUNT_MAX))
def test_a_code_takes_off_no_more_than_there_is(price: int, basis_points: int | None, amount: int):
    code = promo_code(amount=None if basis_points else amount, basis_points=basis_points)

    reduction = code.reduce("A", price, 1)

    assert reduction is not None
    assert 0 <= reduction.amount <= price
    if basis_points is not None:
        assert abs(reduction.amount * BASIS_POINTS - price * basis_points) * 2 <= BASIS_POINTS
    assert code.reduce("B", price, 1) is None


@pytest.mark.parametrize(
    ("off", "price", "left"),
    [
        ({"amount": 300}, 1000, 700),
        ({"amount": 1500}, 1000, 0),
        ({"basis_points": 2000}, 1000, 800),
        ({"basis_points": 1000}, 1005, 904),
        ({"basis_points": 1000}, 1004, 904),
        ({"basis_points": 10_000}, 999, 0),
    ],
)
def test_known_prices_with_a_code(off: dict[str, int], price: int, left: int):
    reduction = promo_code(**off).reduce("A", price, 1)
    tariff = Tariff([], Tax("VAT", TaxMode.ADDED, 1000))

    assert reduction is not None
    assert price - reduction.amount == left
    assert total_of([left], levy([price_place(tariff, "A", price, reduction)], [], 1)) == left + portion(
        left, 1000
    )


@given(_tariffs, st.lists(st.sampled_from(["A", "B"]), min_size=1, max_size=4))
def test_what_is_free_stays_free(tariff: Tariff, categories: list[str]):
    places = [(category, 0) for category in categories]

    assert total_of([0] * len(places), levied(tariff, places)) == 0


@given(_tariffs, _places)
def test_a_row_says_again_what_a_booking_was_priced_at(tariff: Tariff, places: list[tuple[str, int]]):
    levies = levied(tariff, places)
    text = encode_levies(levies)
    if text is None:
        return
    read = decode_levies(text)

    assert read == levies
    again = [priced_before(read, price, index) for index, (_, price) in enumerate(places)]
    assert levy(again, booking_fees_before(read), 1) == levies


@given(_tariffs, _places, st.sampled_from(["JPY", "EUR", "MGA", "KWD"]), _shares)
def test_every_place_costs_what_can_be_paid_in_its_currency(
    tariff: Tariff, places: list[tuple[str, int]], currency: str, off: int
):
    """Prices and fixed fees are multiples of the step; all shares of them become so, place by place."""
    step = step_of(currency)
    rounded = Tariff(
        [
            msgspec.structs.replace(fee, amount=fee.amount * step)
            if fee.amount and fee.mode is FeeMode.ADDED
            else fee
            for fee in tariff.fees
        ],
        tariff.tax,
        step,
    )
    code = promo_code(basis_points=off)
    priced = [
        price_place(rounded, name, price * step, code.reduce(name, price * step, step))
        for name, price in places
    ]
    levies = levy(priced, booking_fees_of(rounded), step)
    costs = [
        place.price + (0 if levies is None else levies.added_to(index)) for index, place in enumerate(priced)
    ]

    assert all(cost >= 0 and cost % step == 0 for cost in costs)
    assert sum(costs) == total_of([place.price for place in priced], levies)


@given(
    _amounts,
    st.lists(st.integers(0, AMOUNT_MAX), min_size=1, max_size=8).filter(any),
    st.sampled_from([1, 10, 100]),
)
def test_a_split_loses_nothing(amount: int, weights: list[int], step: int):
    parts = split(amount * step, weights, step)

    assert sum(parts) == amount * step
    assert all(part >= 0 and part % step == 0 for part in parts)
    assert all(part == 0 for part, weight in zip(parts, weights, strict=True) if weight == 0)
    if step == 1 and amount <= sum(weights):
        assert all(part <= weight for part, weight in zip(parts, weights, strict=True))


@given(_amounts, st.integers(0, BASIS_POINTS))
def test_a_tax_that_is_added_is_found_again_in_the_sum(amount: int, basis_points: int):
    tax = portion(amount, basis_points)

    assert abs(contained(amount + tax, basis_points) - tax) <= 1


@pytest.mark.parametrize(
    ("tariff", "price", "all_in"),
    [
        (Tariff([], None), 1000, 1000),
        (Tariff([Fee("Service", FeePer.TICKET, FeeMode.ADDED, amount=150)], None), 1000, 1150),
        (Tariff([Fee("Service", FeePer.TICKET, FeeMode.ADDED, basis_points=250)], None), 1010, 1035),
        (Tariff([Fee("Service", FeePer.TICKET, FeeMode.ABSORBED, amount=150)], None), 1000, 1000),
        (Tariff([], Tax("VAT", TaxMode.INCLUDED, 1900)), 1190, 1190),
        (Tariff([], Tax("VAT", TaxMode.ADDED, 1900)), 1000, 1190),
        (Tariff([], Tax("VAT", TaxMode.ADDED, 1900, {"A": 700})), 1000, 1070),
        (
            Tariff(
                [Fee("Postage", FeePer.BOOKING, FeeMode.ADDED, amount=100, is_taxed=False)],
                Tax("VAT", TaxMode.ADDED, 1000),
            ),
            1000,
            1200,
        ),
        (Tariff([Fee("Service", FeePer.TICKET, FeeMode.ADDED, amount=150)], None), 0, 0),
    ],
)
def test_known_prices_all_in(tariff: Tariff, price: int, all_in: int):
    assert all_in_amount(tariff, "A", price) == all_in


def test_the_largest_booking_there_can_be_is_still_an_exact_number():
    """A hundred places at the highest price, all fees at their highest, all of it taxed at 100 %."""
    fees = [Fee(f"Fee {n}", FeePer.TICKET, FeeMode.ADDED, amount=AMOUNT_MAX) for n in range(FEES_MAX)]
    tariff = Tariff(fees, Tax("VAT", TaxMode.ADDED, BASIS_POINTS))

    assert total_of([AMOUNT_MAX] * 100, levied(tariff, [("A", AMOUNT_MAX)] * 100)) < 2**53
