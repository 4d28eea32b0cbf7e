"""The row `best`: seats chosen by the server, beside the same holds of seats that are named."""

import random

import msgspec

from bench.accounting import Accountant
from bench.asking import HOLDS_PER_BUYER, Asked, ask_for_holds, groups
from bench.checks import count_scattered
from bench.figures import Figure, Finding, ratio
from bench.plan import Kind
from bench.stage import SEATS, SEATS_A_ROW, Stage

ROW = "best"

PLACES = 4
CONNECTIONS = 64

# Of the seats, before the first hold of the phase.
SHARES_SOLD = (0.0, 0.5, 0.95)

# So that a phase has 2,000 holds even where 19 of 20 seats are gone.
EVENTS = 8
HOLDS_AN_EVENT = 250

# Every worker has loaded every event, and made what choosing needs, once the warm-up is over.
WARM_UP_AN_EVENT = 48

GOAL_RATIO = 2.0


async def measure_best(
    stage: Stage, accountant: Accountant, kind: Kind, share_sold: float, seconds: float, seed: int
) -> Figure:
    """Hold four seats side by side, event by event, where this share of all groups of four is sold."""
    event_ids = [await stage.new_event() for _ in range(EVENTS)]
    sold = round(SEATS // PLACES * share_sold)
    warm_up: list[tuple[int, int]] = []
    wanted: list[tuple[int, int]] = []
    for event_id in event_ids:
        all_groups = groups([event_id], seed * EVENTS + event_id, places=PLACES)
        await stage.sell(event_id, [first for _, first in all_groups[:sold]], PLACES)
        free = all_groups[sold : sold + WARM_UP_AN_EVENT + HOLDS_AN_EVENT]
        warm_up += free[:WARM_UP_AN_EVENT]
        wanted += free[WARM_UP_AN_EVENT:]
    # All events at once, so that every worker gets to see each of them.
    random.Random(seed).shuffle(warm_up)
    asked = Asked(
        row=ROW,
        name=_name(kind, share_sold),
        kind=kind,
        connections=CONNECTIONS,
        seconds=seconds,
        wanted=warm_up + wanted,
        warm_up=len(warm_up),
        places=PLACES,
    )
    assert len(warm_up) % HOLDS_PER_BUYER == 0
    figure = await ask_for_holds(stage, accountant, asked, event_ids, sold=sold * EVENTS)
    scattered = await count_scattered(stage.db, event_ids, SEATS_A_ROW)
    faults = [f"{scattered} bookings are not of seats side by side"] if scattered else []
    return msgspec.structs.replace(figure, faults=[*figure.faults, *faults])


def best_found(figures: list[Figure]) -> list[Finding]:
    """How many times the CPU of named seats choosing takes, for each share that was sold."""
    by_name = {figure.name: figure for figure in figures if figure.row == ROW}
    return [
        ratio(ROW, f"CPU, {best.name}, beside named seats", best, named, goal=GOAL_RATIO)
        for share in SHARES_SOLD
        if (best := by_name.get(_name(Kind.BEST, share))) and (named := by_name.get(_name(Kind.HOLD, share)))
    ]


def _name(kind: Kind, share_sold: float) -> str:
    chosen = "best 4 seats" if kind is Kind.BEST else "4 named seats"
    return f"{chosen}, {share_sold:.0%} sold"
