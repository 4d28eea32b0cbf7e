"""The migrations: safe to run twice at once, readable offline, and one line of versions."""

import asyncio

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory

from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.migrations import latest_version
from boxoffice.migrations.rights import login_of
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


async def test_what_an_address_says_besides_is_read_as_everywhere_else(dsn: str, postgres: EmbeddedPostgres):
    """Managed PostgreSQL asks for `sslmode`; its only place is the address."""
    more = "&sslmode=disable&application_name=migration"

    assert await asyncio.to_thread(current_version, postgres.dsn + more) == latest_version()
    with pytest.raises(SetupError, match="No such file"):
        await asyncio.to_thread(migrate, "postgresql://u@127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/none")
    with pytest.raises(SetupError, match="cannot be migrated"):
        await asyncio.to_thread(migrate, "postgresql://host:port/x")


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://box%40office:a%2Fb@host/x",
        "postgresql://host/x?user=box%40office&password=a%2Fb",
    ],
)
def test_the_application_logs_in_as_its_address_says(address: str):
    assert login_of(address) == ("box@office", "a/b")


def test_a_dba_can_read_all_of_it_beforehand():
    script = offline_sql()
    assert "CREATE TABLE claims" in script
    assert "an_area_never_exceeds_its_capacity" in script
