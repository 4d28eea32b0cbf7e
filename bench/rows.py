"""The rows of the benchmark that ask our server: holds, and the full sale."""

import asyncio

import httpx
import msgspec

from bench.accounting import Accountant
from bench.asking import HOLDS_PER_BUYER, WARM_UP_HOLDS, Asked, ask, groups
from bench.checks import count_jobs, false_holds, false_sales, list_buyers_of
from bench.figures import Figure
from bench.phase import Measured, odd_answers
from bench.plan import Kind
from bench.stage import PAIRS, Stage

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
    buyers = WARM_UP_HOLDS // each + -(-load.count // each)
    event_ids = [await stage.new_event() for _ in range(-(-buyers * each // PAIRS))]
    asked = Asked(
        row="holds" if kind is Kind.HOLD else "sale",
        name=name,
        kind=kind,
        connections=connections,
        seconds=load.seconds,
        wanted=groups(event_ids, load.seed)[: buyers * each],
        each=each,
    )
    return await ask(stage, accountant, asked), event_ids


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
