"""Plans that must not come back: what grew with the age of the house, or with the square of a batch.

Every table is small here, so what is looked at is what PostgreSQL could do. Plans are those for any
arguments, which it keeps once a connection has run a statement some times.
"""

import json
import re
from collections.abc import AsyncGenerator, Iterable, Iterator
from typing import Any

import asyncpg
import pytest
import pytest_asyncio

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from source_tree import PACKAGE, python_files
from test_queries import queries_of

# What a batch does at once for up to 2,000 commands, or an audit for a whole event: looked up by id.
BATCHES = (
    ("inventory/queries.py", "insert_batch"),
    ("payments/ledger/queries.py", "update_captured"),
    ("payments/ledger/verification_queries.py", "list_false_bookings"),
    ("payments/queries.py", "list_payables"),
)

# Pages of lists that only grow: the last one takes no longer than the first.
PAGES = (
    ("booking/guests/queries.py", "list_guests"),
    ("booking/queries.py", "list_bookings"),
    ("catalog/queries.py", "list_own_events"),
    ("catalog/queries.py", "list_published_events"),
    ("inventory/answers/queries.py", "list_answers"),
    ("inventory/calling_off_queries.py", "list_live_bookings"),
    ("inventory/journal/queries.py", "list_bookings_after"),
    ("invoices/queries.py", "list_documents_by"),
    ("payments/disputes/queries.py", "list_disputes"),
    ("payments/ledger/statement_queries.py", "list_movements"),
)

_STATEMENTS = {
    (file.name.removeprefix(f"{PACKAGE}/"), query.function): query.text
    for file in python_files(PACKAGE)
    if file.is_queries
    for query in queries_of(file)
}


@pytest_asyncio.fixture(scope="module")
async def connection(dsn: str, postgres: EmbeddedPostgres) -> AsyncGenerator[asyncpg.Connection]:
    """The owner's, to a database (`dsn`) that has all migrations."""
    opened = await asyncpg.connect(
        postgres.dsn,
        statement_cache_size=0,
        server_settings={"plan_cache_mode": "force_generic_plan"},
    )
    yield opened
    await opened.close()


@pytest.mark.parametrize(("file", "function"), BATCHES, ids=[function for _, function in BATCHES])
async def test_what_is_done_for_thousands_is_not_compared_with_thousands(
    connection: asyncpg.Connection, file: str, function: str
):
    """Seen to fail: 2,000 confirmations were joined with 2,000 bookings, each with each."""
    plan = await _plan_of(connection, file, function, without=("hashjoin", "mergejoin"))

    assert [faults for node in plan if (faults := _compared_with_all(node))] == []


@pytest.mark.parametrize(("file", "function"), PAGES, ids=[function for _, function in PAGES])
async def test_a_page_begins_in_an_index_where_the_page_before_it_ended(
    connection: asyncpg.Connection, file: str, function: str
):
    """Seen to fail: with `$2 IS NULL OR id < $2` all pages before it were read and thrown away."""
    plan = await _plan_of(connection, file, function, without=("seqscan", "bitmapscan", "sort"))
    begins = [node for node in plan if "COALESCE($" in node.get("Index Cond", "")]
    thrown_away = [node["Filter"] for node in plan if "COALESCE($" in node.get("Filter", "")]

    assert begins, [node.get("Index Cond") for node in plan]
    assert thrown_away == []


async def _plan_of(
    connection: asyncpg.Connection, file: str, function: str, without: Iterable[str]
) -> list[dict[str, Any]]:
    """The nodes of a statement's plan for any arguments, these ways made dear."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        for way in without:
            await connection.execute(f"SET LOCAL enable_{way} = off")
        await connection.execute(f"PREPARE looked_at AS {_STATEMENTS[file, function]}")
        nulls = await connection.fetchval(
            "SELECT array_to_string(array_fill('NULL'::text, ARRAY[cardinality(parameter_types)]), ', ')"
            " FROM pg_prepared_statements WHERE name = 'looked_at'"
        )
        rows = await connection.fetch(f"EXPLAIN (FORMAT JSON) EXECUTE looked_at ({nulls})")
        await connection.execute("DEALLOCATE looked_at")
    finally:
        await transaction.rollback()
    return list(_nodes(json.loads(rows[0][0])[0]["Plan"]))


def _nodes(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    for child in node.get("Plans", []):
        yield from _nodes(child)


def _compared_with_all(node: dict[str, Any]) -> str:
    """What is asked of every pair of a loop over an array or a CTE; an index is asked once for each row."""
    if node["Node Type"] == "CTE Scan" and re.search(r"= \w+\.\w+", node.get("Filter", "")):
        return node["Filter"]
    if node["Node Type"] == "Nested Loop" and "Function Scan" in [
        child["Node Type"] for child in node["Plans"]
    ]:
        return node.get("Join Filter", "")
    return ""
