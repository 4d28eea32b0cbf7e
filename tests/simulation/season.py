"""A season: a set of shows, a few hundred steps with some kinds of faults, and then every checker."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Coroutine
from contextvars import Context
from typing import Any
from uuid import UUID

import msgspec

from boxoffice.catalog.cancelling import CancelledEvent
from boxoffice.inventory.calling_off import call_off
from boxoffice.inventory.commands import BlockedPlaces, Booking, Command, Expire, Held, Hold
from boxoffice.kit.errors import Refusal, Unavailable
from boxoffice.kit.idempotency import Once
from boxoffice.kit.ids import new_id
from simulation import afterwards, checks, money_checks, teller
from simulation.process import Process
from simulation.record import Ask, Broken, Unknown
from simulation.stage import (
    Sale,
    cancel_event,
    delete_claims_by_hand,
    open_sales,
    wait_for_blocks_to_end,
)
from simulation.steps import FAULTS, Step, choose_step, do_step
from simulation.world import World, repairs

# So many steps share a set of shows: enough to sell them out, few enough to read.
STEPS_MAX = 400

# Clients that wait at once; the next step begins when one of them is answered.
_CLIENTS_MAX = 40

# Buyer numbers of the probes at the end, beyond those of the steps.
_PROBE_BUYER = 1_000

# So often those are asked for that were answered "not now", and after so long.
_PROBES_MAX = 10
_PROBE_AGAIN_SECONDS = 1.0

# Holds that last longer than this are not waited for.
_WAIT_SECONDS_MAX = 2


class Season:
    """One season's driver."""

    def __init__(self, world: World, number: int, first_step: int, steps: int) -> None:
        self.world = world
        self.number = number
        self.step_numbers = range(first_step, first_step + steps)
        self.sales: list[Sale] = []
        self.lagging: dict[str, int] = {}
        # Not everything goes wrong in every season: with some faults left out others get further.
        chance = random.Random(f"{world.plan.seed}:season {number}")
        self.faults = frozenset(name for name in FAULTS if chance.random() < 0.6)
        self.counts: Counter[str] = Counter()
        self.step = first_step
        self._tasks: set[asyncio.Task[Any]] = set()
        self._chance = chance

    async def run(self) -> None:
        """Run it and check it. Raises `Broken`."""
        self.sales = await open_sales(self.world.db)
        before = repairs()
        for number in self.step_numbers:
            self.step = number
            step = choose_step(self.world.plan.seed, self.step, self.sales, self.faults)
            await do_step(self, step)
            for report in self.world.bank.due(self.step):
                teller.deliver(self, report, self.world.any_process(step.chance))
            await asyncio.sleep(step.chance.choice((0, 0, 0.001, 0.004, 0.012)))
            await self.make_room(_CLIENTS_MAX)
            await self.world.bury_the_dead()
        await self._finish()
        self._check_repairs(before)

    def pick_process(self, chance: random.Random) -> Process:
        """One that lives and takes commands now; those that lag behind come back later."""
        processes = self.world.processes
        awake = [process for process in processes if self.lagging.get(process.name, 0) <= self.step]
        return chance.choice(awake or processes)

    def pick_booking(self, step: Step) -> Booking | None:
        """One of the bookings that were answered; the later ones rather than the first."""
        held = [
            ask.answer.booking
            for ask in self.world.record.asks
            if ask.event_id == step.sale.event_id and isinstance(ask.answer, Held)
        ]
        return held[-1 - int(len(held) * step.chance.random() ** 2)] if held else None

    def pick_block(self, step: Step) -> UUID | None:
        """One of the blocks that were made."""
        made = [
            ask.answer.id
            for ask in self.world.record.asks
            if ask.event_id == step.sale.event_id and isinstance(ask.answer, BlockedPlaces)
        ]
        return step.chance.choice(made) if made else None

    def note(self, step: Step, words: str, *, everywhere: bool = False) -> None:
        """Keep it for the history of a failure."""
        self.counts[step.kind] += 1
        self.world.record.note(step.number, 0 if everywhere else step.sale.event_id, words)

    def note_report(self, event_id: int, words: str) -> None:
        """Keep what somebody was told."""
        self.world.record.note(self.step, event_id, words)

    def pick_repeated(self, step: Step) -> tuple[str, Hold] | None:
        """Now and then a hold that was asked for under a key before, and that key."""
        asked = [
            (ask.key, ask.command)
            for ask in self.world.record.of(step.sale.event_id)
            if ask.key is not None and isinstance(ask.command, Hold)
        ]
        return step.chance.choice(asked) if asked and step.chance.random() < 0.5 else None

    def ask(
        self,
        step: Step,
        process: Process,
        command: Command,
        *,
        poisoned: bool = False,
        key: str | None = None,
    ) -> None:
        """Have a client ask, and go on."""
        ask = Ask(step.number, process.name, step.sale.event_id, command, poisoned, key=key)
        self.world.record.asks.append(ask)
        task = process.call(self._answer(process, ask))
        self.track(task)
        if step.kind == "hang up":
            asyncio.get_running_loop().call_later(step.chance.random() * 0.01, task.cancel)

    async def _answer(self, process: Process, ask: Ask) -> None:
        once = None if ask.key is None else Once(ask.event_id, "Hold", ask.key, [])
        try:
            answer = await process.sales.submit(ask.event_id, ask.command, once)
        except (Refusal, Unavailable) as error:
            answer = error
        except asyncio.CancelledError:
            ask.answer = Unknown("the client or its process was gone")
            raise
        except Exception as error:  # noqa: BLE001  a checker says that nobody may be answered so
            answer = error
        if once is not None and once.replayed:
            ask.replay, answer = answer, Unknown("it is told what was done before")
        ask.answer = Unknown("its process was gone") if process.dead else answer
        self.counts[type(ask.answer).__name__] += 1

    def observe(self, step: Step, process: Process) -> None:
        """Have somebody look at what is left, beside those who buy."""

        async def look() -> None:
            try:
                await process.sales.observe(step.sale.event_id)
            except Unavailable:
                return

        self.track(process.call(look()))

    async def call_off(self, step: Step, process: Process) -> None:
        """Cancel the doomed event, and do a part of the job that follows, as long as the process lives."""
        event_id = next(sale.event_id for sale in self.sales if sale.hall.doomed)
        self.note(step, f"{process.name} calls event {event_id} off", everywhere=True)
        await cancel_event(self.world.db, event_id)

        async def work() -> None:
            with contextlib.suppress(Unavailable):
                await call_off(process.db, process.sales, msgspec.json.encode(CancelledEvent(event_id)))

        self.track(process.call(work()))

    async def _call_off_at_last(self, process: Process) -> None:
        for sale in self.sales:
            if sale.hall.doomed:
                await cancel_event(self.world.db, sale.event_id)
                job = msgspec.json.encode(CancelledEvent(sale.event_id))
                await call_off(process.db, process.sales, job)

    async def restart(self, process: Process) -> None:
        """Stop a process in good order and start another."""
        index = self.world.processes.index(process)
        await process.stop()
        self.world.processes[index] = await self.world.start_process()

    def in_background(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do it while the steps go on, in no context of whoever is being watched."""
        self.track(asyncio.create_task(work, context=Context()))

    def track(self, task: asyncio.Task[Any]) -> None:
        """Let the season not end before this has."""
        self._tasks.add(task)

    async def make_room(self, clients_max: int) -> None:
        """Wait until no more than so many clients wait; say it when one of them has failed."""
        while True:
            done = {task for task in self._tasks if task.done()}
            self._tasks -= done
            for task in done:
                if task.cancelled() or (error := task.exception()) is None:
                    continue
                if isinstance(error, Broken):
                    raise error
                words = f"something was answered with a fault: {error!r}"
                raise Broken("P4", words, self.sales[0].event_id) from error
            if len(self._tasks) <= clients_max:
                return
            await asyncio.wait(self._tasks, return_when=asyncio.FIRST_COMPLETED)

    async def _finish(self) -> None:
        """Let the season end: late money comes, holds run out, free places are tried, all is checked."""
        for process in self.world.processes:
            process.spare()
        await self.make_room(0)
        await self.world.bury_the_dead()
        for sale in self.sales:
            await delete_claims_by_hand(self.world.db, sale.event_id)
        fresh = await self.world.start_process()
        self.world.processes.append(fresh)
        try:
            await self._call_off_at_last(fresh)
            late = [report for report in self.world.bank.due(10**9) if self._chance.random() < 0.5]
            await teller.deliver_all(self, fresh, late)
            for sale in self.sales:
                if sale.hall.hold_seconds <= _WAIT_SECONDS_MAX:
                    await sale.show.wait_for_holds_to_end()
                await wait_for_blocks_to_end(self.world.db, sale.event_id)
                # What is over goes at the next batch, whoever asks for it.
                await fresh.sales.submit(sale.event_id, Expire())
            for sale in self.sales:
                if not sale.hall.doomed:
                    await self._probe(sale, fresh)
            # Reports of what was disputed, and then of what was decided; the last of it is given back.
            await teller.deliver_all(self, fresh, self.world.bank.due(10**9))
            while self.world.bank.decide(None, self.step, self._chance):
                pass
            await teller.deliver_all(self, fresh, self.world.bank.due(10**9))
            await teller.ask_at_last(self, fresh)
            await afterwards.settle_everything(self, fresh)
            for sale in self.sales:
                await self._check(sale)
        finally:
            self.world.processes.remove(fresh)
            await fresh.stop()
            for process in [process for process in self.world.processes if process.corrupted]:
                await self.restart(process)

    async def _probe(self, sale: Sale, fresh: Process) -> None:
        """P7: without any background job, every place that nobody has bought or holds can be had."""
        old = self.world.any_process(self._chance)
        honest = not old.corrupted and not sale.hall.tampered and self._chance.random() < 0.5
        process = old if honest else fresh
        past = await checks.read_past(self.world.db, sale)
        live = {
            seat_id
            for seat_id, owner in past.owner_of.items()
            if owner in past.blocks
            or past.bookings[owner].state == "CONFIRMED"
            or sale.hall.hold_seconds > _WAIT_SECONDS_MAX
        }
        free = [seat_id for seat_id in range(sale.hall.seats) if seat_id not in live]
        # One party for the hall with the rule against single seats: the whole rest strands nobody.
        parties = [free] if sale.hall.orphan_rule == "ENFORCE" else [[seat_id] for seat_id in free]
        holds = [
            Hold(new_id(sale.event_id), _PROBE_BUYER + index, tuple(party))
            for index, party in enumerate(parties) if party
        ]  # fmt: skip
        asks: list[Ask] = []
        for _ in range(_PROBES_MAX):
            asks = [Ask(self.step, process.name, sale.event_id, hold) for hold in holds]
            self.world.record.asks += asks
            await asyncio.gather(*[process.call(self._answer(process, ask)) for ask in asks])
            # On a busy machine some wait for too long, and are told to come again: nothing was tried.
            later = {id(ask.command) for ask in asks if isinstance(ask.answer, Unavailable)}
            if not later or not all(isinstance(ask.answer, Held | Unavailable) for ask in asks):
                break
            holds = [hold for hold in holds if id(hold) in later]
            await asyncio.sleep(_PROBE_AGAIN_SECONDS)
        for ask in asks:
            if not isinstance(ask.answer, Held):
                words = f"{process.name} could not have {ask.command}, which is free: {ask.answer!r}"
                hold_id = getattr(ask.command, "booking_id", None)
                raise Broken("P7", f"{words} [{sale.hall.name}]", sale.event_id, hold_id)

    async def _check(self, sale: Sale) -> None:
        db, record = self.world.db, self.world.record
        past = await checks.read_past(db, sale)
        checks.check_answers(record, sale, past)
        checks.check_repeats(record, sale, past)
        checks.check_called_off(sale, past)
        await money_checks.check_money(db, self.world.bank, record, sale, past)
        await checks.check_tables(db, sale, past)
        await checks.check_journal(db, sale)
        await checks.check_memory(db, sale, "the tables", await checks.load_inventory(db, sale))
        for process in self.world.processes:
            known = process.inventory(sale.event_id)
            if known is not None and not process.corrupted and not sale.hall.tampered:
                await checks.check_memory(db, sale, process.name, known)
        happened = past.bookings.keys()
        self.counts["unknown, and it happened"] += sum(
            ask.is_unknown and isinstance(ask.command, Hold) and ask.command.booking_id in happened
            for ask in record.of(sale.event_id)
        )

    def _check_repairs(self, before: dict[str, float]) -> None:
        """Nothing has to be mended that nobody broke: constraints and reloads are no way to work."""
        after = repairs()
        gaps = after.get("journal gap", 0) - before.get("journal gap", 0)
        apart = after["taken apart"] - before["taken apart"]
        broken_by_us = self.faults & {"poison", "corrupt", "claim by hand"}
        if gaps:
            raise Broken("P8", f"{gaps:.0f} times the journal had a gap", self.sales[0].event_id)
        if apart and not broken_by_us:
            words = f"{apart:.0f} batches were taken apart, and nothing was wrong with them"
            raise Broken("P1", words, self.sales[0].event_id)
