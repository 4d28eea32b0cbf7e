"""Money as people write it."""

import pytest

from boxoffice.kit.money import decimal_of, in_words


@pytest.mark.parametrize(
    ("amount", "currency", "words"),
    [
        (12500, "EUR", "125.00 EUR"),
        (5, "EUR", "0.05 EUR"),
        (-1234567, "EUR", "-12,345.67 EUR"),
        (12500, "JPY", "12,500 JPY"),
        (12500, "KWD", "12.500 KWD"),
        (0, "USD", "0.00 USD"),
    ],
)
def test_an_amount_is_written_with_its_currencys_decimals(amount: int, currency: str, words: str):
    assert in_words(amount, currency) == words
    assert decimal_of(amount, currency) == words.partition(" ")[0].replace(",", "")
