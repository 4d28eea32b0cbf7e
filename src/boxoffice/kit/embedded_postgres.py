"""A PostgreSQL of our own: started, watched and stopped by this process, on a unix socket only.

The server never outlives its owner: when the owner is killed, the kernel (or a watcher, where the
kernel cannot) tells the server to shut down cleanly, and the lock on the data folder vanishes.
"""

import asyncio
import atexit
import errno
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import asyncpg

from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres_binaries import (
    KERNEL_ENDS_CHILDREN,
    Candidate,
    ServerUser,
    environment,
    find_binaries,
    launch_command,
    server_user,
)
from boxoffice.kit.postgres_data import (
    APP_NAME,
    NAME,
    PORT,
    FolderLock,
    dsn_of,
    end_orphans,
    end_process,
    home_of,
    homes_of,
    initialise,
    major_of,
    make_folder,
    make_socket_folder,
)

_log = logging.getLogger("boxoffice.postgres")

# Long enough for crash recovery of max_wal_size on a slow disk.
START_SECONDS_MAX = 300

# A server that fell is back at once; one that falls again and again must not eat the machine.
_RESTART_PAUSE_MIN, _RESTART_PAUSE_MAX = 0.1, 5.0

# Our own socket answers within milliseconds; a server that takes longer is not ready yet.
_CONNECT_SECONDS_MAX = 2

# A start takes tenths of a second: looking this often adds nothing that anybody notices.
_POLL_SECONDS = 0.02

# The server logs warnings only; a log this long is put aside at the next start.
_LOG_BYTES_MAX = 10_000_000
_LOG_TAIL_BYTES = 4_000

SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "wal_compression": "on",
    "shared_buffers": "128MB",
    "max_connections": "200",
    "checkpoint_timeout": "15min",
    "max_wal_size": "2GB",
    "random_page_cost": "1.1",
    "log_min_messages": "warning",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_line_prefix": "%m [%p] ",
    "log_timezone": "UTC",
    "timezone": "UTC",
}

# Reads a pipe that only the owner holds open: a byte means "all is well", its end "the owner died".
_WATCHER = "import os, signal, sys\nos.read(0, 1) or os.kill(int(sys.argv[1]), signal.SIGINT)"

# What the server says when it cannot start, and what to do about it.
_REMEDIES = {
    "No space left on device": "Its disk is full: free some space",
    "Permission denied": "The server's user may not use a file: give the data folder to it with `chown -R`",
    "has invalid permissions": "Make PostgreSQL's data folder private again with `chmod 0700`",
    "has wrong ownership": "Give the data folder to the server's user with `chown -R`",
    "incompatible with server": "Another version of PostgreSQL made the data: install that version",
    "allocate memory": "There is not enough memory: give it a smaller `shared_buffers`",
    "create semaphores": "The system has too few semaphores: give it smaller `max_connections`",
    "configuration parameter": "It does not know one of the settings that it was given: correct it",
    "invalid value for parameter": "It refuses the value of one of its settings: correct it",
    "could not locate a valid checkpoint": "Its data is damaged: restore a backup",
}


class _StillInUseError(SetupError):
    """Backends of a killed server have not ended yet; the next attempt may succeed."""


class EmbeddedPostgres:
    """A server on `data_folder`, kept running from `start()` until `stop()`.

    Thread-safe. `settings` override SETTINGS. Set-up problems are SetupErrors.
    """

    def __init__(
        self,
        data_folder: Path,
        *,
        binaries: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_folder = data_folder.resolve()
        self.log_file = self.data_folder / "postgres.log"
        self.pgdata = self.data_folder / "postgres"
        self.binaries: Candidate | None = None
        self.socket_folder: Path | None = None
        self._explicit = binaries
        self._settings = {**SETTINGS, **(settings or {})}
        self._user: ServerUser
        self._locks: list[FolderLock] = []
        self._life = threading.RLock()  # start and stop take turns
        self._spawning = threading.RLock()  # nothing is spawned after a stop has looked
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0

    @property
    def version(self) -> str:
        """The server's version, as `18.4`; empty before the start."""
        return self.binaries.version if self.binaries else ""

    @property
    def dsn(self) -> str:
        """The owner's, for asyncpg and (in its own scheme) SQLAlchemy; the same at every start, if it can."""
        return dsn_of(NAME, self.socket_folder)

    @property
    def app_dsn(self) -> str:
        """The application's, once somebody has made its role."""
        return dsn_of(APP_NAME, self.socket_folder)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    def start(self) -> str:
        """Start the server, making its data at the first time; the DSN once it answers."""
        with self._life:
            if self._thread is not None:
                return self.dsn
            self._owner = os.getpid()
            self._stopping.clear()
            try:
                with _explained(self.data_folder):
                    self._prepare()
                    self._run()
            except BaseException:
                self.stop()
                raise
            atexit.register(self.stop)
            return self.dsn

    def stop(self) -> None:
        """Shut down cleanly and leave no process, socket or lock. Does nothing in a forked child."""
        if self._owner != os.getpid():
            return
        self._stopping.set()
        with self._life:
            if self._thread is not None:
                with self._spawning:
                    process = self._process
                if process is not None:
                    end_process(process)
                self._thread.join()
                self._thread = None
            if self.socket_folder is not None:
                shutil.rmtree(self.socket_folder, ignore_errors=True)
                self.socket_folder = None
            while self._locks:
                self._locks.pop().release()
            atexit.unregister(self.stop)

    def _prepare(self) -> None:
        make_folder(self.data_folder)
        self._locks.append(FolderLock(self.data_folder))
        home = home_of(self.data_folder)
        if home != self.data_folder:
            self._locks.append(FolderLock(home))
            _log.warning("The data of %s is kept in %s.", self.data_folder, home)
        self.pgdata = home / "postgres"
        self._user = server_user(self.pgdata)
        end_orphans(self.pgdata)
        major = major_of(self.pgdata)
        self.binaries = find_binaries(self._explicit, self._user, major=major)
        if major is None:
            initialise(self.pgdata, self.binaries, self._user)
        self.socket_folder = make_socket_folder(home, self._user)
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_BYTES_MAX:
            self.log_file.replace(self.log_file.with_suffix(".log.old"))

    def _run(self) -> None:
        # The kernel ends a child with the *thread* that made it, so one thread makes every server
        # and lives until the last has ended.
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=self._supervise, args=(ready,), name="postgres-supervisor", daemon=True
        )
        self._thread.start()
        ready.result()
        if self._stopping.is_set():
            raise SetupError("PostgreSQL was stopped while it was starting: start it again.")

    def _supervise(self, ready: Future[None]) -> None:
        pause = _RESTART_PAUSE_MIN
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._stopping.is_set():
            try:
                self._serve_once(ready)
                pause = _RESTART_PAUSE_MIN
            except _StillInUseError as error:
                if not ready.done() and time.monotonic() > deadline:
                    ready.set_exception(error)
                    return
            except Exception as error:  # noqa: BLE001  whatever it is, the server must come back
                if not ready.done():
                    ready.set_exception(error)
                    return
                _log.error("%s", error)
            self._stopping.wait(pause)
            pause = min(pause * 2, _RESTART_PAUSE_MAX)
        if not ready.done():
            ready.set_result(None)

    def _serve_once(self, ready: Future[None]) -> None:
        """Run a server until it ends. Raises when it does not come to answer."""
        end_orphans(self.pgdata)
        log_start = self.log_file.stat().st_size if self.log_file.exists() else 0
        with self._spawning:
            if self._stopping.is_set():
                return
            self._process = process = self._spawn()
        watcher = None if KERNEL_ENDS_CHILDREN else _watch(process.pid)
        try:
            self._wait_until_it_answers(process, log_start)
            if not ready.done():
                ready.set_result(None)
            status = process.wait()
            if not self._stopping.is_set():
                _log.warning("PostgreSQL ended by itself (%s); starting it again.", status)
        finally:
            end_process(process)
            if watcher is not None:
                watcher.communicate(b".")

    def _spawn(self) -> subprocess.Popen[bytes]:
        assert self.binaries
        settings = {
            **self._settings,
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(self.socket_folder),
            "unix_socket_permissions": "0700",
        }
        flags = [flag for name, value in settings.items() for flag in ("-c", f"{name}={value}")]
        command = [self.binaries.folder / "postgres", "-D", self.pgdata, *flags]
        log = os.open(self.log_file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            return subprocess.Popen(  # noqa: S603  our own binaries, settings of our own caller
                launch_command(self._user, command),
                cwd="/",
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C in the terminal is for the application, which then stops the server.
                start_new_session=True,
            )
        finally:
            os.close(log)

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], log_start: int) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self._stopping.is_set() and not asyncio.run(_answers(self.dsn)):
            if process.poll() is not None or time.monotonic() > deadline:
                raise _why_not(self.log_file, log_start)
            self._stopping.wait(_POLL_SECONDS)


def wipe(data_folder: Path) -> None:
    """Delete the server's data, wherever it lies. SetupError when another process owns it.

    Files that are not the server's stay.
    """
    data_folder = data_folder.resolve()
    locks: list[FolderLock] = []
    with _explained(data_folder):
        try:
            homes = homes_of(data_folder)
            for home in homes:
                locks.append(FolderLock(home))  # noqa: PERF401  those taken are released if one is refused
            for home in homes:
                end_orphans(home / "postgres")
                for path in (*home.glob("postgres.*"), home / "socket", home / "postgres"):
                    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        finally:
            for lock in locks:
                lock.release()


@contextmanager
def _explained(data_folder: Path) -> Generator[None]:
    try:
        yield
    except (OSError, subprocess.SubprocessError) as error:
        full = isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}
        remedy = "make room on its disk" if full else "give it to the user who starts Boxoffice"
        raise SetupError(
            f"The data folder {data_folder} cannot be used ({error}): {remedy}, or choose another folder."
        ) from error


def _watch(pid: int) -> subprocess.Popen[bytes]:
    """Start a small process that ends the server when we, who hold its pipe, are gone."""
    return subprocess.Popen(  # noqa: S603  our own interpreter and program
        [sys.executable, "-I", "-S", "-c", _WATCHER, str(pid)],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )


async def _answers(dsn: str) -> bool:
    """Whether a connection can be made, as an application makes it."""
    try:
        connection = await asyncpg.connect(dsn, timeout=_CONNECT_SECONDS_MAX)
    except asyncpg.TooManyConnectionsError:
        return True
    except (OSError, asyncpg.PostgresConnectionError, asyncpg.exceptions.OperatorInterventionError):
        return False
    except asyncpg.PostgresError as error:
        raise SetupError(f"The data folder's server refuses us ({error}): restore a backup of it.") from error
    await connection.close()
    return True


def _why_not(log_file: Path, log_start: int) -> SetupError:
    with log_file.open("rb") as log:
        log.seek(max(log_start, log_file.stat().st_size - _LOG_TAIL_BYTES))
        tail = log.read().decode(errors="replace").strip()
    if "is still in use" in tail:
        return _StillInUseError(f"An earlier PostgreSQL has not ended yet: stop it.\n{tail}")
    remedy = next(
        (remedy for text, remedy in _REMEDIES.items() if text in tail), "Correct what it complains about"
    )
    return SetupError(
        f"PostgreSQL does not start. {remedy}, then start again. Its log, {log_file}, ends:\n{tail}"
    )
