"""A real `boxoffice serve` for tests: start it, wait for it, kill parts of it, see that nothing is left.

    with started(folder, workers=2) as server:
        httpx.get(f"{server.url}/health/ready")

`folder` holds the embedded PostgreSQL's data unless `dsn` is given; use `data_folder` for a fresh one.
"""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from boxoffice.command.which_postgres import find_noted
from boxoffice.kit.postgres_data import APP_NAME, dsn_of

# A first start makes a database cluster; a machine busy with other tests is slow at that.
START_SECONDS_MAX = 90

# Longer than the workers may take to finish their requests, with a clean shutdown of PostgreSQL after it.
STOP_SECONDS_MAX = 30

_IMPATIENT = Path(__file__).with_name("impatient.py")

# Soon enough that no test waits in vain, seldom enough to leave the cores to the server.
_POLL_SECONDS = 0.02


class Server:
    """A running server; `url` is its address without a path, `dsn` its PostgreSQL's."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, folder: Path, dsn: str | None) -> None:
        self.process = process
        self.main = psutil.Process(process.pid)
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self._dsn = dsn

    @property
    def dsn(self) -> str:
        """The DSN of the PostgreSQL it works with, once that runs."""
        if self._dsn is None:
            noted = find_noted(self.folder)
            assert noted is not None, self.log()
            self._dsn = dsn_of(APP_NAME, noted[1])
        return self._dsn

    def log(self) -> str:
        """Everything it has printed."""
        return _log_file(self.folder, self.port).read_text()

    def workers(self) -> list[psutil.Process]:
        """The worker processes."""
        return [each for each in self.main.children() if "spawn_main" in " ".join(command_of(each))]

    def postmaster(self) -> psutil.Process:
        """The embedded PostgreSQL's first process."""
        found = [each for each in self.main.children() if command_of(each)[0].endswith("/bin/postgres")]
        assert len(found) == 1, found
        return found[0]

    def everything(self) -> list[psutil.Process]:
        """The main process and all that came from it."""
        return [self.main, *self.main.children(recursive=True)]

    def is_ready(self) -> bool:
        """Whether it answers 200 on /health/ready."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.HTTPStatus.OK
        except OSError:
            return False
        finally:
            connection.close()

    def all_workers_listen(self) -> bool:
        """Whether every worker has come to accept connections, not only the fastest."""
        return all(_listens(each, self.port) for each in self.workers())

    def is_whole(self) -> bool:
        """Whether it answers, by every worker there is."""
        return self.is_ready() and self.all_workers_listen()

    def wait_until_ready(self) -> None:
        """Return once it answers, by every worker; fail with its log when it ends or takes too long."""

        def ready() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log()}"
            return self.is_whole()

        wait_until(ready, START_SECONDS_MAX, self.log)

    def interrupt(self) -> None:
        """What Ctrl-C in a terminal does: SIGINT for every process of the group."""
        os.killpg(self.process.pid, signal.SIGINT)

    def stop(self, wanted: signal.Signals = signal.SIGTERM) -> int:
        """Ask the main process to end; its exit status, once nothing is left."""
        processes = self.everything()
        self.process.send_signal(wanted)
        return self.wait_for_end(processes)

    def kill(self) -> int:
        """`kill -9` of the main process alone; its exit status, once all others have ended by themselves."""
        processes = self.everything()
        self.process.kill()
        return self.wait_for_end(processes)

    def wait_for_end(self, processes: Sequence[psutil.Process]) -> int:
        """The exit status, once all these processes are gone and the port is free."""
        status = self.process.wait(STOP_SECONDS_MAX)
        _, left = psutil.wait_procs(processes, timeout=STOP_SECONDS_MAX)
        assert not left, f"{left} outlived the main process:\n{self.log()}"
        assert is_free(self.port)
        return status


@contextmanager
def started(
    folder: Path,
    *,
    command: Sequence[str] = ("serve",),
    port: int | None = None,
    workers: int = 2,
    dsn: str | None = None,
    wait: bool = True,
    impatient: bool = False,
    **settings: object,
) -> Generator[Server]:
    """Run `boxoffice <command>` in a process group of its own until the block ends.

    `settings` are fields of `Settings`; the environment of the tests is not passed on. An impatient
    one is that of `impatient.py`.
    """
    port = free_port() if port is None else port
    folder.mkdir(exist_ok=True)
    environment = {
        **without_settings(),
        **({"DATABASE_URL": dsn} if dsn else {}),
        "BOXOFFICE_DATA_FOLDER": str(folder),
        "BOXOFFICE_PORT": str(port),
        "BOXOFFICE_WORKERS": str(workers),
        # Tests ask more than people do, some of them with one account.
        "BOXOFFICE_REQUESTS_PER_ACCOUNT": "0",
        # Those about letters send them themselves, from the same PostgreSQL.
        "BOXOFFICE_TICKETS_BY_EMAIL": "false",
        **{f"BOXOFFICE_{field.upper()}": str(value) for field, value in settings.items()},
    }
    with _log_file(folder, port).open("ab") as log:
        process = subprocess.Popen(
            [*([sys.executable, str(_IMPATIENT)] if impatient else [str(program())]), *command],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    server = Server(process, port, folder, dsn)
    try:
        if wait:
            server.wait_until_ready()
        yield server
    finally:
        if process.poll() is None:
            processes = server.everything()
            process.terminate()
            _, left = psutil.wait_procs(processes, timeout=STOP_SECONDS_MAX)
            for each in left:
                each.kill()
            process.wait(STOP_SECONDS_MAX)


@contextmanager
def data_folder() -> Generator[Path]:
    """A fresh folder that PostgreSQL's user can pass through when the tests run as root."""
    # On macOS the folder for temporary files is reached through a link.
    top = Path(tempfile.mkdtemp(prefix="boxoffice-tests-")).resolve()
    top.chmod(0o711)
    try:
        yield top / "data"
    finally:
        shutil.rmtree(top)


def run(*arguments: str, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a short `boxoffice` command with these settings and no others."""
    return subprocess.run(
        [str(program()), *arguments],
        env={**without_settings(), **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_SECONDS_MAX,
        check=False,
    )


def program() -> Path:
    """The installed command."""
    return Path(sys.executable).with_name("boxoffice")


def wait_until(true: Callable[[], bool], seconds: float, what: Callable[[], str] = lambda: "") -> None:
    """Return once it is true; fail after so many seconds."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, f"not true after {seconds} s\n{what()}"
        time.sleep(_POLL_SECONDS)


def free_port() -> int:
    """A port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def is_free(port: int) -> bool:
    """Whether one could listen on this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
        return True


def without_settings() -> dict[str, str]:
    """Ours without anybody's settings of Boxoffice."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("BOXOFFICE_", "DATABASE"))
    }


def _listens(process: psutil.Process, port: int) -> bool:
    try:
        sockets = process.net_connections(kind="tcp")
    except psutil.NoSuchProcess:
        return False
    return any(each.status == psutil.CONN_LISTEN and each.laddr.port == port for each in sockets)


def _log_file(folder: Path, port: int) -> Path:
    return folder / f"boxoffice-{port}.log"


def command_of(process: psutil.Process) -> list[str]:
    """What it was started with; of one that has ended, or on macOS is somebody else's, an empty word."""
    try:
        return process.cmdline() or [""]
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return [""]
