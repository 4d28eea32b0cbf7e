"""What an amount is to Stripe: mostly our minor units, with exceptions of its own.

Source: Stripe's documentation of currencies, "special cases" and "three-decimal currencies".
"""

from boxoffice.kit.errors import Refusal
from boxoffice.kit.money import step_of

# ISO 4217 knows no decimals for these; Stripe counts them in hundredths all the same.
_HUNDREDTHS_AT_STRIPE = frozenset(["ISK", "UGX"])

# Stripe takes these without decimals, ISO 4217 gives them two.
_WHOLE_AT_STRIPE = frozenset(["MGA"])


class AmountNotPayable(Refusal, status=409):
    """The provider cannot take exactly this amount in this currency; pay with another provider."""


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe counts them. Raises `AmountNotPayable` for what it would have to round."""
    if amount % step_of(currency):
        raise AmountNotPayable
    if currency in _HUNDREDTHS_AT_STRIPE:
        return amount * 100
    return amount // 100 if currency in _WHOLE_AT_STRIPE else amount


def from_stripe(amount: int, currency: str) -> int:
    """What Stripe counts in our minor units; a part of one is rounded down, so that it never fits by luck."""
    if currency in _HUNDREDTHS_AT_STRIPE:
        return amount // 100
    if currency in _WHOLE_AT_STRIPE:
        return amount * 100
    return amount
