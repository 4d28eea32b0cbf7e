"""Ask our server: buyers with tokens of their own send what a row wants, and the meters run."""

import random
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from bench.accounting import Accountant
from bench.checks import false_holds
from bench.figures import Figure
from bench.phase import Measured, odd_answers, run_phase
from bench.plan import Buyer, Kind, Plan
from bench.stage import SEATS, SECRET, Stage
from boxoffice.kit.keys import derive_key

# A buyer sends about as many requests with one access token as this: look, hold, pay, get tickets.
HOLDS_PER_BUYER = 4

# Loads the event and the buyers' pages into both workers, and opens their connections.
WARM_UP_HOLDS = 600


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A phase as a row wants it. `wanted` has the first seat of each group, with its event, warm-up first."""

    row: str
    name: str
    kind: Kind
    connections: int
    seconds: float
    wanted: list[tuple[int, int]]
    warm_up: int = WARM_UP_HOLDS
    places: int = 2
    each: int = HOLDS_PER_BUYER
    per_second: float | None = None


async def ask(
    stage: Stage, accountant: Accountant, asked: Asked, until: Callable[[], Awaitable[None]] | None = None
) -> Measured:
    """Run the phase; a buyer asks `each` times. It ends early when `until` returns."""
    each = asked.each
    tokens = await stage.new_buyers(-(-len(asked.wanted) // each))
    plan = Plan(
        kind=asked.kind,
        port=stage.port,
        connections=asked.connections,
        seconds=asked.seconds,
        warm_up=asked.warm_up // each,
        buyers=[
            Buyer(token, asked.wanted[number * each : (number + 1) * each])
            for number, token in enumerate(tokens)
        ],
        webhook_key=derive_key(SECRET, "sandbox webhook"),
        places=asked.places,
        per_second=asked.per_second,
    )
    return await run_phase(accountant, plan, row=asked.row, name=asked.name, until=until)


async def ask_for_holds(
    stage: Stage, accountant: Accountant, asked: Asked, event_ids: list[int], *, sold: int = 0
) -> Figure:
    """Run a phase of holds, named or chosen, and look in the tables for what was answered and is not so.

    So many groups were `sold` before it began.
    """
    measured = await ask(stage, accountant, asked)
    faults = [
        *odd_answers(asked.kind, measured.result),
        *await false_holds(stage.db, event_ids, measured.result, places=asked.places, sold=sold),
    ]
    return msgspec.structs.replace(measured.figure, faults=faults)


async def hold_at(
    stage: Stage,
    accountant: Accountant,
    per_second: float | None,
    *,
    row: str,
    name: str,
    connections: int,
    seconds: float,
    seed: int,
) -> Figure:
    """Hold pairs of a new event, evenly so many a second, or as many as the server can; each buyer one."""
    event_id = await stage.new_event()
    asked = Asked(
        row=row,
        name=name,
        kind=Kind.HOLD,
        connections=connections,
        seconds=seconds,
        wanted=groups([event_id], seed),
        each=1,
        per_second=per_second,
    )
    return await ask_for_holds(stage, accountant, asked, [event_id])


def groups(
    event_ids: Sequence[int], seed: int, *, places: int = 2, seats: int = SEATS
) -> list[tuple[int, int]]:
    """Every group of neighbouring seats of these events, event by event, in random order within each."""
    shuffled = random.Random(seed)
    wanted: list[tuple[int, int]] = []
    for event_id in event_ids:
        firsts = list(range(0, seats, places))
        shuffled.shuffle(firsts)
        wanted += [(event_id, first) for first in firsts]
    return wanted
