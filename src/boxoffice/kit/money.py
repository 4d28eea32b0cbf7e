"""Money: integer minor units and a currency, never a float."""

import msgspec


class Money(msgspec.Struct, frozen=True):
    """An amount in minor units of an ISO 4217 currency: 12500 EUR is 125 euros."""

    amount: int
    currency: str
