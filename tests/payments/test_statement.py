"""Statements and balances of many events: they are right, and read no more than they must."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from contextvars import Context
from typing import Any
from uuid import UUID

from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.ledger.statement_queries import list_balances, list_movements
from boxoffice.payments.ledger.sum_queries import claim_sum_turn, list_false_sums
from boxoffice.payments.ledger.summing import EVENTS_AT_ONCE_MAX, sum_next
from shows import open_show
from statements import noted_statements

EVENTS = EVENTS_AT_ONCE_MAX + 1
MOVEMENTS = 10
PAGE = 5

# Above all ids there are.
EVERYTHING = UUID(int=2**128 - 1)


class Undone(Exception):  # noqa: N818  nothing has gone wrong
    """These movements have no payments: nobody else is to see them."""


async def write_movements(tx: Transaction, event_id: int) -> int:
    """Make events like this one for its organizer, with movements in any order; whose they are.

    Every third is none of the organizer's.
    """
    await tx.execute(
        """
        WITH made AS (
            INSERT INTO events (organizer_id, seat_map_id, title, description, currency, time_zone, starts_at,
                                places_per_buyer_max, hold_seconds, orphan_rule)
            SELECT organizer_id, seat_map_id, title, description, currency, time_zone, starts_at,
                   places_per_buyer_max, hold_seconds, orphan_rule
              FROM events, generate_series(1, $2)
             WHERE id = $1
            RETURNING id
        ), moved AS (
            SELECT id, number % 3 = 0 AS is_foreign, gen_random_uuid() AS movement_id
              FROM made, generate_series(1, $3) AS number
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, provider, organizer,
                                      buyer)
        SELECT id, movement_id, CASE WHEN is_foreign THEN 'REFUNDED' ELSE 'CAPTURED' END, movement_id, 'EUR',
               100, CASE WHEN is_foreign THEN 0 ELSE -100 END, CASE WHEN is_foreign THEN -100 ELSE 0 END
          FROM moved
        """,
        event_id,
        EVENTS,
        MOVEMENTS,
    )
    return await tx.get(int, "SELECT organizer_id FROM events WHERE id = $1", event_id)


def rows_read(plan: dict[str, Any]) -> int:
    """How many movements a plan has taken from the ledger."""
    own = plan["Actual Rows"] * plan["Actual Loops"] if plan.get("Relation Name") == "ledger_movements" else 0
    return own + sum(map(rows_read, plan.get("Plans", [])))


@asynccontextmanager
async def undone(db: Database) -> AsyncGenerator[Transaction]:
    """A transaction that is rolled back in the end."""
    with suppress(Undone):
        async with db.transaction() as tx:
            yield tx
            raise Undone


async def test_a_page_of_a_statement_reads_no_page_of_each_event(db: Database):
    """Seen to fail with a page of each event: 100 were read for 5."""
    show = await open_show(db)
    pages: list[UUID] = []
    async with undone(db) as tx:
        organizer_id = await write_movements(tx, show.event_id)
        whole = await list_movements(tx, organizer_id, None, 10 * EVENTS * MOVEMENTS)
        while page := await list_movements(tx, organizer_id, pages[-1] if pages else None, PAGE):
            pages += [row.movement_id for row in page]
        assert len(whole) == EVENTS * (MOVEMENTS - MOVEMENTS // 3)
        assert pages == sorted((row.movement_id for row in whole), reverse=True)

        await tx.execute("SET LOCAL enable_seqscan = off")
        await tx.execute("SET LOCAL enable_bitmapscan = off")
        with noted_statements() as noted:
            await list_movements(tx, organizer_id, None, PAGE)
        explain = f"EXPLAIN (ANALYZE, FORMAT JSON) {noted[0]}"
        plan = json.loads(await tx.connection.fetchval(explain, organizer_id, None, PAGE))

        assert rows_read(plan[0]["Plan"]) < 3 * EVENTS + 4 * PAGE


async def test_a_balance_is_the_sums_and_what_has_moved_since(db: Database):
    """Movements have random ids here: half of them have moved before this one."""
    show = await open_show(db)
    half = UUID("80000000-0000-0000-0000-000000000000")
    async with undone(db) as tx:
        organizer_id = await write_movements(tx, show.event_id)
        before = await list_balances(tx, organizer_id)
        assert await sum_all(tx, show.event_id, half) == 2
        assert await sum_all(tx, show.event_id, half) == 0
        assert await list_balances(tx, organizer_id) == before

        await sum_all(tx, show.event_id, EVERYTHING)
        with noted_statements() as noted:
            assert await list_balances(tx, organizer_id) == before
        plan = json.loads(
            await tx.connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {noted[0]}", organizer_id)
        )
        assert rows_read(plan[0]["Plan"]) == 0


async def test_a_movement_that_turns_up_behind_its_sums_is_found(db: Database):
    show = await open_show(db)
    async with undone(db) as tx:
        await write_movements(tx, show.event_id)
        await sum_all(tx, show.event_id, EVERYTHING)
        event_id = await tx.get(int, "SELECT max(id) FROM events")
        assert await list_false_sums(tx, event_id) == []
        await tx.execute(
            """
            INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, provider,
                                          organizer)
            VALUES ($1, gen_random_uuid(), 'CAPTURED', gen_random_uuid(), 'EUR', 7, -7)
            """,
            event_id,
        )
        (fault,) = await list_false_sums(tx, event_id)
        assert (fault.what, fault.expected - fault.found) == ("sum of CAPTURED at ORGANIZER until", -7)


async def test_nobody_adds_up_what_somebody_else_is_adding_up(db: Database):
    """Seen to fail without the turn. Two who have read how far the sums go would add the same twice."""

    async def in_another_process() -> bool:
        async with db.transaction() as tx:
            return await claim_sum_turn(tx)

    async with undone(db) as tx:
        await sum_next(tx, 0, EVERYTHING)
        # A context of its own: there is no transaction in it.
        assert not await asyncio.create_task(in_another_process(), context=Context())
    assert await in_another_process()


async def sum_all(tx: Transaction, after: int, until: UUID) -> int:
    """Add up every event after this one; in how many rounds."""
    rounds = 0
    last: int | None = after
    while last := await sum_next(tx, last, until):
        rounds += 1
    return rounds
