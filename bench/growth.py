"""The row `growth`: what a hold costs as the hall, the number of workers and the past grow."""

import asyncio

from bench.accounting import Accountant
from bench.asking import HOLDS_PER_BUYER, WARM_UP_HOLDS, Asked, ask_for_holds, groups
from bench.figures import Figure, Finding, ratio
from bench.plan import Kind
from bench.stage import RESULTS, SEATS, Stage, free_port, serving

ROW = "growth"

CONNECTIONS = 256

EMPTY = f"one event of {SEATS:,} seats, no past"

HALLS = (1_000, 100_000)

# A hall of 1,000 seats has 500 pairs, so one hall would be over before it is measured.
EVENTS = 20
HOLDS_AN_EVENT = 400

# Every worker has loaded every event once the warm-up is over.
WARM_UP_AN_EVENT = 48

WORKERS = (1, 8)

GOAL_RATIO = 1.2
GOAL_RATIO_WORKERS = 1.4

# Bookings of one event of the past, and how many are written in one transaction.
PAST_EVENT_BOOKINGS = 25_000


async def measure_hall(stage: Stage, accountant: Accountant, seats: int, seconds: float, seed: int) -> Figure:
    """Hold pairs in events of a hall of this size, event by event, as many in each whatever the size."""
    event_ids = [await stage.new_event(seats) for _ in range(EVENTS)]
    warm_up: list[tuple[int, int]] = []
    wanted: list[tuple[int, int]] = []
    for event_id in event_ids:
        pairs = groups([event_id], seed, seats=seats)
        warm_up += pairs[:WARM_UP_AN_EVENT]
        wanted += pairs[WARM_UP_AN_EVENT : WARM_UP_AN_EVENT + HOLDS_AN_EVENT]
    assert len(warm_up) % HOLDS_PER_BUYER == 0
    asked = _asked(f"halls of {seats:,} seats", seconds, warm_up + wanted, len(warm_up))
    return await ask_for_holds(stage, accountant, asked, event_ids)


async def measure_workers(stage: Stage, workers: int, seconds: float, seed: int) -> Figure:
    """Hold pairs of one event through a server of its own with so many workers."""
    port = free_port()
    log = RESULTS / "server-of-growth.log"
    with serving(stage.postgres.dsn, port, workers, log) as server, stage.at(port):
        accountant = Accountant(server, stage.postmaster)
        event_id = await stage.new_event()
        # Enough that each of eight workers, on however few cores, has loaded the event and is warm.
        warm_up = 4 * WARM_UP_HOLDS
        asked = _asked(_workers(workers), seconds, groups([event_id], seed), warm_up)
        return await ask_for_holds(stage, accountant, asked, [event_id])


class Past:
    """Many old bookings, written before the first phase that is to have them."""

    def __init__(self, bookings: int) -> None:
        self._bookings = bookings
        self._written = False

    async def measure(self, stage: Stage, accountant: Accountant, seconds: float, seed: int) -> Figure:
        """Hold pairs of one event, with all the old bookings in the same tables."""
        if not self._written:
            for number in range(-(-self._bookings // PAST_EVENT_BOOKINGS)):
                await stage.insert_past(number, PAST_EVENT_BOOKINGS)
            await stage.tidy_up()
            self._written = True
        return await measure_event(stage, accountant, f"after {self._bookings:,} old bookings", seconds, seed)


async def measure_event(stage: Stage, accountant: Accountant, name: str, seconds: float, seed: int) -> Figure:
    """Hold pairs of one event of 50,000 seats."""
    event_id = await stage.new_event()
    # The first seconds after a bulk load or an earlier phase are PostgreSQL's, for its own tidying.
    await asyncio.sleep(1)
    asked = _asked(name, seconds, groups([event_id], seed), WARM_UP_HOLDS)
    return await ask_for_holds(stage, accountant, asked, [event_id])


def _asked(name: str, seconds: float, wanted: list[tuple[int, int]], warm_up: int) -> Asked:
    return Asked(
        row=ROW,
        name=name,
        kind=Kind.HOLD,
        connections=CONNECTIONS,
        seconds=seconds,
        wanted=wanted,
        warm_up=warm_up,
    )


def _workers(workers: int) -> str:
    return f"{workers} worker process" + ("es" if workers > 1 else "")


def growth_found(figures: list[Figure]) -> list[Finding]:
    """How many times the CPU of the small a hold takes in the large."""
    of_row = [figure for figure in figures if figure.row == ROW]
    by_name = {figure.name: figure for figure in of_row}
    small, large = (f"halls of {seats:,} seats" for seats in HALLS)
    one, eight = (_workers(workers) for workers in WORKERS)
    past = next((figure.name for figure in of_row if "old bookings" in figure.name), "")
    wanted = [
        (large, small, GOAL_RATIO),
        (eight, one, GOAL_RATIO_WORKERS),
        (past, EMPTY, GOAL_RATIO),
    ]
    return [
        ratio(ROW, f"CPU per hold, {name}, beside {beside}", by_name[name], by_name[beside], goal=goal)
        for name, beside, goal in wanted
        if name in by_name and beside in by_name
    ]
