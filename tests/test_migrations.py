"""The migrations: safe to run twice at once, readable offline, and one line of versions."""

import asyncio

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.migrations import latest_version
from boxoffice.migrations.run import current_version, migrate, offline_sql
from source_tree import ROOT


def test_the_last_file_is_the_newest_version():
    config = Config()
    config.set_main_option("script_location", str(ROOT / "src" / "boxoffice" / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [latest_version()]


async def test_two_processes_may_migrate_one_empty_database_at_once(
    postgres: EmbeddedPostgres, owner_db: Database
):
    # CREATE DATABASE runs in no transaction, so not through the facade's.
    await owner_db.find(str, "CREATE DATABASE migrated_twice")
    dsn = postgres.dsn.replace("/boxoffice?", "/migrated_twice?")
    assert await asyncio.to_thread(current_version, dsn) is None

    await asyncio.gather(*[asyncio.to_thread(migrate, dsn) for _ in range(2)])

    assert await asyncio.to_thread(current_version, dsn) == latest_version()
    await owner_db.find(str, "DROP DATABASE migrated_twice")


async def test_a_database_from_the_future_is_a_sentence(postgres: EmbeddedPostgres, owner_db: Database):
    await owner_db.find(str, "CREATE DATABASE from_tomorrow")
    dsn = postgres.dsn.replace("/boxoffice?", "/from_tomorrow?")
    await asyncio.to_thread(migrate, dsn)
    future = Database(dsn, connections_max=1)
    await future.open()
    async with future.transaction() as tx:
        await tx.execute("UPDATE alembic_version SET version_num = '9999'")
    await future.close()

    with pytest.raises(SetupError, match="9999"):
        await asyncio.to_thread(migrate, dsn)
    await owner_db.find(str, "DROP DATABASE from_tomorrow")


def test_a_dba_can_read_all_of_it_beforehand():
    script = offline_sql()
    assert "CREATE TABLE claims" in script
    assert "an_area_never_exceeds_its_capacity" in script
