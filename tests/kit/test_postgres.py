"""The facade: one transaction at a time, typed rows, outages told apart from bugs."""

import asyncio
from enum import StrEnum

import asyncpg
import msgspec
import pytest

from boxoffice.kit.errors import Unavailable
from boxoffice.kit.health import get_ready
from boxoffice.kit.outbound import Outbound
from boxoffice.kit.postgres import Database


class Colour(StrEnum):
    """One of the values a column may have."""

    RED = "RED"


class Row(msgspec.Struct, frozen=True):
    """What the tests read."""

    number: int
    colours: tuple[Colour, ...]


async def test_a_row_has_the_types_it_says(db: Database):
    row = await db.get(Row, "SELECT 1 AS number, ARRAY['RED'] AS colours")
    assert row == Row(1, (Colour.RED,))
    with pytest.raises(msgspec.ValidationError):
        await db.get(Row, "SELECT 1 AS number, ARRAY['BLUE'] AS colours")
    with pytest.raises(msgspec.ValidationError):
        await db.get(Row, "SELECT 1 AS number")


async def test_find_may_be_none_and_get_may_not(db: Database):
    assert await db.find(int, "SELECT 1 WHERE false") is None
    with pytest.raises(LookupError):
        await db.get(int, "SELECT 1 WHERE false")


async def test_transactions_do_not_nest_and_nothing_goes_around_them(db: Database):
    outbound = Outbound()
    async with db.transaction():
        with pytest.raises(RuntimeError, match="transaction"):
            async with db.transaction():
                pass
        with pytest.raises(RuntimeError, match="second connection"):
            await db.find(int, "SELECT 1")
        with pytest.raises(RuntimeError, match="network call"):
            await outbound.post("http://127.0.0.1:9/", b"", {})
    await outbound.close()


async def test_an_exception_rolls_back(owner_db: Database):
    with pytest.raises(ZeroDivisionError):
        async with owner_db.transaction() as tx:
            await tx.execute("CREATE TABLE never_there (id int)")
            raise ZeroDivisionError
    assert await owner_db.find(str, "SELECT to_regclass('never_there')::text") is None


async def test_a_server_that_is_away_is_an_outage_and_not_a_bug():
    away = Database("postgresql://nobody@/nothing?host=/nowhere/at/all", connections_max=2)
    with pytest.raises(Unavailable):
        await away.find(int, "SELECT 1")
    await away.open()
    with pytest.raises(Unavailable):
        await away.find(int, "SELECT 1")
    with pytest.raises(Unavailable):
        async with away.transaction():
            pass
    await away.close()


async def test_a_connection_that_is_cut_is_an_outage_and_the_next_one_works(dsn: str):
    db = Database(dsn, connections_max=1)
    await db.open()
    with pytest.raises(Unavailable):
        async with db.transaction() as tx:
            await tx.find(str, "SELECT pg_terminate_backend(pg_backend_pid())::text")
    assert await db.find(int, "SELECT 1") == 1
    await db.close()


async def test_a_pool_that_is_used_up_is_an_outage(dsn: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("boxoffice.kit.connections.ACQUIRE_SECONDS_MAX", 0.2)
    db = Database(dsn, connections_max=1)
    await db.open()

    async def late() -> None:
        with pytest.raises(Unavailable):
            await db.find(int, "SELECT 1")

    waiting = asyncio.Event()
    done = asyncio.Event()

    async def keep() -> None:
        async with db.transaction():
            waiting.set()
            await done.wait()

    keeper = asyncio.create_task(keep())
    await waiting.wait()
    await late()
    done.set()
    await keeper
    await db.close()


async def test_a_bug_in_a_query_stays_a_bug(db: Database):
    with pytest.raises(asyncpg.UndefinedColumnError):
        await db.find(int, "SELECT nonsense")


async def test_a_database_without_a_schema_is_not_ready(dsn: str):
    db = Database(f"{dsn}{'&' if '?' in dsn else '?'}search_path=pg_catalog", connections_max=1)
    await db.open()
    try:
        with pytest.raises(Unavailable, match="at version 0, this program needs 0049"):
            await get_ready.fn(db, "0049")
    finally:
        await db.close()


async def test_a_schema_of_tomorrow_is_ready_for_whoever_can_live_with_it(dsn: str, owner_db: Database):
    """In a rolling upgrade the proxy would otherwise take every old process out at once."""
    async with owner_db.transaction() as tx:
        for statement in (
            "CREATE SCHEMA tomorrow",
            "CREATE TABLE tomorrow.alembic_version AS SELECT '0060' AS version_num",
            "CREATE TABLE tomorrow.oldest_program AS SELECT '0055' AS version",
            "GRANT USAGE ON SCHEMA tomorrow TO boxoffice_app",
            "GRANT SELECT ON ALL TABLES IN SCHEMA tomorrow TO boxoffice_app",
        ):
            await tx.execute(statement)
    db = Database(f"{dsn}{'&' if '?' in dsn else '?'}search_path=tomorrow", connections_max=1)
    await db.open()
    try:
        for version in ("0055", "0060"):
            assert (await get_ready.fn(db, version)).status == "ok"
        with pytest.raises(Unavailable, match="at version 0060, for programs from 0055 on; this one is 0054"):
            await get_ready.fn(db, "0054")
        with pytest.raises(Unavailable, match="at version 0060, this program needs 0061"):
            await get_ready.fn(db, "0061")
    finally:
        await db.close()
        async with owner_db.transaction() as tx:
            await tx.execute("DROP SCHEMA tomorrow CASCADE")
