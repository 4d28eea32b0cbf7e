"""A statement of many events: its pages are right, and are read in the time of a page."""

import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any
from uuid import UUID

from boxoffice.kit.postgres import Database, Transaction
from boxoffice.payments.ledger.statement_queries import list_movements
from shows import open_show
from statements import noted_statements

EVENTS = 20
MOVEMENTS = 10
PAGE = 5


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
