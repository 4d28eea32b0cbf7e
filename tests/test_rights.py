"""The role that serves: with SQL of its own it changes neither books nor schema."""

import asyncio
import base64
from collections.abc import AsyncGenerator

import asyncpg
import pytest
import pytest_asyncio

from boxoffice.command.findings import Verdict
from boxoffice.command.queries import Rights, get_rights
from boxoffice.command.which_postgres import version_of
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.kit.postgres_data import APP_NAME, NAME
from boxoffice.migrations.rights import (
    ONLY_ADDED_TO,
    Login,
    grant_rights,
    login_of,
    rights_sql,
    scram_verifier,
)
from boxoffice.migrations.run import migrate
from command_line import run_here
from server import free_port


@pytest_asyncio.fixture
async def app_connection(dsn: str) -> AsyncGenerator[asyncpg.Connection]:
    """As the application is connected, to be broken by whoever got SQL of their own into it."""
    connection = await asyncpg.connect(dsn)
    yield connection
    await connection.close()


@pytest.mark.parametrize("table", ONLY_ADDED_TO)
async def test_the_role_that_serves_cannot_change_the_books(
    app_connection: asyncpg.Connection, owner_db: Database, table: str
):
    column = await owner_db.get(
        str, "SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum = 2", table
    )
    # PostgreSQL answers this with a warning, and nothing is granted.
    await app_connection.execute(f"GRANT UPDATE, DELETE ON {table} TO boxoffice_app")
    for statement in (
        f"UPDATE {table} SET {column} = {column} WHERE false",  # noqa: S608  a table of ours
        f"DELETE FROM {table} WHERE false",  # noqa: S608
        f"TRUNCATE {table}",
        f"SELECT 1 FROM {table} FOR UPDATE",  # noqa: S608
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app_connection.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_log DISABLE TRIGGER ALL",
        "DROP TRIGGER the_audit_log_is_only_added_to ON audit_log",
        "ALTER TABLE ledger_movements OWNER TO boxoffice_app",
        "CREATE OR REPLACE FUNCTION write_audit_log() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN END$$",
        "SET session_replication_role = replica",
        "SET ROLE boxoffice",
        "SET SESSION AUTHORIZATION boxoffice",
        "CREATE TABLE mine (id int)",
        # It would come before ours, and the triggers would write there.
        "CREATE TEMPORARY TABLE audit_log (LIKE public.audit_log)",
        "CREATE SCHEMA mine",
        "UPDATE alembic_version SET version_num = '9999'",
        "COPY users TO PROGRAM 'cat'",
    ],
)
async def test_nor_can_it_take_away_what_keeps_it_from_that(
    app_connection: asyncpg.Connection, statement: str
):
    with pytest.raises(
        asyncpg.PostgresError, match=r"permission denied|must be owner|must be able to SET ROLE"
    ):
        await app_connection.execute(statement)


async def test_the_doctor_tells_a_role_that_only_serves_from_one_that_owns(db: Database, owner_db: Database):
    assert await get_rights(db) == Rights(APP_NAME, is_owner=False, changes_books=False)
    assert await get_rights(owner_db) == Rights(NAME, is_owner=True, changes_books=True)


async def test_an_owner_who_is_no_superuser_migrates_and_another_role_serves(
    postgres: EmbeddedPostgres, owner_db: Database
):
    """As with managed PostgreSQL, and with compose: two DSNs, and the second role is made by `migrate`."""
    await owner_db.find(str, "CREATE ROLE landlord LOGIN CREATEROLE")
    await owner_db.find(str, "CREATE DATABASE two_roles OWNER landlord")
    base = postgres.dsn.replace("/boxoffice?", "/two_roles?")
    owner = base.replace("//boxoffice@", "//landlord@")
    tenant = base.replace("//boxoffice@", "//tenant:letters@")
    settings = {
        "DATABASE_URL": tenant,
        "BOXOFFICE_DATABASE_OWNER_URL": owner,
        "BOXOFFICE_PORT": str(free_port()),
        "COLUMNS": "250",
    }

    with pytest.raises(SetupError, match="`boxoffice migrate` makes the role"):
        await asyncio.to_thread(version_of, tenant)
    for _ in range(2):
        made = await asyncio.to_thread(run_here, "migrate", environment=settings)
        assert (made.returncode, made.stderr) == (0, "")
    examined = await asyncio.to_thread(run_here, "doctor", environment=settings)

    assert "The role tenant owns nothing" in examined.stdout
    assert "letters" not in examined.stdout


async def test_one_role_for_all_is_served_and_told_of(postgres: EmbeddedPostgres):
    settings = {"DATABASE_URL": postgres.dsn, "BOXOFFICE_PORT": str(free_port()), "COLUMNS": "250"}
    await asyncio.to_thread(migrate, postgres.dsn)

    examined = await asyncio.to_thread(run_here, "doctor", environment=settings)

    [found] = [line for line in examined.stdout.splitlines() if "serves and owns the tables" in line]
    assert Verdict.NOTE in found


async def test_what_is_kept_of_a_password_is_what_postgresql_would_keep_itself(owner_db: Database):
    await owner_db.find(str, "CREATE ROLE whisperer PASSWORD 'letters and \"digits\"'")
    kept = await owner_db.get(str, "SELECT rolpassword FROM pg_authid WHERE rolname = 'whisperer'")
    salt = base64.b64decode(kept.partition(":")[2].partition("$")[0])

    assert scram_verifier('letters and "digits"', salt) == kept
    assert scram_verifier("letters", salt) != kept
    with pytest.raises(SetupError, match="ASCII"):
        scram_verifier("gro\u00df")


def test_a_role_is_quoted_and_a_dsn_without_one_is_refused():
    assert login_of("postgresql://me:p%40ss@host/name") == Login("me", "p@ss")
    assert 'TO "a""b";' in rights_sql('a"b')
    with pytest.raises(SetupError, match="names no role"):
        login_of("postgresql:///name?host=/tmp")


async def test_rights_that_somebody_gave_are_taken_back(
    owner_db: Database, postgres: EmbeddedPostgres, db: Database
):
    await owner_db.find(str, "GRANT UPDATE ON audit_log TO boxoffice_app")
    assert (await get_rights(db)).changes_books

    await asyncio.to_thread(grant_rights, postgres.dsn, Login(APP_NAME, None))

    assert not (await get_rights(db)).changes_books
