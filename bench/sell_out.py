"""The row `sell-out`: ten thousand buyers after a thousand seats, half of whom hold and never pay."""

import asyncio
import random
import time

from bench.accounting import Accountant
from bench.asking import Asked, ask
from bench.checks import count_valid_tickets, false_sell_out
from bench.figures import Finding
from bench.plan import Kind
from bench.stage import Stage

ROW = "sell-out"

SEATS = 1_000
BUYERS = 10_000
CONNECTIONS = 256

# So short that what is abandoned comes back many times within the sale.
HOLD_SECONDS = 2

# A buyer tries so many pairs, two of them each time it is their turn.
TRIES = 8

# A sale that is not over by then does not sell out.
PATIENCE_SECONDS = 50.0

# How often we look whether the last ticket is there.
LOOK_SECONDS = 0.25


async def measure_sell_out(stage: Stage, accountant: Accountant, seed: int) -> list[Finding]:
    """Sell every seat in pairs; whoever got none or did not pay comes again until nothing is left."""
    event_id = await stage.new_event(SEATS, HOLD_SECONDS)
    chance = random.Random(seed)
    wanted = [(event_id, chance.randrange(0, SEATS, 2)) for _ in range(BUYERS * TRIES)]
    asked = Asked(
        row=ROW,
        name="sell-out",
        kind=Kind.RUSH,
        connections=CONNECTIONS,
        seconds=PATIENCE_SECONDS,
        wanted=wanted,
        warm_up=0,
        each=TRIES,
    )
    started = time.monotonic()
    sold_out_after = PATIENCE_SECONDS

    async def sold_out() -> None:
        nonlocal started, sold_out_after
        started = time.monotonic()
        while await count_valid_tickets(stage.db, event_id) < SEATS:
            if time.monotonic() - started > PATIENCE_SECONDS:
                return
            await asyncio.sleep(LOOK_SECONDS)
        sold_out_after = time.monotonic() - started

    measured = await ask(stage, accountant, asked, sold_out)
    result = measured.result
    faults = [
        *await false_sell_out(stage.db, event_id, SEATS),
        *[
            f"{count} answers to '{step}' were {status}: {result.oddities.get(f'{step}: {status}')}"
            for step, counts in result.statuses.items()
            for status, count in counts.items()
            if status >= 500
        ],
    ]
    holds = result.statuses["hold"]
    return [
        Finding(
            row=ROW,
            name=f"{SEATS:,} seats sold to {BUYERS:,} buyers, none twice, no 5xx: after",
            value=sold_out_after,
            unit="s",
            faults=faults,
        ),
        Finding(row=ROW, name="holds answered 201", value=holds.get(201, 0), unit="holds"),
        Finding(
            row=ROW, name="of them given up and expired", value=holds.get(201, 0) - SEATS / 2, unit="holds"
        ),
        Finding(
            row=ROW, name="holds answered 409, the seats being gone", value=holds.get(409, 0), unit="holds"
        ),
        Finding(row=ROW, name="p99 of a hold", value=result.latency["hold"].p99, unit="ms"),
        Finding(
            row=ROW, name="share of the cores that others used", value=measured.figure.elsewhere, unit=""
        ),
    ]
