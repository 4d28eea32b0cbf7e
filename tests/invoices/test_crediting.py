"""Credit notes as arithmetic: in whatever parts money goes back, at each rate they are the invoice."""

from hypothesis import given, settings
from hypothesis import strategies as st

from boxoffice.catalog.tariff import TaxMode
from boxoffice.invoices.crediting import UNTAXED, Rate, Taxed, fits, lines_of, share_out, shares_of
from boxoffice.kit.money import contained

RATES = (
    Rate("VAT", TaxMode.INCLUDED, 1900),
    Rate("VAT", TaxMode.INCLUDED, 700),
    Rate("City", TaxMode.ADDED, 825),
    UNTAXED,
)


def taxed(gross: int, rate: Rate) -> Taxed:
    return Taxed(gross, contained(gross, rate.basis_points))


@st.composite
def invoices(draw: st.DrawFn) -> dict[Rate, Taxed]:
    """What was paid at some rates."""
    rates = draw(st.lists(st.sampled_from(RATES), unique=True, min_size=1))
    return {rate: taxed(draw(st.integers(1, 30_000)), rate) for rate in rates}


def less(left: dict[Rate, Taxed], gone: dict[Rate, Taxed]) -> dict[Rate, Taxed]:
    nothing = Taxed(0, 0)
    return {
        rate: Taxed(share.gross - gone.get(rate, nothing).gross, share.tax - gone.get(rate, nothing).tax)
        for rate, share in left.items()
    }


@given(invoices(), st.data())
@settings(max_examples=60, deadline=None)
def test_what_is_credited_in_parts_is_the_invoice_in_the_end(invoice: dict[Rate, Taxed], data: st.DataObject):
    """Amounts in proportion to all, or to single places; no rate has more back than was paid at it."""
    left, parts = invoice, data.draw(st.integers(1, 5))
    while total := sum(share.gross for share in left.values()):
        parts -= 1
        amount = total if parts <= 0 else data.draw(st.integers(1, total))
        wanted = left
        if data.draw(st.booleans()):
            wanted = {rate: taxed(data.draw(st.integers(0, 30_000)), rate) for rate in invoice}
        credited = share_out(amount, wanted, left)

        assert sum(share.gross for share in credited.values()) == amount
        left = less(left, credited)
        assert all(share.gross >= 0 and share.tax >= 0 for share in left.values())
        assert all(0 <= share.tax <= share.gross for share in credited.values())
        assert UNTAXED not in credited or credited[UNTAXED].tax == 0
    assert set(left.values()) == {Taxed(0, 0)}


@given(invoices())
@settings(max_examples=50, deadline=None)
def test_lines_of_tax_say_what_they_are_made_from(invoice: dict[Rate, Taxed]):
    lines = lines_of(invoice, "EUR")

    assert shares_of(lines, sum(share.gross for share in invoice.values())) == invoice


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
