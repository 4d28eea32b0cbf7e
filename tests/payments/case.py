"""What the lists of cases share: what a case is, how most begin, and how most end."""

import msgspec

from payments.case_end import End
from payments.case_steps import PRICE, Step, authorises, captures, reports, starts

BOTH, STRIPE = ("stripe", "sandbox"), ("stripe",)

SOLD = End("CONFIRMED", 2, received=PRICE)
ALL_BACK = End("CANCELLED", 0, received=PRICE, back=PRICE)

paid: tuple[Step, ...] = (starts, captures(), reports)
paid_by_card: tuple[Step, ...] = (starts, authorises(), reports)


class Case(msgspec.Struct, frozen=True):
    """What happens, under the name of its row, and how it ends: in the first or, of a race, in another way.

    `policy` is the share, in percent, that comes back to a buyer who cancels.
    """

    row: str
    steps: tuple[Step, ...]
    end: End
    at: tuple[str, ...] = BOTH
    or_end: End | None = None
    policy: int | None = None


def void(booking: str) -> End:
    """Nobody was ever charged."""
    return End(booking, 0)


def back(amount: int, booking: str = "PENDING") -> End:
    """So much came, and all of it went back."""
    return End(booking, 0, received=amount, back=amount)
