"""The commands of docs/operations.md bring a sale back, and it goes on where it was."""

import asyncio
import os
import shlex
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from boxoffice.inventory.journal.verification import Verified, verify_event
from boxoffice.inventory.refusals import SeatsTaken
from boxoffice.kit.embedded_postgres import EmbeddedPostgres
from boxoffice.kit.postgres import Database
from boxoffice.kit.postgres_data import APP_NAME
from boxoffice.kit.settings import Settings
from boxoffice.migrations.found import current_version
from boxoffice.migrations.rights import Login, grant_rights
from boxoffice.migrations.run import migrate
from boxoffice.parts import Parts
from boxoffice.payments.ledger.verification import verify_ledger
from inventory.selling import hold, new_payment, paid
from shows import open_show
from source_tree import ROOT


def lines_of(program: str) -> list[str]:
    """The lines of the document that call a program."""
    lines = (ROOT / "docs" / "operations.md").read_text().splitlines()
    return [line.strip() for line in lines if line.startswith(f"    {program} ")]


def run_line(line: str, postgres: EmbeddedPostgres, owner_dsn: str, folder: Path) -> None:
    """Run a line of the document with the programs of the server that the tests have."""
    assert postgres.binaries is not None
    program, *arguments = shlex.split(line.replace("$BOXOFFICE_DATABASE_OWNER_URL", owner_dsn))
    path = postgres.binaries.folder / program
    if not path.exists():
        pytest.skip(f"{postgres.binaries.source} has no {program}")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    done = subprocess.run([path, *arguments], cwd=folder, env=environment, capture_output=True, text=True)  # noqa: PLW1510
    assert (done.returncode, done.stderr) == (0, ""), line


@asynccontextmanager
async def serving(postgres: EmbeddedPostgres, name: str) -> AsyncGenerator[Parts]:
    """What a process is made of, on a database of its own that has its schema and its rights."""
    owner_dsn = postgres.dsn.replace("/boxoffice?", f"/{name}?")
    await asyncio.to_thread(migrate, owner_dsn)
    await asyncio.to_thread(grant_rights, owner_dsn, Login(APP_NAME, None))
    parts = Parts(Settings(jobs_inside=False), postgres.app_dsn.replace("/boxoffice?", f"/{name}?"))
    async with parts.running():
        yield parts


async def test_a_restored_sale_is_whole_and_goes_on(
    postgres: EmbeddedPostgres, owner_db: Database, tmp_path: Path
):
    [dump, before] = lines_of("pg_dump")
    [restore] = lines_of("pg_restore")
    assert before == dump.replace("boxoffice.dump", "before.dump")
    restored_dsn = postgres.dsn.replace("/boxoffice?", "/restored?")
    for name in ("backed_up", "restored"):
        await owner_db.find(str, f"CREATE DATABASE {name}")  # pyright: ignore[reportArgumentType]  one of two

    async with serving(postgres, "backed_up") as parts:
        show = await open_show(parts.db, seats=4)
        sold = await hold(parts.sales, show.event_id, 1, [0, 1])
        await parts.sales.submit(show.event_id, paid(sold, await new_payment(parts.db, sold)))
        await hold(parts.sales, show.event_id, 2, [2])
        await asyncio.to_thread(
            run_line, dump, postgres, postgres.dsn.replace("/boxoffice?", "/backed_up?"), tmp_path
        )
    await asyncio.to_thread(run_line, restore, postgres, restored_dsn, tmp_path)
    version = await asyncio.to_thread(current_version, restored_dsn)

    async with serving(postgres, "restored") as parts:
        assert await asyncio.to_thread(current_version, restored_dsn) == version
        assert await verify_event(parts.db, show.event_id) == Verified(show.event_id, 3, 2, 3)
        assert (await verify_ledger(parts.db, None)).faults == []
        for taken in (0, 2):
            with pytest.raises(SeatsTaken):
                await hold(parts.sales, show.event_id, 3, [taken])
        await hold(parts.sales, show.event_id, 3, [3])
    for name in ("backed_up", "restored"):
        await owner_db.find(str, f"DROP DATABASE {name}")  # pyright: ignore[reportArgumentType]  one of two
