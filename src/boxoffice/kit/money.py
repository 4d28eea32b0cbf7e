"""Money: integer minor units and a currency, never a float."""

from collections.abc import Sequence

import msgspec

# ISO 4217, the currencies whose minor unit is not a hundredth.
_WITHOUT_DECIMALS = frozenset([
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF",
    "XOF", "XPF",
])  # fmt: skip
_WITH_THREE_DECIMALS = frozenset(["BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"])


# Currencies whose smallest amount that payment services move is more than a minor unit: of three decimals the
# last is a zero, and nobody pays in the fifths of an ariary. Source: Stripe's documentation of currencies.
_STEPS = {"BHD": 10, "JOD": 10, "KWD": 10, "OMR": 10, "TND": 10, "MGA": 100}


class Money(msgspec.Struct, frozen=True, gc=False):
    """An amount in minor units of an ISO 4217 currency: 12500 EUR is 125 euros."""

    amount: int
    currency: str


def in_words(amount: int, currency: str) -> str:
    """An amount as people write it: 12500 EUR is `125.00 EUR`, 12500 JPY is `12,500 JPY`."""
    return f"{_written(amount, currency, ',')} {currency}"


def decimal_of(amount: int, currency: str) -> str:
    """An amount as programs read it: 1234500 EUR is `12345.00`."""
    return _written(amount, currency, "")


def _written(amount: int, currency: str, separator: str) -> str:
    if currency in _WITHOUT_DECIMALS:
        return f"{amount:{separator}}"
    decimals = 3 if currency in _WITH_THREE_DECIMALS else 2
    whole, part = divmod(abs(amount), 10**decimals)
    return f"{'-' if amount < 0 else ''}{whole:{separator}}.{part:0{decimals}}"


def step_of(currency: str) -> int:
    """What every amount that is paid or given back is a multiple of, in minor units; mostly 1."""
    return _STEPS.get(currency, 1)


def movable(amount: int, left: int, step: int) -> int:
    """What of an amount can be given back of what is left: all that is left, or a multiple of the step."""
    return left if amount >= left else amount - amount % step


# Rates are counted in these: 1900 basis points are 19 %, and 10,000 are all of it.
BASIS_POINTS = 10_000


def portion(amount: int, basis_points: int, step: int = 1) -> int:
    """So many basis points of an amount in whole steps, half a step rounded up: 1900 of 105 are 20."""
    whole = BASIS_POINTS * step
    return (amount * basis_points + whole // 2) // whole * step


def contained(amount: int, basis_points: int) -> int:
    """What of an amount was added by a rate, half a minor unit rounded up: 1900 in 119 are 19."""
    whole = BASIS_POINTS + basis_points
    return (2 * amount * basis_points + whole) // (2 * whole)


def split(amount: int, weights: Sequence[int], step: int = 1) -> list[int]:
    """An amount in parts in proportion to these weights, of which one must be above 0.

    The parts add up to the amount, each is less than a step beside its exact share, and no weight is no
    part. What is no more than the sum of the weights has no part that is more than its weight. A part of
    a multiple of the step is one as well.
    """
    whole = sum(weights)
    parts: list[int] = []
    weighed = given = 0
    for weight in weights:
        weighed += weight
        until_here = amount if weighed == whole else amount * weighed // whole // step * step
        parts.append(until_here - given)
        given = until_here
    return parts
