"""Group commit: while one batch of an event is being committed, the next one gathers.

Every process may run every event: the event's row lock fences them and the journal brings them
level. A command ends in exactly one of: its outcome, a `Refusal`, or `Unavailable` (nothing was
decided, or, when the connection was lost in the middle of a commit, it is not known).
"""

import asyncio
import time
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from contextvars import Context
from functools import partial

import structlog

from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.inventory import batch, repeats
from boxoffice.inventory.availability.queries import list_glances
from boxoffice.inventory.batch import Consequence
from boxoffice.inventory.commands import OPENING, PATIENT, ChangeSeatMap, Command, Expire, Outcome
from boxoffice.inventory.expectation import expected_wait
from boxoffice.inventory.following import follow_glances, follow_terms
from boxoffice.inventory.premises import Premises
from boxoffice.inventory.rules import decide
from boxoffice.inventory.state import Inventory
from boxoffice.kit import metrics
from boxoffice.kit.client import ClientGone, client_gone
from boxoffice.kit.errors import NotFound, Refusal, Unavailable
from boxoffice.kit.idempotency import Once
from boxoffice.kit.postgres import Database, Transaction

# Half a second of work at the rate one process decides: a longer line would only make everybody late.
QUEUE_COMMANDS_MAX = 5_000

# Reports and cancellations are let in so far: a report for each of four lines of holds, at once.
PATIENT_COMMANDS_MAX = 20_000

# Who would wait longer than this, as batches go at the moment, is told so at once. Less than the deadline
# of those who wait already, so that a line that has come to a stop does not fill up behind them.
EXPECTED_SECONDS_MAX = 2.0

# So many commands share one commit. Under a flood each of the ten awaits of a batch lets all requests that
# have arrived go first: with 13,000 clients, 500 gave 0.16 of the goodput and 2,000 gave 0.44. More would
# keep the other processes waiting for the lock.
BATCH_COMMANDS_MAX = 2_000

# A buyer who has waited this long is better told to try again than kept waiting.
DEADLINE_SECONDS = 5.0

# How often the lines are looked through for commands past their deadline, and for clients who hung up.
DEADLINE_CHECK_SECONDS = 0.25

# A command that has waited this long is worth watching whether its client is still there. It costs a task:
# watching after 0.25 s took a third of the goodput from a server with 13,000 clients.
WATCHED_SECONDS = 1.5

# Of the time for a batch as it was remembered, and as the last one took, each counts half: a line that
# was slow for a moment is trusted again after a few batches.
_LAST_BATCH_COUNTS = 0.5

# Inventories kept in memory per process; the least recently used make room.
INVENTORIES_MAX = 200

_log = structlog.get_logger()


class _Waiting:
    """A command in line, and whoever waits for its outcome."""

    __slots__ = ("client", "command", "future", "once", "since")

    def __init__(self, command: Command, future: asyncio.Future[Outcome], once: Once | None = None) -> None:
        self.command = command
        self.future = future
        self.once = once
        self.since = time.monotonic()
        # What a provider reports counts whether it waits for our answer or not.
        self.client = None if isinstance(command, PATIENT) else client_gone.get()


class _Line:
    """The commands that wait for one event's next batch, and the event's inventory."""

    __slots__ = ("batch_seconds", "batch_since", "inventory", "running", "waiting")

    def __init__(self) -> None:
        self.waiting: deque[_Waiting] = deque()
        self.inventory: Inventory | None = None
        self.running: asyncio.Task[None] | None = None
        self.batch_seconds = 0.0
        self.batch_since = 0.0

    def is_too_long(self) -> bool:
        """Whether one more would wait too long."""
        if len(self.waiting) >= QUEUE_COMMANDS_MAX:
            return True
        if self.running is None:
            return False
        running_for = time.monotonic() - self.batch_since
        return (
            expected_wait(len(self.waiting) // BATCH_COMMANDS_MAX, self.batch_seconds, running_for)
            > EXPECTED_SECONDS_MAX
        )

    def remember(self, seconds: float) -> None:
        """A batch took so long, the wait for the lock included."""
        self.batch_seconds += _LAST_BATCH_COUNTS * (seconds - self.batch_seconds)


class GroupCommit:
    """The one way to change an inventory from this process."""

    def __init__(
        self, db: Database, consequences: Sequence[Consequence], premises: Premises | None = None
    ) -> None:
        self._db = db
        self._premises = premises
        self._consequences = consequences
        self._lines: OrderedDict[int, _Line] = OrderedDict()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Keep deadlines while the block lasts; at its end, let the batches in flight finish."""
        watch = asyncio.create_task(self._turn_away_the_late())
        try:
            yield
        finally:
            watch.cancel()
            in_flight = [line.running for line in self._lines.values() if line.running]
            await asyncio.gather(*in_flight, return_exceptions=True)

    async def submit(self, event_id: int, command: Command, once: Once | None = None) -> Outcome:
        """Put the command in line and wait for its outcome; with `once`, perhaps the one it had before.

        Raises the `Refusal` it was decided to, `NotFound` for an event that is not on sale, and
        `Unavailable` when the line is full, the deadline passed, or PostgreSQL cannot answer.
        """
        line = self._lines.get(event_id)
        if line is None:
            line = self._lines[event_id] = _Line()
        is_patient = isinstance(command, PATIENT)
        if len(line.waiting) >= PATIENT_COMMANDS_MAX if is_patient else line.is_too_long():
            metrics.TURNED_AWAY.labels("queue full").inc()
            raise Unavailable("Too many people want this at once. Try again shortly.")
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        line.waiting.append(_Waiting(command, future, once))
        self._start(event_id, line)
        return await future

    def is_swamped(self, event_id: int) -> bool:
        """Whether one more command for this event would be turned away; counted as if it had been."""
        line = self._lines.get(event_id)
        if line is None or not line.is_too_long():
            return False
        metrics.TURNED_AWAY.labels("queue full").inc()
        return True

    def find_seat_map(self, event_id: int) -> SeatMap | None:
        """The map of the event, if its inventory is here: as new as what was decided here last."""
        line = self._lines.get(event_id)
        return line.inventory.seat_map if line is not None and line.inventory is not None else None

    async def observe(self, event_id: int) -> Inventory:
        """The event's inventory as it is committed now, to be read at once and never written.

        One read of the journal without a lock; an event that has no inventory here gets it from an empty
        batch. Raises `NotFound` for an event that never was on sale, and `Unavailable`.
        """
        inventory = await self._read_on(event_id)
        if inventory is None:
            await self.submit(event_id, Expire())
            line = self._lines.get(event_id)
            inventory = line.inventory if line else None
        if inventory is None:
            raise Unavailable
        return inventory

    async def _read_on(self, event_id: int) -> Inventory | None:
        """Take in what the journal has for the inventory that is here; None when one must be loaded."""
        line = self._lines.get(event_id)
        if line is None or line.inventory is None:
            return None
        inventory = line.inventory
        metrics.JOURNAL_READS.inc()
        news = await list_glances(self._db, event_id, inventory.version, batch.JOURNAL_ROWS_MAX)
        if line.inventory is not inventory:
            return line.inventory
        # No row at all: the event is gone. So many that there may be more: loading is quicker.
        if not 0 < len(news) < batch.JOURNAL_ROWS_MAX or not follow_glances(inventory, news):
            line.inventory = None
            return None
        await follow_terms(self._db, inventory, news[0].revision)
        # While it was read it may have made room for others: then nothing is done in its line any more.
        if self._lines.get(event_id) is line:
            self._lines.move_to_end(event_id)
            if news[0].holds_over:
                self._tidy_up(event_id, line)
        return inventory

    def _tidy_up(self, event_id: int, line: _Line) -> None:
        """Have the holds that are over expired by an empty batch, unless one is on its way; do not wait."""
        if line.running is None:
            line.waiting.append(_Waiting(Expire(), _forgotten_future()))
            self._start(event_id, line)

    def _start(self, event_id: int, line: _Line) -> None:
        if line.running is None:
            line.batch_since = time.monotonic()
            # In nobody's name: the batch is many people's.
            line.running = asyncio.create_task(self._run(event_id, line), context=Context())

    async def _run(self, event_id: int, line: _Line) -> None:
        """Commit batch after batch until nobody waits."""
        try:
            while line.waiting:
                await self._run_batch(event_id, line)
        finally:
            line.running = None
            self._make_room(event_id, line)

    async def _run_batch(self, event_id: int, line: _Line) -> None:
        taken: list[_Waiting] = []
        line.batch_since = time.monotonic()
        try:
            await self._commit(event_id, line, taken)
        except Unavailable as error:
            line.inventory = None
            for waiting in taken or _take(line):
                _fail(waiting, Unavailable(error.detail, error.retry_after))
        except NotFound:
            line.inventory = None
            for waiting in taken or _take(line):
                _fail(waiting, NotFound())
        except Exception:  # noqa: BLE001  every fault must end in an answer for each who waits
            # A constraint fired, a version is missing, a rule has a bug: load the inventory anew and
            # decide one command at a time, so that one bad command cannot fail its neighbours.
            _log.exception("batch failed", event_id=event_id, commands=len(taken))
            metrics.BATCHES_TAKEN_APART.inc()
            line.inventory = None
            alone = taken or _take(line)
            for waiting in alone:
                if not await self._commit_alone(event_id, line, waiting):
                    # The others are told so at once, and not each after a wait of its own.
                    for each in alone:
                        _fail(each, Unavailable())
        finally:
            line.remember(time.monotonic() - line.batch_since)

    async def _commit_alone(self, event_id: int, line: _Line, waiting: _Waiting) -> bool:
        """Commit a batch of one; False when PostgreSQL cannot answer."""
        try:
            if not waiting.future.done():
                await self._commit(event_id, line, [waiting])
        except Exception as error:  # noqa: BLE001  see above
            # Whatever it is, it is this command's own; its client gets it, and the log has it above.
            line.inventory = None
            _fail(waiting, error)
            return not isinstance(error, Unavailable)
        return True

    async def _commit(self, event_id: int, line: _Line, taken: list[_Waiting]) -> None:
        """Decide and commit `taken`, or, when it is empty, whoever is in line once the lock is ours."""
        started = time.perf_counter()
        async with self._db.transaction() as tx:
            locked = await batch.lock_event(tx, event_id, partial(_open, line, taken))
            if not taken:
                taken += _take(line)
            fresh, repeated = await _tell_repeats_apart(tx, taken)
            commands: Sequence[Command] = [waiting.command for waiting in fresh]
            bookings = await batch.find_named_bookings(tx, event_id, commands)
            if self._premises is not None:
                commands = await self._premises.tell(tx, event_id, commands, bookings)
            inventory = line.inventory = await batch.bring_level(tx, line.inventory, event_id, locked)
            await batch.prepare_seating(inventory, commands)
            decision = decide(inventory, commands, bookings, locked.now)
            if any(waiting.once for waiting in fresh):
                await repeats.remember_outcomes(tx, [waiting.once for waiting in fresh], decision.outcomes)
            row = await batch.write(tx, locked, commands, decision, self._consequences)
        if decision.draft.seat_map is not None:
            line.inventory = None
        # Unless an observer has read on in the journal since the COMMIT, our own row included.
        elif inventory.version == locked.version:
            inventory.frontier = decision.draft.frontier
            if row is not None:
                inventory.apply(decision.draft.changes)
                inventory.version, inventory.chain_hash = row.version, row.hash
        _answer(fresh, decision.outcomes)
        _answer(repeated, repeated.values())
        _measure(fresh, decision.outcomes, time.perf_counter() - started)

    def _make_room(self, event_id: int, line: _Line) -> None:
        if line.inventory is None:
            self._lines.pop(event_id, None)
            return
        self._lines.move_to_end(event_id)
        while len(self._lines) > INVENTORIES_MAX:
            oldest_id, oldest = next(iter(self._lines.items()))
            if oldest.running is not None:
                break
            del self._lines[oldest_id]

    async def _turn_away_the_late(self) -> None:
        while True:
            await asyncio.sleep(DEADLINE_CHECK_SECONDS)
            late = time.monotonic() - DEADLINE_SECONDS
            for line in list(self._lines.values()):
                while line.waiting and line.waiting[0].since < late:
                    waiting = line.waiting.popleft()
                    metrics.TURNED_AWAY.labels("deadline").inc()
                    _fail(waiting, Unavailable("This took too long. Try again shortly."))
                _watch(line.waiting)
            metrics.QUEUED.set(sum(len(line.waiting) for line in self._lines.values()))


def _take(line: _Line) -> list[_Waiting]:
    """The next commands in line whose clients are still there."""
    taken: list[_Waiting] = []
    while line.waiting and len(taken) < BATCH_COMMANDS_MAX:
        waiting = line.waiting.popleft()
        if not waiting.future.done():
            taken.append(waiting)
            if isinstance(waiting.command, ChangeSeatMap):
                break
    return taken


async def _tell_repeats_apart(
    tx: Transaction, taken: Sequence[_Waiting]
) -> tuple[Sequence[_Waiting], dict[_Waiting, Outcome | Refusal]]:
    """Who is to be decided, and who gets what was decided before, or may not ask now."""
    keyed = {waiting: waiting.once for waiting in taken if waiting.once is not None}
    if not keyed:
        return taken, {}
    found = await repeats.find_outcomes(tx, [(waiting.command, once) for waiting, once in keyed.items()])
    repeated: dict[_Waiting, Outcome | Refusal] = {
        waiting: outcome for waiting, outcome in zip(keyed, found, strict=True) if outcome is not None
    }
    return [waiting for waiting in taken if waiting not in repeated], repeated


def _open(line: _Line, taken: list[_Waiting]) -> bool:
    """Whether any of those who are taken, or else of those in line by now, could begin a sale."""
    if not taken:
        taken += _take(line)
    return not taken or any(isinstance(waiting.command, OPENING) for waiting in taken)


def _watch(line: Iterable[_Waiting]) -> None:
    """See to it that those who hang up while they wait are not decided for."""
    long_ago = time.monotonic() - WATCHED_SECONDS
    for waiting in line:
        if waiting.since > long_ago:
            break
        if waiting.client is not None:
            watch = asyncio.create_task(_leave_when_gone(waiting, waiting.client))
            waiting.client = None
            waiting.future.add_done_callback(lambda _, watch=watch: watch.cancel())


async def _leave_when_gone(waiting: _Waiting, client_is_gone: ClientGone) -> None:
    await client_is_gone()
    if not waiting.future.done():
        metrics.TURNED_AWAY.labels("client gone").inc()
        _fail(waiting, Unavailable("Nobody waits for this any more."))


def _forgotten_future() -> asyncio.Future[Outcome]:
    """A future whose outcome nobody asks for; a failure is not reported as one that was overlooked."""
    future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda done: done.cancelled() or done.exception())
    return future


def _answer(taken: Iterable[_Waiting], outcomes: Iterable[Outcome | Refusal]) -> None:
    for waiting, outcome in zip(taken, outcomes, strict=True):
        if waiting.future.done():
            continue
        if isinstance(outcome, Refusal):
            waiting.future.set_exception(outcome)
        else:
            waiting.future.set_result(outcome)


def _fail(waiting: _Waiting, error: Exception) -> None:
    """Give one waiting client its own error; one object raised in many places would grow a traceback."""
    if not waiting.future.done():
        waiting.future.set_exception(error)


def _measure(taken: Sequence[_Waiting], outcomes: Sequence[Outcome | Refusal], seconds: float) -> None:
    metrics.BATCH_COMMANDS.observe(len(taken))
    metrics.BATCH_SECONDS.observe(seconds)
    counts = Counter(
        (type(waiting.command).__name__, outcome.slug if isinstance(outcome, Refusal) else "done")
        for waiting, outcome in zip(taken, outcomes, strict=True)
    )
    for labels, count in counts.items():
        metrics.COMMANDS.labels(*labels).inc(count)
