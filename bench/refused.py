"""The row `refused`: holds of seats that are gone, as in the minutes after a sale has opened."""

import msgspec

from bench.accounting import Accountant
from bench.asking import Asked, ask_for_holds, groups
from bench.checks import sum_versions
from bench.figures import Figure, Finding
from bench.plan import Kind
from bench.stage import PAIRS, Stage

ROW = "refused"

# CPU of application and PostgreSQL together that a refusal may take, in milliseconds.
GOAL_MS = 0.22


async def measure_refusals(
    stage: Stage, accountant: Accountant, connections: int, seconds: float, seed: int
) -> Figure:
    """Ask for two named seats of an event that is sold out; nothing may be written."""
    event_id = await stage.new_event()
    await stage.sell(event_id, [first for _, first in groups([event_id], seed)], 2)
    before = await sum_versions(stage.db, [event_id])
    asked = Asked(
        row=ROW,
        name=f"409 to two named seats, {connections} connections",
        kind=Kind.REFUSED,
        connections=connections,
        seconds=seconds,
        wanted=groups([event_id], seed),
    )
    figure = await ask_for_holds(stage, accountant, asked, [event_id], sold=PAIRS)
    written = await sum_versions(stage.db, [event_id]) - before
    faults = [f"{written} rows were added to the journal by refusals"] if written else []
    return msgspec.structs.replace(figure, faults=[*figure.faults, *faults])


def refusals_found(figures: list[Figure]) -> list[Finding]:
    """The goal of this row."""
    return [
        Finding(row=ROW, name=f"CPU all told, {figure.name}", value=figure.total_ms, unit="ms", goal=GOAL_MS)
        for figure in figures
        if figure.row == ROW
    ]
