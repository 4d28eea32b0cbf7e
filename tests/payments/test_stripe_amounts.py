"""Stripe counts some currencies in its own way."""

import pytest

from boxoffice.payments.stripe_amounts import AmountNotPayable, from_stripe, to_stripe


@pytest.mark.parametrize(
    ("amount", "currency", "at_stripe"),
    [
        (12500, "EUR", 12500),
        (12500, "JPY", 12500),
        (12500, "ISK", 1250000),
        (12500, "UGX", 1250000),
        (12500, "MGA", 125),
        (12500, "KWD", 12500),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(amount: int, currency: str, at_stripe: int):
    assert to_stripe(amount, currency) == at_stripe
    assert from_stripe(at_stripe, currency) == amount


@pytest.mark.parametrize(("amount", "currency"), [(12501, "KWD"), (12550, "MGA")])
def test_what_stripe_would_have_to_round_is_refused(amount: int, currency: str):
    with pytest.raises(AmountNotPayable):
        to_stripe(amount, currency)
