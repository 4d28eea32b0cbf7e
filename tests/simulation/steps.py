"""The steps of the simulation. Each draws its choices from the seed and its own number, and nothing else."""

import asyncio
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING
from uuid import UUID

import msgspec

from boxoffice.catalog.channels.keys import hash_key
from boxoffice.inventory.changes import BlockKind
from boxoffice.inventory.commands import (
    Adjacent,
    BestAvailable,
    Block,
    Booking,
    Cancel,
    ChangeBlock,
    Command,
    Exchange,
    Expire,
    Held,
    Hold,
    Release,
    Renew,
)
from boxoffice.kit.ids import new_id
from simulation import afterwards, teller
from simulation.process import Process
from simulation.stage import CHANNEL_KEYS, Sale, change_prices, cut_backend, insert_claim_by_hand

if TYPE_CHECKING:
    from simulation.season import Season

# Buyers of a show. Few, so that their limits are reached.
_BUYERS_MAX = 7

# So many holds one buyer asks for at once: they meet in one batch, and his limit is among them.
_RUSH_HOLDS = 8

# A client that hears nothing asks again, so many times at once.
_REPEATS_MAX = 4

# A fate comes true at most so many awaits from now: a batch has about twelve, so it may be this one,
# the next one or the one after that.
_AWAITS_MAX = 40

# How long work is kept waiting at one await: longer than a batch, shorter than any time-out.
_STALL_SECONDS_MAX = 0.08

# What may be going wrong in a season, and how often compared with the steps of buyers (100 together).
FAULTS = {
    "kill": 2.5,
    "cut": 3.0,
    "cut by the server": 3.0,
    "lose a commit": 3.0,
    "stall": 5.0,
    "lag": 1.5,
    "hang up": 4.0,
    "poison": 2.0,
    "corrupt": 1.5,
    "claim by hand": 1.0,
}

_BUYING = {
    "hold": 40.0,
    "rush": 2.0,
    "repeat": 4.0,
    "best": 8.0,
    "renew": 6.0,
    "exchange": 9.0,
    "cancel": 8.0,
    "pay": 28.0,
    "amount back": 6.0,
    "places back": 9.0,
    "take back": 1.0,
    "give up": 3.0,
    "dispute": 4.0,
    "decide": 3.0,
    "by hand": 2.0,
    "refund fails": 4.0,
    "try again or settle": 1.5,
    "compare": 0.7,
    "expire": 2.0,
    "block": 1.5,
    "change block": 0.7,
    "release": 1.2,
    "ask": 1.5,
    "observe": 4.0,
    "reprice": 0.5,
    "call off": 0.5,
    "restart": 0.3,
    "rest": 0.7,
}


class _Poison:
    """A seat that makes the rules raise; by its message a log says that this is no fault of ours."""

    def __ge__(self, _other: object) -> bool:
        raise TypeError("This seat is the simulation's poison.")


class Step(msgspec.Struct, frozen=True):
    """A step about to be done."""

    number: int
    kind: str
    chance: random.Random
    sale: Sale


def choose_step(seed: int, number: int, sales: list[Sale], faults: frozenset[str]) -> Step:
    """The step of this number; the same for the same seed, whatever happened before."""
    chance = random.Random(f"{seed}:{number}")
    weights = _BUYING | {name: FAULTS[name] for name in sorted(faults)}
    kind = chance.choices(list(weights), list(weights.values()))[0]
    return Step(number, kind, chance, chance.choice(sales))


async def do_step(  # noqa: C901  one for each kind
    season: "Season", step: Step
) -> None:
    """Begin it; clients are answered while later steps begin."""
    process = season.pick_process(step.chance)
    match step.kind:
        case "kill" | "cut" | "lose a commit" | "stall" | "cut by the server":
            _harm(season, step)
        case "lag" | "restart" | "corrupt" | "call off" | "ask" | "compare" | "try again or settle":
            await _trouble(season, step, process)
        case "claim by hand" | "reprice" | "rest":
            await _happen(season, step)
        case "rush":
            buyer_id = step.chance.randrange(1, _BUYERS_MAX + 1)
            for _ in range(_RUSH_HOLDS):
                season.ask(step, process, msgspec.structs.replace(_hold(step), buyer_id=buyer_id))
        case "repeat":
            _repeat(season, step)
        case "pay":
            if booking := season.pick_booking(step):
                teller.begin_payment(season, step, process, booking)
        case _ if step.kind in teller.TAKES_BACK:
            teller.take_back(season, step, process)
        case "by hand" | "refund fails":
            await afterwards.happen(season, step)
        case "observe":
            season.observe(step, process)
        case _:
            season.ask(step, process, _command(season, step), poisoned=step.kind == "poison")


def _repeat(season: "Season", step: Step) -> None:
    """One thing asked for again and again under one key, of several processes, now and in later steps.

    Each request is a hold of its own to the process that hears it, as over HTTP.
    """
    again = season.pick_repeated(step)
    key, hold = again or (f"step {step.number}", _hold(step))
    for _ in range(step.chance.randrange(1, _REPEATS_MAX + 1)):
        command = msgspec.structs.replace(hold, booking_id=new_id(step.sale.event_id))
        season.ask(step, season.pick_process(step.chance), command, key=key)


async def _trouble(season: "Season", step: Step, process: Process) -> None:
    """What happens to a process at once, between two of its awaits."""
    if step.kind == "lag":
        season.lagging[process.name] = step.number + step.chance.randrange(20, 120)
    elif step.kind == "ask":
        await teller.ask_the_bank(season, process)
    elif step.kind == "compare":
        afterwards.begin_comparison(season, process)
    elif step.kind == "try again or settle":
        await afterwards.decide_refunds(season, process, [step.sale], step.chance)
    elif step.kind == "call off":
        await season.call_off(step, process)
    elif step.kind == "restart":
        season.note(step, f"{process.name} is restarted", everywhere=True)
        await season.restart(process)
    elif process.corrupt(step.sale.event_id, step.chance):
        season.note(step, f"memory of {process.name} is corrupted")


async def _happen(season: "Season", step: Step) -> None:
    """What nobody asks a process for."""
    chance, db = step.chance, season.world.db
    if step.kind == "rest":
        await asyncio.sleep(0.3)
    elif step.kind == "reprice":
        if step.sale.hall.price:
            season.note(step, "the prices change")
            await change_prices(db, step.sale.event_id, chance.choice((1900, 2500, 3100)))
    else:
        event_id, hall = next((sale.event_id, sale.hall) for sale in season.sales if sale.hall.tampered)
        seat_id = chance.randrange(hall.seats)
        season.note(step, f"somebody claims seat {seat_id} of event {event_id} by hand", everywhere=True)
        await insert_claim_by_hand(db, event_id, seat_id, new_id(event_id))


def _harm(season: "Season", step: Step) -> None:
    chance, process, kind = step.chance, season.world.any_process(step.chance), step.kind
    awaits = chance.randrange(_AWAITS_MAX)

    def note(words: str, fate: Callable[[], float]) -> Callable[[], float]:
        def come_true() -> float:
            season.note(step, f"{process.name} {words}", everywhere=True)
            return fate()

        return come_true

    match kind:
        case "kill":
            fate = note("is killed", process.kill)
        case "cut":
            fate = note("loses connections", lambda: process.cut_connections(chance))
        case "lose a commit":
            cut_all = note("loses a batch at its commit", lambda: process.cut_connections(chance, 1))
            die = note("is killed at a commit", process.kill)
            fate = chance.choice((cut_all, die))
            # Or a moment after: COMMIT is on its way by then, and only its answer is lost.
            after = chance.random() < 0.5
            process.before_commit.append(partial(_soon, fate) if after else fate)
            return
        case "stall":
            fate = note("stands still for a moment", lambda: chance.random() * _STALL_SECONDS_MAX)
        case _:

            def cut() -> float:
                for pid in process.backends():
                    if chance.random() < 0.6:
                        season.in_background(cut_backend(season.world.db, pid))
                return 0

            fate = note("is cut off by PostgreSQL", cut)
    process.fates.append((awaits, fate))


def _soon(fate: Callable[[], float]) -> float:
    asyncio.get_running_loop().call_soon(fate)
    return 0


def _command(season: "Season", step: Step) -> Command:  # noqa: PLR0911  one for each kind
    chance = step.chance
    if step.kind == "poison":
        return Hold(new_id(step.sale.event_id), 1, seat_ids=(_Poison(),))  # pyright: ignore[reportArgumentType]
    if step.kind == "expire":
        return Expire()
    if step.kind in ("block", "change block", "release"):
        return _house(season, step)
    booking = season.pick_booking(step) if step.kind in ("renew", "exchange", "cancel") else None
    if booking is None:
        return _hold(step)
    # Now and then somebody else tries.
    buyer_id = booking.buyer_id if chance.random() < 0.95 else booking.buyer_id + 1
    if step.kind == "renew":
        return Renew(booking.id, buyer_id)
    if step.kind == "cancel":
        return Cancel(booking.id, buyer_id)
    hall = step.sale.hall
    take = tuple(chance.sample(range(hall.seats), chance.choice((0, 1, 1, 2))))
    areas = tuple(chance.choices(range(len(hall.areas)), k=chance.choice((0, 0, 1)))) if hall.areas else ()
    return Exchange(
        booking.id, buyer_id, booking.seat_ids[: chance.randrange(3)], booking.area_ids[:1], take, areas
    )


def _house(season: "Season", step: Step) -> Command:
    """What an organizer asks for."""
    chance, hall = step.chance, step.sale.hall
    released_at = chance.choice((None, datetime.now(UTC) + timedelta(seconds=chance.choice((0.3, 1.0)))))
    channel_id = chance.choice((None, 1, 2))
    block_id = season.pick_block(step)
    if step.kind == "block" or block_id is None:
        first = chance.randrange(hall.seats - 2)
        areas = ((0, chance.randrange(1, 3)),) if hall.areas and chance.random() < 0.4 else ()
        return Block(
            new_id(step.sale.event_id), "Ours", BlockKind.ALLOTMENT,
            tuple(range(first, first + chance.randrange(1, 3))), areas, released_at, channel_id,
        )  # fmt: skip
    if step.kind == "change block":
        return ChangeBlock(block_id, "Theirs", released_at, channel_id)
    return Release(block_id)


def _hold(step: Step) -> Hold:
    chance, hall = step.chance, step.sale.hall
    booking_id: UUID = new_id(step.sale.event_id)
    buyer_id = chance.randrange(1, _BUYERS_MAX + 1)
    # Named seats are taken the second time; only the best there are could be had twice.
    if step.kind in ("best", "repeat"):
        adjacent = chance.choice((Adjacent.REQUIRED, Adjacent.PREFERRED))
        best = BestAvailable(chance.randrange(1, 4), adjacent=adjacent)
        return Hold(booking_id, buyer_id, best=best, channel_key_hash=_key(chance))
    count = chance.choice((0, 1, 1, 2, 2, 3))
    if chance.random() < 0.5:
        first = chance.randrange(hall.seats - count + 1)
        seats = tuple(range(first, first + count))
    else:
        seats = tuple(chance.sample(range(hall.seats), count))
    areas = ()
    if hall.areas and (not seats or chance.random() < 0.3):
        areas = tuple(chance.choices(range(len(hall.areas)), k=chance.randrange(1, 4)))
    return Hold(booking_id, buyer_id, seats or (() if areas else (0,)), areas, channel_key_hash=_key(chance))


def _key(chance: random.Random) -> str | None:
    """Most buyers come as everybody, some through a channel, one with a key that somebody made up."""
    key = chance.choices((None, *CHANNEL_KEYS, "wrong"), (80, 10, 8, 2))[0]
    return None if key is None else hash_key(key)


def held_of(answer: object) -> Booking | None:
    """The booking of a hold that was answered."""
    return answer.booking if isinstance(answer, Held) else None
