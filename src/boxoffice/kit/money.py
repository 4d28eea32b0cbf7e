"""Money: integer minor units and a currency, never a float."""

import msgspec

# ISO 4217, the currencies whose minor unit is not a hundredth.
_WITHOUT_DECIMALS = frozenset([
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
    "XOF", "XPF",
])  # fmt: skip
_WITH_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units of an ISO 4217 currency: 12500 EUR is 125 euros."""

    amount: int
    currency: str


def in_words(amount: int, currency: str) -> str:
    """An amount as people write it: 12500 EUR is `125.00 EUR`, 12500 JPY is `12,500 JPY`."""
    if currency in _WITHOUT_DECIMALS:
        return f"{amount:,} {currency}"
    decimals = 3 if currency in _WITH_THREE_DECIMALS else 2
    whole, part = divmod(abs(amount), 10**decimals)
    return f"{'-' if amount < 0 else ''}{whole:,}.{part:0{decimals}} {currency}"
