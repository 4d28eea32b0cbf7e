"""What a chaos run does. Each buyer's choices follow from the seed and the buyer's number alone."""

import random
from enum import Enum, auto

import msgspec

# Of a hundred buyers: how many pay late, pay with something that is captured at once, and so on.
_LATE = 0.10
_AT_ONCE = 0.20
_DECLINED_FIRST = 0.05
_TWICE = 0.03
_AMOUNT_BACK = 0.10
_ALL_BACK = 0.02
_PLACE_BACK = 0.05
_GIVEN_UP = 0.05
_DISPUTED = 0.06
_BY_HAND = 0.03
_ALL_BY_HAND = 0.01

_AFTERWARDS = (
    _AMOUNT_BACK,
    _ALL_BACK,
    _PLACE_BACK,
    _GIVEN_UP,
    _DISPUTED,
    _BY_HAND,
    _ALL_BY_HAND,
)

# What of its money a buyer has back who gives a booking up, and what a bank decides for the buyer.
SHARE_PERCENT = 50
LOST = 0.5

# What the organizer gives back of a booking that stays, in cents: less than a half of any of ours, so that
# it could go back twice without anybody's noticing but the provider.
AMOUNT_BACK = 700


class Plan(msgspec.Struct, frozen=True):
    """How much of what. `hurried`: nobody waits for what comes by itself in a minute."""

    bookings: int
    seed: int = 7
    servers: int = 2
    processes: int = 2
    buyers_at_once: int = 40
    hold_seconds: int = 8
    kill_seconds: float = 2.0
    kills_max: int | None = None
    hurried: bool = False


class Afterwards(Enum):
    """What becomes of a booking that was paid, of a few."""

    AMOUNT_BACK = auto()
    ALL_BACK = auto()
    PLACE_BACK = auto()
    GIVEN_UP = auto()
    DISPUTED = auto()
    BY_HAND = auto()
    ALL_BY_HAND = auto()


class Habits(msgspec.Struct, frozen=True):
    """What a buyer is going to do, and what becomes of what was bought."""

    chance: random.Random
    is_late: bool
    method: str
    is_declined_first: bool
    pays_twice: bool
    afterwards: Afterwards | None


def habits_of(plan: Plan, number: int) -> Habits:
    """The habits of the buyer of this number."""
    chance = random.Random(f"{plan.seed}:buyer {number}")
    afterwards = chance.choices(
        (*Afterwards, None),
        (*_AFTERWARDS, 1 - sum(_AFTERWARDS)),
    )[0]
    return Habits(
        chance,
        is_late=chance.random() < _LATE,
        method="sepa_debit" if chance.random() < _AT_ONCE else "card",
        is_declined_first=chance.random() < _DECLINED_FIRST,
        pays_twice=chance.random() < _TWICE,
        afterwards=afterwards,
    )
