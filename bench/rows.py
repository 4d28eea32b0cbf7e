"""The rows of the benchmark that ask our server: holds, and the full sale."""

import asyncio
import random

import httpx
import msgspec

from bench.accounting import Accountant
from bench.checks import count_jobs, false_holds, false_sales, list_buyers_of
from bench.figures import Figure
from bench.phase import Measured, odd_answers, run_phase
from bench.plan import Buyer, Kind, Plan
from bench.stage import PAIRS, SECRET, Stage
from boxoffice.kit.keys import derive_key

# A buyer sends about as many requests with one access token as this: look, hold, pay, get tickets.
HOLDS_PER_BUYER = 4

# Loads the event and the buyers' pages into both workers, and opens their connections.
WARM_UP_HOLDS = 600

# The sandbox's jobs look after 15 seconds whether the first webhook was heard; then there is work to do.
JOBS_SECONDS_MAX = 60

# So many sales are looked at again through HTTP: do their buyers really get the tickets?
SALES_LOOKED_AT = 20


class Load(msgspec.Struct, frozen=True):
    """How long a phase lasts: `seconds`, or until `count` holds or sales are done."""

    seconds: float
    count: int
    seed: int


async def measure_holds(stage: Stage, accountant: Accountant, connections: int, load: Load) -> Figure:
    """Hold two named neighbouring seats, again and again, each pair once, in random order."""
    measured, event_ids = await _measure(
        stage, accountant, Kind.HOLD, connections, load, f"boxoffice, {connections} connections"
    )
    faults = await false_holds(stage.db, event_ids, measured.result)
    return _with_faults(Kind.HOLD, measured, faults)


async def measure_sales(
    stage: Stage, accountant: Accountant, kind: Kind, connections: int, load: Load
) -> Figure:
    """Hold two seats, pay, be told by the provider, have two tickets; every sale is another buyer's.

    With the sandbox the phase lasts until its jobs are done too.
    """
    told = "webhook by the client" if kind is Kind.SALE else "`pay` at the sandbox"
    before = accountant.read()
    measured, event_ids = await _measure(
        stage, accountant, kind, connections, load, f"boxoffice, {connections} connections, {told}"
    )
    if kind is Kind.SANDBOX_SALE:
        await _wait_for_jobs(stage)
        spent = accountant.read() - before
        done = max(measured.result.sold, 1)
        figure = msgspec.structs.replace(
            measured.figure, app_ms=spent.app / done * 1000, postgres_ms=spent.postgres / done * 1000
        )
        measured = Measured(figure, measured.result)
    faults = [
        *await false_holds(stage.db, event_ids, measured.result),
        *await false_sales(stage.db, event_ids, measured.result),
        *await _missing_tickets(stage, measured.result.booking_ids),
    ]
    return _with_faults(kind, measured, faults)


def _with_faults(kind: Kind, measured: Measured, faults: list[str]) -> Figure:
    return msgspec.structs.replace(measured.figure, faults=[*odd_answers(kind, measured.result), *faults])


async def _measure(
    stage: Stage, accountant: Accountant, kind: Kind, connections: int, load: Load, name: str
) -> tuple[Measured, list[int]]:
    each = HOLDS_PER_BUYER if kind is Kind.HOLD else 1
    warm_up = WARM_UP_HOLDS // each
    buyers = await stage.new_buyers(warm_up + -(-load.count // each))
    event_ids = [await stage.new_event() for _ in range(-(-len(buyers) * each // PAIRS))]
    wanted = _pairs(event_ids, load.seed)
    plan = Plan(
        kind=kind,
        port=stage.port,
        connections=connections,
        seconds=load.seconds,
        warm_up=warm_up,
        buyers=[
            Buyer(token, wanted[number * each : (number + 1) * each]) for number, token in enumerate(buyers)
        ],
        webhook_key=derive_key(SECRET, "sandbox webhook"),
    )
    row = "holds" if kind is Kind.HOLD else "sale"
    return await run_phase(accountant, plan, row=row, name=name), event_ids


def _pairs(event_ids: list[int], seed: int) -> list[tuple[int, int]]:
    """Every pair of seats of these events, event by event, in random order within each."""
    shuffled = random.Random(seed)
    wanted: list[tuple[int, int]] = []
    for event_id in event_ids:
        seats = list(range(0, 2 * PAIRS, 2))
        shuffled.shuffle(seats)
        wanted += [(event_id, seat) for seat in seats]
    return wanted


async def _wait_for_jobs(stage: Stage) -> None:
    """Let the sandbox's jobs finish: their CPU is part of the price, and must not be the next phase's."""
    async with asyncio.timeout(JOBS_SECONDS_MAX):
        while await count_jobs(stage.db):  # noqa: ASYNC110  another process does the work
            await asyncio.sleep(0.5)


async def _missing_tickets(stage: Stage, booking_ids: list[str]) -> list[str]:
    faults: list[str] = []
    buyers = await list_buyers_of(stage.db, booking_ids[-SALES_LOOKED_AT:])
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{stage.port}/api/v1") as client:
        for booking_id, buyer_id in buyers.items():
            answer = await client.get(
                f"/bookings/{booking_id}/tickets",
                headers={"Authorization": f"Bearer {stage.token_of(buyer_id)}"},
            )
            if answer.status_code != 200 or len(answer.json()["items"]) != 2:
                faults.append(f"the buyer of {booking_id} does not get two tickets: {answer.text[:200]}")
    return faults if buyers else ["no sale could be looked at again"]
