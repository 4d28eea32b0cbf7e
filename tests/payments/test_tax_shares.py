"""The tax in what goes back, as arithmetic: however money goes back, with all of it goes all of its tax."""

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.catalog.prices.tariff import TaxMode
from boxoffice.inventory.commands import Booking
from boxoffice.inventory.parting import Part, part_at
from boxoffice.invoices.crediting import lines_of, shares_of
from boxoffice.kit.money import contained
from boxoffice.payments.refunds.tax_shares import (
    UNTAXED,
    Paid,
    Rate,
    Returned,
    Shares,
    Taxed,
    decode_shares,
    encode_shares,
    fits,
    less,
    share_out,
    shares_of_places,
    tax_of,
)
from inventory.test_parting import bookings, left_of

RATES = (
    Rate("VAT", TaxMode.INCLUDED, 1900),
    Rate("VAT", TaxMode.INCLUDED, 700),
    Rate("City", TaxMode.ADDED, 825),
    UNTAXED,
)


def taxed(gross: int, rate: Rate) -> Taxed:
    return Taxed(gross, contained(gross, rate.basis_points))


@st.composite
def invoices(draw: st.DrawFn) -> Shares:
    """What was paid at some rates."""
    rates = draw(st.lists(st.sampled_from(RATES), unique=True, min_size=1))
    return {rate: taxed(draw(st.integers(1, 30_000)), rate) for rate in rates}


def sum_of(shares: Shares) -> int:
    return sum(share.gross for share in shares.values())


def read(rest: Part, returned: list[Returned], gone: Part | None = None) -> Paid:
    """What is left, as it is read with each refund: from the places that are left and what went back."""
    parts = [rest, *([gone] if gone else []), *[each.part for each in returned if each.part]]
    moved = sum(tax_of(dict(each.shares or ())) for each in returned)
    return Paid([shares_of_places(part.amounts, part.levies) for part in parts], returned, moved=moved)


@given(bookings(), st.data())
@settings(max_examples=40, deadline=None)
def test_however_it_goes_back_with_all_of_the_money_goes_all_of_the_tax(
    booking: Booking, data: st.DataObject
):
    """Amounts (given, by hand, or lost to a bank) and single places in any order, and then what is left."""
    numbers = range(len(booking.amounts))
    whole = part_at(booking, numbers, numbers)
    bought = shares_of_places(whole.amounts, whole.levies)
    assert (sum_of(bought), tax_of(bought)) == (whole.worth, whole.taxes)
    rest, returned, left = whole, list[Returned](), bought
    while (total := sum_of(left)) and data.draw(st.booleans()):
        part = None
        if len(rest.numbers) > 1 and data.draw(st.booleans()):
            indexes = range(len(rest.numbers))
            out = data.draw(st.sets(st.sampled_from(indexes), min_size=1, max_size=len(indexes) - 1))
            before = left_of(booking, rest)
            part = part_at(before, rest.numbers, out)
            rest = part_at(before, rest.numbers, [index for index in indexes if index not in out])
        amount = data.draw(st.integers(1, total)) if part is None else min(part.worth, total)
        if amount == 0:
            continue
        shares = read(rest, returned, part).take(amount, part)

        assert sum_of(shares) == amount
        assert all(0 <= share.tax <= share.gross for share in shares.values())
        assert fits(shares, left), "of no rate goes back more than was paid at it"
        returned.append(Returned(amount, part, list(decode_shares(encode_shares(shares)).items())))
        left = less(left, shares)
        # Those from before the shares were kept are reckoned again, and come to the same.
        unkept = [msgspec.structs.replace(each, shares=None) for each in returned]
        assert read(rest, unkept).left == read(rest, returned).left == left

    last = read(rest, returned)
    assert last.taxes == tax_of(last.left)
    assert tax_of(last.left) + sum(tax_of(dict(each.shares or ())) for each in returned) == whole.taxes
    assert sum_of(last.left) + sum(each.amount for each in returned) == whole.worth


@given(invoices(), st.data())
@settings(max_examples=60, deadline=None)
def test_an_amount_is_shared_out_over_what_it_is_for_and_never_beyond_what_is_left(
    invoice: Shares, data: st.DataObject
):
    left = invoice
    while total := sum_of(left):
        amount = data.draw(st.integers(max(1, total // 3), total))
        wanted = {rate: taxed(data.draw(st.integers(0, 30_000)), rate) for rate in invoice}
        shares = share_out(amount, wanted, left)

        assert sum_of(shares) == amount
        assert fits(shares, left)
        left = less(left, shares)
    assert set(left.values()) == {Taxed(0, 0)}


@given(invoices())
@settings(max_examples=50, deadline=None)
def test_lines_of_tax_say_what_they_are_made_from(invoice: Shares):
    lines = lines_of(invoice, "EUR")

    assert shares_of(lines, sum_of(invoice)) == invoice


def test_single_places_fit_as_long_as_their_rates_have_not_gone_back_otherwise():
    [full, low, *_] = RATES
    left = {full: taxed(1000, full), low: taxed(500, low)}

    assert fits({full: taxed(1000, full)}, left)
    assert not fits({full: taxed(1001, full)}, left)
    # What has no room at its own rate goes to the others.
    assert share_out(1200, {full: taxed(1200, full)}, left) == {
        full: left[full],
        low: Taxed(200, 13),
    }
