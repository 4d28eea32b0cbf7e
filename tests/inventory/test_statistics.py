"""An event that goes on sale is in no statistics, and PostgreSQL must not take it for an empty one."""

from collections.abc import AsyncGenerator

import asyncpg
import pytest_asyncio

from boxoffice.kit.embedded_postgres import EmbeddedPostgres

# Tables of few rows, or of a few for an event: whatever way they are read is a short one.
SMALL = {
    "blocks",
    "channels",
    "offline_check_ins",
    "promo_codes",
    "seat_maps",
    "team_invitations",
    "team_members",
}


@pytest_asyncio.fixture
async def connection(dsn: str, postgres: EmbeddedPostgres) -> AsyncGenerator[asyncpg.Connection]:
    """The owner's, to a database (`dsn`) that has all migrations."""
    opened = await asyncpg.connect(postgres.dsn)
    yield opened
    await opened.close()


async def test_every_table_with_a_choice_of_indexes_expects_a_thousand_rows_of_an_event(
    connection: asyncpg.Connection,
):
    rows = await connection.fetch(
        """
        SELECT class.relname, event.attoptions
          FROM pg_class AS class
          JOIN pg_attribute AS event ON event.attrelid = class.oid AND event.attname = 'event_id'
         WHERE class.relkind = 'r' AND class.relnamespace = 'public'::regnamespace
           AND (SELECT count(*) FROM pg_index WHERE indrelid = class.oid) > 1
        """
    )
    unknown = {row["relname"] for row in rows if row["attoptions"] != ["n_distinct=-0.001"]}
    assert unknown - SMALL - {"api_keys", "audit_log", "event_images"} == set()


async def test_payments_of_an_event_that_is_in_no_statistics_are_found_by_their_ids(
    connection: asyncpg.Connection,
):
    """Seen to fail without `n_distinct`: it read all payments of the event, by its bookings."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        # Without triggers: these payments are of no booking.
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(
            """
            INSERT INTO payments (event_id, id, booking_id, provider, amount, currency, checkout_url)
            SELECT -1 - n % 10, gen_random_uuid(), gen_random_uuid(), 'sandbox', 1, 'EUR', 'https://x'
              FROM generate_series(1, 5000) AS n
            """
        )
        await connection.execute("ANALYZE payments")
        plan = await connection.fetch(
            """
            EXPLAIN SELECT amount FROM payments
             WHERE event_id = -77 AND id = ANY (ARRAY(SELECT gen_random_uuid() FROM generate_series(1, 30)))
            """
        )
    finally:
        await transaction.rollback()
    text = "\n".join(row[0] for row in plan)
    assert "payments_pkey" in text, text
    assert "(id = ANY" in text.partition("Index Cond:")[2].partition("\n")[0], text
