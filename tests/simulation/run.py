"""Run a plan season by season; when one fails, find out how little of it still does."""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable
from uuid import UUID

import asyncpg
import msgspec

from boxoffice.migrations.run import migrate
from simulation.record import Broken
from simulation.season import STEPS_MAX, Season
from simulation.world import Plan, World, open_world

# Times a smaller run is tried before it counts as one that does not fail: timing is not ours to repeat.
_TRIES_MAX = 2

# Reruns in search of a smaller one: a few minutes at most.
_RERUNS_MAX = 12


class Verdict(msgspec.Struct):
    """What came of a plan: what was counted, or what was broken and the smallest plan that still breaks."""

    counts: Counter[str]
    broken: Broken | None = None
    plan: Plan | None = None


async def make_database(server_dsn: str) -> str:
    """A database of a simulation's own, migrated: its worker takes every refund that is due there."""
    name = f"simulation_{secrets.token_hex(4)}"
    connection = await asyncpg.connect(server_dsn)
    await connection.execute(f'CREATE DATABASE "{name}"')
    await connection.close()
    dsn = server_dsn.replace("/boxoffice?", f"/{name}?")
    await asyncio.to_thread(migrate, dsn)
    return dsn


async def run_plan(dsn: str, plan: Plan, tell: Callable[[str], None]) -> Verdict:
    """Run every season, or the one that is named. Never raises `Broken`: the verdict has it."""
    counts: Counter[str] = Counter()
    async with open_world(dsn, plan) as world:
        for number in _seasons(plan):
            first = number * STEPS_MAX + 1
            steps = min(STEPS_MAX, plan.steps - (0 if plan.season is not None else number * STEPS_MAX))
            season = Season(world, number, first, steps)
            try:
                await season.run()
            except Broken as broken:
                broken.history = world.record.history(broken, lambda id_: _seats_of(world, id_))
                return Verdict(counts, broken, msgspec.structs.replace(plan, season=number, steps=steps))
            counts += season.counts
            faults = ", ".join(sorted(season.faults)) or "nothing goes wrong"
            tell(f"season {number}: steps {first} to {first + steps - 1}, every promise kept ({faults})")
    return Verdict(counts)


async def shrink(
    dsn: str, verdict: Verdict, tell: Callable[[str], None], *, reruns_max: int = _RERUNS_MAX
) -> Verdict:
    """The failing season with fewer steps and processes, as long as it still fails."""
    smallest, reruns = verdict, 0

    async def fails(plan: Plan) -> Verdict | None:
        nonlocal reruns
        for _ in range(_TRIES_MAX):
            reruns += 1
            found = await run_plan(dsn, plan, lambda _: None)
            if found.broken is not None:
                tell(
                    f"still fails: {found.broken.promise} with {plan.steps} steps, {plan.processes} processes"
                )
                return found
        return None

    plan = verdict.plan
    if plan is None:
        return verdict
    for processes in (1, 2):
        if processes < plan.processes and (
            found := await fails(msgspec.structs.replace(plan, processes=processes))
        ):
            smallest, plan = found, msgspec.structs.replace(plan, processes=processes)
            break
    low, high = 0, plan.steps
    while high - low > max(5, high // 10) and reruns < reruns_max:
        middle = (low + high) // 2
        found = await fails(msgspec.structs.replace(plan, steps=middle))
        if found is None:
            low = middle
        else:
            smallest, high = found, middle
    return smallest


def _seasons(plan: Plan) -> list[int]:
    if plan.season is not None:
        return [plan.season]
    return list(range((plan.steps + STEPS_MAX - 1) // STEPS_MAX))


def _seats_of(world: World, booking_id: UUID) -> set[int]:
    """The seats that a booking was ever asked to have."""
    return {
        seat
        for ask in world.record.asks
        if getattr(ask.command, "booking_id", None) == booking_id
        for field in ("seat_ids", "give_seat_ids", "take_seat_ids")
        for seat in getattr(ask.command, field, ())
    }
