"""A chaos run from its beginning to its end: open, sell while all is killed, wait, judge."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from boxoffice.payments.reconciliation.comparing import reconcile
from payments.stripe_http import listening
from payments.stripe_peer import SECRET_KEY, WEBHOOK_SECRET
from shows import Show, open_show
from simulation.chaos.bank import Bank, Postman
from simulation.chaos.buyers import Crowd, Pair
from simulation.chaos.front import Front
from simulation.chaos.house import House, open_house
from simulation.chaos.judge import Judge
from simulation.chaos.plan import SHARE_PERCENT, Plan
from simulation.stage import list_failed_refunds, make_an_hour_go_by, make_payments_due_to_ask

# What is sold: so many shows at once, the last of them small and cancelled in the middle of its sale.
_SHOWS = 5
_DOOMED_SHARE = 0.05

# Shows have more seats than buyers want: some pairs are lost with holds that are over.
_SEATS_TO_SPARE = 1.3

# The show that is cancelled is, once so many bookings are paid.
_CANCELLED_AT = 0.6

# How often somebody looks, and how often a person wants to hear of it.
_LOOK_SECONDS = 0.25
_TELL_SECONDS = 5.0

# A job whose process was killed is done by another one after half a minute, a payment nobody was heard of is
# asked about after one: what waits for longer than this waits for ever.
_WAIT_SECONDS_MAX = 300.0


class Result(msgspec.Struct):
    """What was counted, and what is broken in words."""

    counts: Counter[str]
    faults: list[str]
    seconds: float


async def run(
    dsn: str,
    folder: Path,
    plan: Plan,
    tell: Callable[[str], None],
    kill_postgres: Callable[[], None] | None = None,
) -> Result:
    """Run it in a migrated database of its own; nothing of it is left when this returns or raises."""
    began = time.monotonic()
    # Answers that are lost again and again take the seconds that nobody waits for in a hurried run.
    with listening(Bank(plan.seed, has_unlucky_keys=not plan.hurried)) as bank:
        async with open_database(dsn) as db, open_house(plan, folder, dsn, bank.url, kill_postgres) as house:
            front = Front(house.urls, plan.seed)
            shows, buyer_ids = await open_sales(db, plan), await insert_buyers(db, plan.bookings)
            crowd = Crowd(plan, front, bank, shows, buyer_ids)
            crowd.offer(pairs_of(plan, shows))
            postman = Postman(front, plan.seed, plan.hold_seconds)
            bank.report_to(postman.take)
            judge = Judge(db, bank, crowd, shows)
            stage = Stage(db, house, front, crowd, postman, bank, shows)
            try:
                await stage.sell(tell)
                judge.faults += await stage.wait(tell)
                await judge.judge(front)
            except* (AssertionError, TimeoutError) as errors:
                judge.faults += [repr(error) for error in errors.exceptions]
            finally:
                await crowd.stop()
                await postman.stop()
                await front.close()
            judge.faults += house.faults()
            return Result(stage.counts(), judge.faults, time.monotonic() - began)


class Stage:
    """All that takes part, and what they do one after the other."""

    def __init__(
        self,
        db: Database,
        house: House,
        front: Front,
        crowd: Crowd,
        postman: Postman,
        bank: Bank,
        shows: Sequence[Show],
    ) -> None:
        # How much was found by comparing.
        self.found = 0
        self._plan, self._db, self._house, self._front = crowd.plan, db, house, front
        self._crowd, self._postman, self._bank, self._shows = crowd, postman, bank, shows

    def counts(self) -> Counter[str]:
        """Everything that anybody has counted."""
        kills = Counter({f"kills of {name}": count for name, count in self._house.kills.items()})
        refunds = Counter({"refunds at the bank": len(self._bank.refunds)})
        refunds["found by comparing"] = self.found
        refunds["authorisations let go"] = sum(
            intent["status"] == "canceled" for intent in list(self._bank.intents.values())
        )
        return (
            self._crowd.counts
            + kills
            + self._bank.counts
            + self._postman.counts
            + self._front.counts
            + refunds
        )

    async def sell(self, tell: Callable[[str], None]) -> None:
        """Return once every buyer is done and all that was killed is back. Raises `Surprise`."""
        async with asyncio.TaskGroup() as group:
            others = [
                group.create_task(
                    self._house.kill_again_and_again(self._plan.kill_seconds, self._plan.kills_max)
                ),
                group.create_task(self._tell_for_ever(tell)),
            ]
            cancelling = group.create_task(self._cancel_a_show())
            await self._crowd.buy_everything()
            await cancelling
            for each in others:
                each.cancel()
        await self._house.come_back()

    async def wait(self, tell: Callable[[str], None]) -> list[str]:
        """Return once nothing waits any more; what does after all, in words.

        The books are compared now and then, and at last when nothing has waited before.
        """
        deadline = time.monotonic() + _WAIT_SECONDS_MAX
        told_at, is_compared = time.monotonic(), False
        giving = asyncio.ensure_future(self._crowd.wait_for_what_comes_back())
        try:
            while waiting := (
                await self._look_for_waiting()
                + ([] if giving.done() else ["what comes back"])
                + ([] if is_compared else ["a comparison"])
            ):
                if time.monotonic() > deadline:
                    return [f"waits for ever: {', '.join(waiting)}"]
                is_last = waiting == ["a comparison"]
                if time.monotonic() > told_at + _TELL_SECONDS or is_last:
                    tell(f"all sold; still waiting: {', '.join(waiting)}")
                    told_at = time.monotonic()
                    is_compared = await self._compare() and is_last
                await asyncio.sleep(_LOOK_SECONDS)
            giving.result()
        finally:
            giving.cancel()
        return []

    async def _compare(self) -> bool:
        """The comparison of the hour, now; False when the bank, or PostgreSQL, is away."""
        parts = Parts(_settings_at(self._bank), self._db.dsn)
        try:
            async with parts.running():
                found = await reconcile(parts.desk, parts.sales, parts.providers.get("stripe"))
        except Unavailable:
            return False
        self.found += found.made_up_for
        return True

    async def _tell_for_ever(self, tell: Callable[[str], None]) -> None:
        while True:
            await asyncio.sleep(_TELL_SECONDS)
            counts = self.counts()
            tell(
                f"{counts['bookings paid']:,} of {self._plan.bookings:,} paid, "
                f"{self._house.kills.total()} kills, {counts['calls lost']} answers of the bank lost, "
                f"{counts['no answer'] + counts['webhooks tried again']} of ours, "
                f"{counts['refunds at the bank']} refunds"
            )

    async def _cancel_a_show(self) -> None:
        while self._crowd.counts["bookings paid"] < self._plan.bookings * _CANCELLED_AT:
            await asyncio.sleep(_LOOK_SECONDS)
        await self._crowd.cancel_show(self._shows[-1].event_id)

    async def _look_for_waiting(self) -> list[str]:
        """What waits; then what would wait for minutes is told not to."""
        try:
            found = await self._list_waiting()
            await self._turn_the_clock()
            events = [show.event_id for show in self._shows]
            await self._crowd.decide_refunds(await list_failed_refunds(self._db, events))
        except Unavailable:
            # It was killed last of all, and is not back yet.
            return ["PostgreSQL"]
        return found

    async def _list_waiting(self) -> list[str]:
        found = await self._db.list(
            str,
            """
            SELECT count(*) || ' ' || what
              FROM (SELECT entrypoint || ' jobs' AS what FROM pgqueuer
                    UNION ALL
                    SELECT 'payments ' || state FROM payments WHERE state IN ('CAPTURE_DUE', 'REFUND_DUE')
                    UNION ALL
                    SELECT 'refunds ' || state FROM refunds WHERE state <> 'DONE'
                    UNION ALL
                    SELECT 'disputes ' || state FROM disputes WHERE state = 'OPEN'
                    UNION ALL
                    SELECT 'bookings ' || state FROM bookings WHERE state = 'PENDING') AS waiting
             GROUP BY what ORDER BY what
            """,
        )
        paid = {each for told in self._crowd.told.values() for each in told.paid}
        open_ones = await self._db.list(
            str, "SELECT id::text FROM payments WHERE state IN ('PENDING', 'DECLINED')"
        )
        if unheard := len(paid & set(open_ones)):
            found.append(f"{unheard} payments that were made")
        if soon := self._bank.sent_back_soon:
            found.append(f"{soon} refunds that are sent back")
        if on_the_way := self._postman.on_the_way():
            found.append(f"{on_the_way} webhooks")
        return found

    async def _turn_the_clock(self) -> None:
        """Payments nobody was heard of are asked about now, not minutes later, and no refund waits for hours
        or days; with `hurried`, all is now.
        """
        await make_payments_due_to_ask(self._db)
        await make_an_hour_go_by(self._db)
        if self._plan.hurried:
            async with self._db.transaction() as tx:
                await tx.execute("UPDATE pgqueuer SET execute_after = now() WHERE execute_after > now()")
                await tx.execute(
                    """
                    UPDATE pgqueuer SET heartbeat = heartbeat - interval '1 minute'
                     WHERE status = 'picked' AND heartbeat < now() - interval '3 seconds'
                    """
                )


async def open_sales(db: Database, plan: Plan) -> list[Show]:
    """The shows; their places bear a fee and a tax, so that the ledger has parts, and may be given up."""
    shows = [
        await open_show(db, seats=seats, hold_seconds=plan.hold_seconds) for seats in _seats_of_shows(plan)
    ]
    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events
               SET fees = '[{"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 150}]',
                   tax = '{"name": "VAT", "mode": "INCLUDED", "basis_points": 700}'
             WHERE id = ANY ($1::bigint[])
            """,
            [show.event_id for show in shows],
        )
        await tx.execute(
            """
            INSERT INTO cancellation_policies (event_id, version, since, policy)
            SELECT id, 1, now(), json_build_object(
                       'tiers', json_build_array(json_build_object('refund_percent', $2::integer,
                                                                   'days_before', 0)),
                       'fees', 'RETURNED')
              FROM unnest($1::bigint[]) AS event (id)
            """,
            [show.event_id for show in shows],
            SHARE_PERCENT,
        )
    return shows


def _settings_at(bank: Bank) -> Settings:
    """Those of a process that does nothing but compare the books."""
    return Settings(
        jobs_inside=False,
        database_connections=2,
        stripe_secret_key=SECRET_KEY,
        stripe_webhook_secret=WEBHOOK_SECRET,
        stripe_api_url=bank.url,
    )


def pairs_of(plan: Plan, shows: Sequence[Show]) -> list[Pair]:
    """Every two neighbouring seats, the shows in turns."""
    rows = [
        [Pair(show.event_id, first) for first in range(0, seats, 2)]
        for show, seats in zip(shows, _seats_of_shows(plan), strict=True)
    ]
    return [pair for row in zip(*_filled(rows), strict=True) for pair in row if pair is not None]


async def insert_buyers(db: Database, count: int) -> list[int]:
    """So many accounts that nobody can log in to."""
    async with db.transaction() as tx:
        return await tx.list(
            int,
            """
            INSERT INTO users (email, email_key, name, role, password_hash)
            SELECT address, address, 'Somebody', 'USER', '!'
              FROM (SELECT 'chaos-' || number || '@example.org' AS address
                      FROM generate_series(1, $1::integer) AS number) AS new
            RETURNING id
            """,
            count,
        )


@asynccontextmanager
async def open_database(dsn: str) -> AsyncGenerator[Database]:
    """A pool of our own, for the length of the block."""
    db = Database(dsn, connections_max=3)
    await db.open()
    try:
        yield db
    finally:
        with contextlib.suppress(OSError):
            await db.close()


def _seats_of_shows(plan: Plan) -> list[int]:
    doomed = max(1, int(plan.bookings * _DOOMED_SHARE))
    others = int((plan.bookings - doomed) * _SEATS_TO_SPARE / (_SHOWS - 1)) + 1
    return [*[2 * others] * (_SHOWS - 1), 2 * doomed]


def _filled(rows: Sequence[Sequence[Pair]]) -> list[list[Pair | None]]:
    """As long as the longest; the doomed show's few are spread over all of its sale."""
    longest = max(len(row) for row in rows)
    filled: list[list[Pair | None]] = []
    for row in rows:
        spread: list[Pair | None] = [None] * longest
        for number, pair in enumerate(row):
            spread[number * longest // len(row)] = pair
        filled.append(spread)
    return filled
