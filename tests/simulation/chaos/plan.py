"""What a chaos run does. Each buyer's choices follow from the seed and the buyer's number alone."""

import random

import msgspec

# Of a hundred buyers: how many pay late, pay with something that is captured at once, and so on.
_LATE = 0.10
_AT_ONCE = 0.20
_DECLINED_FIRST = 0.05
_TWICE = 0.03
_AMOUNT_BACK = 0.10
_ALL_BACK = 0.02

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


class Habits(msgspec.Struct, frozen=True):
    """What a buyer is going to do, and what becomes of what was bought."""

    chance: random.Random
    is_late: bool
    method: str
    is_declined_first: bool
    pays_twice: bool
    gets_amount_back: bool
    gets_all_back: bool


def habits_of(plan: Plan, number: int) -> Habits:
    """The habits of the buyer of this number."""
    chance = random.Random(f"{plan.seed}:buyer {number}")
    after = chance.random()
    return Habits(
        chance,
        is_late=chance.random() < _LATE,
        method="sepa_debit" if chance.random() < _AT_ONCE else "card",
        is_declined_first=chance.random() < _DECLINED_FIRST,
        pays_twice=chance.random() < _TWICE,
        gets_amount_back=after < _AMOUNT_BACK,
        gets_all_back=_AMOUNT_BACK <= after < _AMOUNT_BACK + _ALL_BACK,
    )
