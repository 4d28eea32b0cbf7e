"""The migrations: safe to run twice at once, readable offline, and one line of versions."""

import asyncio
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import LiteralString

import msgspec
import pytest
import pytest_asyncio
from alembic.config import Config
from alembic.script import ScriptDirectory

from boxoffice.command.doctor import examine_schema
from boxoffice.command.findings import Verdict
from boxoffice.command.which_postgres import refuse_schema, schema_versions
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Database
from boxoffice.migrations import latest_version
from boxoffice.migrations import run as migrations
from boxoffice.migrations.found import current_version
from boxoffice.migrations.rights import login_of
from boxoffice.migrations.run import migrate, offline_sql
from command_line import run_here
from source_tree import ROOT

VERSIONS = ROOT / "src" / "boxoffice" / "migrations" / "versions"

# The first that a process of the version before has to live with. Of those before it nothing was promised.
FIRST_PROMISED = "0057"

# What a program of before may rely on: that it is there, is called so, and may be written as it was.
_CONTRACTS = re.compile(
    r"\bDROP (TABLE|VIEW|COLUMN|FUNCTION|TYPE)\b|\bRENAME\b|\bADD CONSTRAINT\b|\bSET NOT NULL\b"
    r"|\bALTER COLUMN \w+ (SET DATA )?TYPE\b|\bCREATE UNIQUE INDEX\b"
    r"|\bADD COLUMN (?:(?!DEFAULT)[^,;\"])*\bNOT NULL\b(?:(?!DEFAULT)[^,;\"])*(?=[,;\"])"
)

# Migrations that do one of these, and that the release before can live with all the same: why.
LIVED_WITH = {
    "0055": "the index refuses what the constraint of the same name refused, and no more",
    "0059": "the account and the kinds are new: nothing is refused that a program of before writes",
}


def test_the_last_file_is_the_newest_version():
    config = Config()
    config.set_main_option("script_location", str(VERSIONS.parent))
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


# The migration since which a movement is one row, and the entries of one of each kind from before.
ONE_ROW_A_MOVEMENT = "0056"
OLD_ENTRIES = {
    "CAPTURED": {"PROVIDER": 2530, "ORGANIZER": -1800, "FEES": -500, "TAXES": -230},
    "REFUND_DUE": {"ORGANIZER": 900, "FEES": 250, "TAXES": 115, "BUYER": -1265},
    "REFUNDED": {"PROVIDER": -1265, "BUYER": 1265},
    "REFUND_FAILED": {"PROVIDER": 1265, "BUYER": -1265},
    "REFUND_SETTLED": {"ORGANIZER": -1265, "BUYER": 1265},
    "DISPUTED": {"PROVIDER": -1265, "DISPUTED": 1265},
    "DISPUTE_WON": {"PROVIDER": 1265, "DISPUTED": -1265},
    "DISPUTE_LOST": {"PROVIDER": 100, "ORGANIZER": 1050, "TAXES": 115, "DISPUTED": -1265},
    "AUTHORISED": {"RESERVED": 2530, "PROMISED": -2530},
    "AUTHORISATION_OVER": {"RESERVED": -2530, "PROMISED": 2530},
    "PAYOUT_DUE": {"ORGANIZER": 1115, "PAYOUT": -1115},
}


async def write_old_entries(database: Database) -> None:
    """As a program of then did, each movement by one statement."""
    for kind, entries in OLD_ENTRIES.items():
        async with database.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO ledger_entries (event_id, movement_id, line, kind, cause_id, booking_id, account,
                                            amount, currency, at)
                SELECT 7, movement_id, line - 1, $1, movement_id, movement_id, account, amount, 'EUR',
                       '2026-01-01'
                  FROM (SELECT gen_random_uuid() AS movement_id) AS movement,
                       unnest($2::text[], $3::bigint[]) WITH ORDINALITY AS entry (account, amount, line)
                """,
                kind,
                list(entries),
                list(entries.values()),
            )


async def add_to_an_entry(database: Database, amount: int) -> None:
    """As only an owner can, who has switched triggers off."""
    async with database.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute("UPDATE ledger_entries SET amount = amount + $1 WHERE account = 'FEES'", amount)


@pytest_asyncio.fixture(scope="module")
async def tomorrow(postgres: EmbeddedPostgres, owner_db: Database) -> AsyncGenerator[Database]:
    """A database that a newer program has migrated; it has a ledger of old."""
    await owner_db.find(str, "CREATE DATABASE from_tomorrow")
    database = Database(postgres.dsn.replace("/boxoffice?", "/from_tomorrow?"), connections_max=2)
    await asyncio.to_thread(migrate, database.dsn, f"{int(ONE_ROW_A_MOVEMENT) - 1:04}")
    await database.open()
    await write_old_entries(database)
    await add_to_an_entry(database, 1)
    with pytest.raises(SetupError, match=r"movement [0-9a-f-]{36} of the ledger does not add up to zero"):
        await asyncio.to_thread(migrate, database.dsn)
    await add_to_an_entry(database, -1)
    await asyncio.to_thread(migrate, database.dsn)
    await change(database, "UPDATE alembic_version SET version_num = '9999'")
    yield database
    await database.close()
    await owner_db.find(str, "DROP DATABASE from_tomorrow")


async def change(db: Database, statement: LiteralString) -> None:
    """Change something, as the owner."""
    async with db.transaction() as tx:
        await tx.execute(statement)


class _Entry(msgspec.Struct, frozen=True):
    kind: str
    account: str
    amount: int


async def test_every_entry_of_old_is_in_a_movement(tomorrow: Database):
    """What was out of balance was refused before, by its movement's id, and nothing was lost by that."""
    entries = await tomorrow.list(
        _Entry,
        """
        SELECT kind, account, amount FROM ledger_entries
         WHERE event_id = 7 AND cause_id = movement_id AND booking_id = movement_id AND currency = 'EUR'
           AND at = '2026-01-01'
        """,
    )
    kept: dict[str, dict[str, int]] = {kind: {} for kind in OLD_ENTRIES}
    for entry in entries:
        kept[entry.kind][entry.account] = entry.amount

    assert kept == OLD_ENTRIES
    assert await tomorrow.get(int, "SELECT count(*) FROM ledger_movements") == len(OLD_ENTRIES)


async def test_an_old_program_starts_on_the_schema_of_a_newer_one_and_leaves_it_alone(tomorrow: Database):
    """Who goes back to the release before, or loses a process in the middle of an upgrade, needs no dump."""
    settings = {"DATABASE_URL": tomorrow.dsn}

    migrated = await asyncio.to_thread(run_here, "migrate", environment=settings)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert migrated.stdout.startswith("The schema is at version 9999: newer than this program")
    await asyncio.to_thread(refuse_schema, tomorrow.dsn)
    found = await asyncio.to_thread(examine_schema, tomorrow.dsn)
    assert (found.verdict, "9999, newer than" in found.words) == (Verdict.NOTE, True)


async def test_a_program_that_is_too_old_for_the_schema_is_told_so(tomorrow: Database):
    with pytest.raises(SetupError, match="9999"):
        await asyncio.to_thread(migrate, tomorrow.dsn)
    await change(tomorrow, "UPDATE oldest_program SET version = '9998'")

    for work in (refuse_schema, schema_versions):
        with pytest.raises(SetupError, match=r"at version 9999, newer than this program's .*: install"):
            await asyncio.to_thread(work, tomorrow.dsn)
    found = await asyncio.to_thread(examine_schema, tomorrow.dsn)
    assert (found.verdict, "install" in found.words) == (Verdict.WRONG, True)


async def test_who_cannot_have_a_table_at_once_migrates_later_and_keeps_no_sale_waiting(
    tomorrow: Database, monkeypatch: pytest.MonkeyPatch
):
    """Seen to wait for the dump, and everybody who sells behind it, without `lock_timeout`."""
    monkeypatch.setattr(migrations, "LOCK_SECONDS_MAX", 0.1)
    await change(tomorrow, "UPDATE alembic_version SET version_num = '0048'")
    before = await asyncio.to_thread(current_version, tomorrow.dsn)
    async with tomorrow.transaction() as dump:
        await dump.execute("LOCK TABLE refunds IN ACCESS SHARE MODE")
        with pytest.raises(SetupError, match=r"somebody holds a table, .* do it again"):
            await asyncio.to_thread(migrate, tomorrow.dsn)

    assert await asyncio.to_thread(current_version, tomorrow.dsn) == before


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


def broken_promises(source: str) -> list[str]:
    """What a migration takes away or demands without saying which programs are too old for that."""
    found = [each.group() for each in _CONTRACTS.finditer(source)]
    return [] if "UPDATE oldest_program SET version" in source else found


@pytest.mark.parametrize(
    "path",
    [each for each in sorted(VERSIONS.glob("[0-9]*.py")) if each.name[:4] >= FIRST_PROMISED],
    ids=lambda path: path.stem,
)
def test_the_release_before_can_live_with_a_migration(path: Path):
    """It only adds; or it says, in `oldest_program`, who is too old for what it takes away."""
    source, number = path.read_text(), path.name[:4]
    assert re.fullmatch("[0-9]{4}", number), "versions are compared as text"
    assert broken_promises(source) == [] or number in LIVED_WITH
    said = re.findall(r"UPDATE oldest_program SET version = '(\d{4})'", source)
    assert all(oldest < number for oldest in said), "nobody who sells could live with it: expand first"


@pytest.mark.parametrize(
    ("statement", "is_found"),
    [
        ("ALTER TABLE refunds DROP COLUMN reason", True),
        ("ALTER TABLE refunds RENAME TO returns", True),
        ("ALTER TABLE refunds ADD COLUMN why text NOT NULL", True),
        ("ALTER TABLE refunds ADD COLUMN why text NOT NULL DEFAULT ''", False),
        ("ALTER TABLE refunds ADD COLUMN why text", False),
        ("ALTER TABLE refunds ADD CONSTRAINT a_reason_is_said CHECK (why <> '')", True),
        ("ALTER TABLE refunds DROP COLUMN why; UPDATE oldest_program SET version = '0051'", False),
    ],
)
def test_a_migration_that_breaks_the_promise_is_found(statement: str, *, is_found: bool):
    assert bool(broken_promises(f'op.execute("{statement}")')) is is_found
