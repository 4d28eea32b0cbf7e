"""The embedded server against real processes that are really killed."""

import asyncio
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest

from boxoffice.kit import postgres_binaries, postgres_data
from boxoffice.kit.embedded_postgres import EmbeddedPostgres, wipe
from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres_binaries import ServerUser, find_binaries, list_candidates, server_user

# Far more than anything here takes; a test that gets there fails.
WAIT_SECONDS_MAX = 15

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has to change its user")

# Owns a server until it is killed or told to stop; says when the server answers.
OWNER = """
import sys
from pathlib import Path
from boxoffice.kit import embedded_postgres, postgres_binaries
folder, death = sys.argv[1:]
if death != "kernel":
    postgres_binaries.KERNEL_ENDS_CHILDREN = False
if death == "watcher":
    embedded_postgres.KERNEL_ENDS_CHILDREN = False
with embedded_postgres.EmbeddedPostgres(Path(folder)) as server:
    print(server.dsn, flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder() -> Generator[Path]:
    """A folder that the server's user can enter, unlike tmp_path when root runs the tests."""
    made = Path(tempfile.mkdtemp(prefix="boxoffice-")).resolve()
    made.chmod(0o711)
    yield made
    shutil.rmtree(made)


@pytest.fixture(scope="module")
def data() -> Generator[Path]:
    """A data folder that one test after the other uses: making one is the slowest thing here."""
    made = Path(tempfile.mkdtemp(prefix="boxoffice-")).resolve()
    made.chmod(0o711)
    with EmbeddedPostgres(made):
        pass
    yield made
    shutil.rmtree(made)


def eventually(fact: Callable[[], object]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not fact():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


def is_gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def server_pid(server: EmbeddedPostgres) -> int:
    return int((server.pgdata / "postmaster.pid").read_text().split("\n")[0])


async def ask(dsn: str, query: str, *arguments: Any) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(query, *arguments)
    finally:
        await connection.close()


async def answer_again(dsn: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while True:
            try:
                return await ask(dsn, "SELECT 1")
            except (OSError, asyncpg.PostgresError):
                await asyncio.sleep(0.01)


async def keep(dsn: str) -> int:
    """Commit a number of this test's own; `kept` must find it again."""
    number = secrets.randbelow(2**31)
    await ask(dsn, "CREATE TABLE IF NOT EXISTS kept (n int)")
    await ask(dsn, "INSERT INTO kept VALUES ($1)", number)
    return number


async def kept(dsn: str) -> set[int]:
    return set(await ask(dsn, "SELECT array_agg(n) FROM kept"))


def own(
    folder: Path, death: str, python: str = sys.executable, **how: Any
) -> tuple[subprocess.Popen[str], str]:
    """Start a process that owns a server; it and the DSN."""
    command = [python, "-c", OWNER, str(folder), death]
    owner = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **how)
    assert owner.stdout
    dsn = owner.stdout.readline().strip()
    assert dsn, "the owner did not start"
    return owner, dsn


def run_sleeper(user: ServerUser) -> subprocess.Popen[bytes]:
    return subprocess.Popen(["/bin/sleep", "60"], user=user.uid if user.is_other else None)


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


async def test_a_stopped_server_leaves_its_data_and_nothing_else(data: Path):
    server = EmbeddedPostgres(data)
    dsn = server.start()
    pid = server_pid(server)
    assert server.start() == dsn
    number = await keep(dsn)
    for setting in ("fsync", "synchronous_commit", "data_checksums"):
        assert await ask(dsn, "SELECT current_setting($1)", setting) == "on"
    assert await ask(dsn, "SELECT lower('ÄÖÜ')") == "äöü"
    server.stop()
    server.stop()

    assert is_gone(pid)
    assert names_in(data) == {"lock", "postgres", "postgres.log"}
    assert (data / "lock").read_text() == ""
    with EmbeddedPostgres(data, settings={"work_mem": "5MB"}) as again:
        assert again.dsn == dsn
        assert number in await kept(again.dsn)
        assert await ask(again.dsn, "SHOW work_mem") == "5MB"


def test_a_second_owner_is_told_who_is_the_first(data: Path):
    with EmbeddedPostgres(data) as first:
        with pytest.raises(SetupError, match=rf"{data} is in use .*process {os.getpid()}\b"):
            EmbeddedPostgres(data).start()
        with pytest.raises(SetupError, match="is in use"):
            wipe(data)
        assert first.socket_folder
        assert first.socket_folder.exists()


@pytest.mark.parametrize("death", ["kernel", "watcher"])
async def test_a_killed_owner_takes_its_server_along_and_loses_no_commit(data: Path, death: str):
    if death == "kernel" and not postgres_binaries.KERNEL_ENDS_CHILDREN:
        pytest.skip("this kernel does not end children with their parent")
    owner, dsn = own(data, death)
    server = EmbeddedPostgres(data)
    pid = server_pid(server)
    number = await keep(dsn)

    kill(owner)

    eventually(lambda: is_gone(pid))
    with server:
        assert number in await kept(server.dsn)


async def test_a_killed_server_comes_back_by_itself(data: Path):
    with EmbeddedPostgres(data) as server:
        first = server_pid(server)
        number = await keep(server.dsn)
        busy = await asyncpg.connect(server.dsn)
        backend = busy.get_server_pid()
        # Such a backend never looks up from its work, so it does not see the server's death.
        work = asyncio.create_task(busy.execute("DO $$ BEGIN LOOP PERFORM 1; END LOOP; END $$"))
        while not await ask(server.dsn, "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO%'"):
            assert not work.done()
        os.kill(first, signal.SIGKILL)

        eventually(lambda: is_gone(first))
        await answer_again(server.dsn)
        assert number in await kept(server.dsn)
        assert is_gone(backend)
        with pytest.raises(asyncpg.PostgresError):
            await work
        last = server_pid(server)
    assert is_gone(last)


async def test_a_stranger_with_the_pid_of_a_dead_server_is_left_alone(data: Path):
    with EmbeddedPostgres(data) as server:
        number = await keep(server.dsn)
        remains = (server.pgdata / "postmaster.pid").read_text()
    user = server_user(server.pgdata)
    # The same user as the server's: PostgreSQL itself would now refuse to start.
    stranger = run_sleeper(user)
    try:
        stale = server.pgdata / "postmaster.pid"
        stale.write_text(remains.replace(remains.split("\n")[0], str(stranger.pid), 1))
        os.chown(stale, user.uid, user.gid)
        with server:
            assert number in await kept(server.dsn)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


async def test_an_orphan_of_an_earlier_owner_is_ended_first(data: Path):
    owner, dsn = own(data, "unnoticed")
    server = EmbeddedPostgres(data)
    orphan = server_pid(server)
    number = await keep(dsn)
    kill(owner)
    assert not is_gone(orphan)

    with server:
        assert is_gone(orphan)
        assert number in await kept(server.dsn)


def test_a_killed_initdb_leaves_nothing_half_made(folder: Path):
    owner = subprocess.Popen([sys.executable, "-c", OWNER, str(folder), "kernel"], text=True)
    eventually(lambda: list(folder.glob("postgres.new-*/base")))
    kill(owner)
    assert not (folder / "postgres").exists()

    with EmbeddedPostgres(folder):
        assert not list(folder.glob("postgres.new-*"))


async def test_a_path_too_long_for_a_socket_gets_one_elsewhere(data: Path):
    long = data / ("long, and with commas " * 6)
    long.mkdir()
    (data / "postgres").rename(long / "postgres")
    with EmbeddedPostgres(long) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
        sockets = server.socket_folder
        assert sockets
        assert long not in sockets.parents
        assert sockets.stat().st_mode & 0o777 == 0o700
    assert not sockets.exists()
    (long / "postgres").rename(data / "postgres")


def test_without_binaries_the_error_says_what_was_looked_at(folder: Path, monkeypatch: pytest.MonkeyPatch):
    for name, body in (
        ("old", "echo 'postgres (PostgreSQL) 9.6.1'"),
        ("broken", "echo no such libc >&2; exit 1"),
    ):
        (folder / name).mkdir()
        for program in ("postgres", "initdb"):
            (folder / name / program).write_text(f"#!/bin/sh\n{body}\n")
            (folder / name / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}/old:{folder}/broken:/bin")
    monkeypatch.setattr(postgres_binaries, "_WHEELS", ())
    monkeypatch.setattr(postgres_binaries, "_SYSTEM_FOLDERS", ())
    user = server_user(folder / "none")

    with pytest.raises(SetupError) as refusal:
        find_binaries(None, user)
    said = str(refusal.value)
    assert f"{folder}/old (system): it is older than PostgreSQL 15" in said
    assert f"{folder}/broken (system): `initdb` does not run: no such libc" in said
    with pytest.raises(SetupError, match="there is no `initdb`"):
        find_binaries(folder, user)
    assert [each.usable for each in list_candidates(folder)] == [False, False, False]


async def test_data_keeps_the_version_that_made_it(folder: Path):
    user = server_user(folder / "none")
    usable = {each.major: each for each in list_candidates() if each.usable}
    first = next(iter(usable))
    older = next((each for each in usable.values() if each.major < first), None)
    if older is None:
        pytest.skip("only one version is here")
    with EmbeddedPostgres(folder, binaries=older.folder) as server:
        made_by = server.version
        assert await ask(server.dsn, "SHOW server_version") == made_by.split()[0]
    with EmbeddedPostgres(folder) as server:
        assert server.version == made_by
    with pytest.raises(SetupError, match=f"the data was made by PostgreSQL {older.major}"):
        EmbeddedPostgres(folder, binaries=usable[first].folder).start()
    assert find_binaries(None, user).major == first


def test_a_server_that_cannot_start_says_why(data: Path, folder: Path):
    with pytest.raises(SetupError, match="does not know one of the settings") as refusal:
        EmbeddedPostgres(data, settings={"no_such_setting": "1"}).start()
    assert 'unrecognized configuration parameter "no_such_setting"' in str(refusal.value)
    user = server_user(folder / "none")
    (folder / "postgres").mkdir()
    os.chown(folder / "postgres", user.uid, user.gid)
    with pytest.raises(SetupError, match="holds no PostgreSQL data"):
        EmbeddedPostgres(folder).start()


def test_wiping_deletes_the_data_and_nothing_else(folder: Path):
    for path in (folder / "postgres/base", folder / "postgres.new-1", folder / "images"):
        path.mkdir(parents=True)
    wipe(folder)
    wipe(folder / "never")

    assert names_in(folder) == {"lock", "images"}


@as_root
async def test_root_keeps_the_data_where_the_server_can_enter(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(postgres_data, "ELSEWHERE", folder / "elsewhere")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    with EmbeddedPostgres(closed / "data") as server:
        number = await keep(server.dsn)
        assert psutil.Process(server_pid(server)).uids().effective != 0
    assert server.pgdata.is_relative_to(folder / "elsewhere")
    closed.chmod(0o711)
    with server:
        assert number in await kept(server.dsn)
    # Somebody thinks that this deletes everything; wiping still finds the rest.
    shutil.rmtree(closed / "data")
    wipe(closed / "data")
    assert not server.pgdata.exists()


@as_root
async def test_root_copies_binaries_that_the_server_cannot_read(
    data: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(postgres_binaries, "CACHE_FOLDER", folder / "cache")
    original = find_binaries(None, server_user(data / "postgres")).folder
    if "site-packages" not in original.parts:
        pytest.skip("the binaries of the system are open to all")
    packages = next(parent for parent in original.parents if parent.name == "site-packages")
    closed = folder / "closed"
    for part in (original.parent, *packages.glob(f"{original.relative_to(packages).parts[0]}.libs")):
        shutil.copytree(part, closed / part.relative_to(packages), symlinks=True)
    closed.chmod(0o700)
    with EmbeddedPostgres(data, binaries=closed / original.relative_to(packages)) as server:
        assert await ask(server.dsn, "SELECT 1") == 1
        assert server.binaries
        assert server.binaries.folder.is_relative_to(folder / "cache")
    assert len(list((folder / "cache").iterdir())) == 1


@as_root
def test_an_ordinary_user_needs_no_help_of_root(folder: Path):
    nobody = pwd.getpwnam("nobody")
    how: dict[str, Any] = {"env": {"PYTHONPATH": ":".join(filter(None, sys.path))}, "user": nobody.pw_uid}
    python = next((each for each in ("/usr/bin/python3", sys.executable) if can_own(each, how)), None)
    if python is None:
        pytest.skip("no Python of this version is open to `nobody`")
    folder.chmod(0o777)
    owner, _dsn = own(folder / "data", "kernel", python, **how, group=nobody.pw_gid)
    pid = server_pid(EmbeddedPostgres(folder / "data"))
    assert psutil.Process(pid).uids().effective == nobody.pw_uid

    owner.communicate("")
    assert owner.returncode == 0
    assert is_gone(pid)


def can_own(python: str, how: dict[str, Any]) -> bool:
    command = [python, "-c", "import boxoffice.kit.embedded_postgres"]
    try:
        subprocess.check_output(command, stderr=subprocess.DEVNULL, **how)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


@as_root
def test_root_runs_the_server_as_the_owner_of_its_data(folder: Path):
    os.chown(folder, 12345, 12345)
    assert server_user(folder) == ServerUser(12345, 12345, "#12345")
    os.chown(folder, 0, 0)
    with pytest.raises(SetupError, match="belongs to root"):
        server_user(folder)
