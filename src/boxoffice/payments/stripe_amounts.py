"""What an amount is to Stripe: mostly our minor units, with exceptions of its own.

Source: Stripe's documentation of currencies, "special cases" and "three-decimal currencies".
"""

from boxoffice.kit.errors import Refusal

# ISO 4217 knows no decimals for these; Stripe counts them in hundredths all the same.
_HUNDREDTHS_AT_STRIPE = frozenset(["ISK", "UGX"])

# Stripe takes these without decimals, ISO 4217 gives them two.
_WHOLE_AT_STRIPE = frozenset(["MGA"])

# Three decimals, of which Stripe wants the last to be a zero.
_TENTHS_AT_STRIPE = frozenset(["BHD", "JOD", "KWD", "OMR", "TND"])


class AmountNotPayable(Refusal, status=409):
    """The provider cannot take exactly this amount in this currency; pay with another provider."""


def to_stripe(amount: int, currency: str) -> int:
    """Our minor units as Stripe counts them. Raises `AmountNotPayable` for what it would have to round."""
    if currency in _HUNDREDTHS_AT_STRIPE:
        return amount * 100
    if currency in _WHOLE_AT_STRIPE:
        whole, rest = divmod(amount, 100)
        if rest:
            raise AmountNotPayable
        return whole
    if currency in _TENTHS_AT_STRIPE and amount % 10:
        raise AmountNotPayable
    return amount


def from_stripe(amount: int, currency: str) -> int:
    """What Stripe counts in our minor units; a part of one is rounded down, so that it never fits by luck."""
    if currency in _HUNDREDTHS_AT_STRIPE:
        return amount // 100
    if currency in _WHOLE_AT_STRIPE:
        return amount * 100
    return amount
