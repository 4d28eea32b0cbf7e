"""The folders of an embedded PostgreSQL: who owns them, where they lie, what is left in them.

Only the holder of a folder's lock calls the rest; a server found on a locked folder is an orphan.
"""

import fcntl
import hashlib
import os
import re
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres_binaries import (
    Candidate,
    ServerUser,
    environment,
    launch_command,
    run_as,
    server_user,
)

NAME = "boxoffice"  # of the superuser and of the database
APP_NAME = "boxoffice_app"  # of the role that serves, which owns nothing
PORT = 5432  # only a part of the socket's name: nothing listens on TCP

# A fast shutdown writes a checkpoint; after this long we let the next start recover instead.
STOP_SECONDS_MAX = 30

# After SIGQUIT a server ends at once, unless its disk hangs.
_QUIT_SECONDS_MAX = 10

# Backends of a killed server see its death when they next look up from their work.
_ORPHAN_SECONDS_MAX = 1

# Often enough that waiting for an end costs next to nothing, rarely enough that looking does too.
_POLL_SECONDS = 0.02

# A unix socket's path fits into 108 bytes on Linux and 104 on macOS, with a zero at its end.
_SOCKET_PATH_BYTES_MAX = 103
# PostgreSQL and the drivers split lists of folders at commas and quote the rest, each its own way.
_SOCKET_PATH_PLAIN = re.compile(r"[A-Za-z0-9/._+-]+")

# Where root keeps the data when the server's user cannot enter the data folder.
ELSEWHERE = Path("/var/lib/boxoffice")

# Linux tells there about every process; other systems have no such folder.
_PROC = Path("/proc")

_held_locks: set[int] = set()


def _let_go_in_child() -> None:
    """A forked child shares the lock with us, and would keep it when we are killed."""
    for descriptor in _held_locks:
        os.close(descriptor)
    _held_locks.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


class FolderLock:
    """The right to a data folder. The kernel takes it back when its holder dies, however it dies."""

    def __init__(self, folder: Path) -> None:
        self._descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(self._descriptor, 0)
            os.write(self._descriptor, str(os.getpid()).encode())
        except BlockingIOError:
            holder = os.read(self._descriptor, 32).decode() or "unknown"
            os.close(self._descriptor)
            raise SetupError(
                f"The data folder {folder} is in use by another Boxoffice (process {holder}): "
                f"stop that one, or choose another data folder."
            ) from None
        except OSError:  # a full disk, or one without locks
            os.close(self._descriptor)
            raise
        _held_locks.add(self._descriptor)

    def release(self) -> None:
        with suppress(OSError):  # the pid in it is only for people
            os.ftruncate(self._descriptor, 0)
        _held_locks.discard(self._descriptor)
        os.close(self._descriptor)


def dsn_of(role: str, socket_folder: Path | str | None) -> str:
    """How a role logs in to a server of ours, which knows it by the rights to the socket's folder."""
    return f"postgresql://{role}@/{NAME}?host={socket_folder}&port={PORT}"


def make_folder(folder: Path) -> None:
    """As root, others may pass through (the server's user must) but not look around."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711 if os.geteuid() == 0 else 0o700)


def home_of(data_folder: Path) -> Path:
    """Where the server's files are: the data folder, or a place that the server's user can enter."""
    record = data_folder / "postgres.location"
    if record.exists():
        home = Path(record.read_text().strip())
        if not home.is_dir():
            raise SetupError(
                f"The data of {data_folder} was kept in {home}, which is gone: "
                f"bring it back, or delete {record} to start empty."
            )
        return home
    pgdata = data_folder / "postgres"
    user = server_user(pgdata)
    if pgdata.exists() and not user.is_other and pgdata.stat().st_uid != user.uid:
        raise SetupError(
            f"{pgdata} belongs to user {pgdata.stat().st_uid}: start Boxoffice as that user or root."
        )
    if not user.is_other or _can_enter(user, data_folder):
        return data_folder
    if pgdata.exists():
        raise SetupError(
            f"The user {user.name} cannot enter {data_folder}: open its parents with `chmod o+x`."
        )
    home = _elsewhere(data_folder)
    make_folder(ELSEWHERE)
    make_folder(home)
    if not _can_enter(user, home):
        raise SetupError(
            f"The user {user.name} cannot enter {data_folder}, nor {home}: open one with `chmod o+x`."
        )
    record.with_suffix(".new").write_text(f"{home}\n")
    record.with_suffix(".new").replace(record)
    return home


def _elsewhere(data_folder: Path) -> Path:
    return ELSEWHERE / hashlib.sha256(bytes(data_folder)).hexdigest()[:16]


def homes_of(data_folder: Path) -> list[Path]:
    """Every folder where data of this data folder may lie, also when the note about it is lost."""
    record = data_folder / "postgres.location"
    noted = [Path(record.read_text().strip())] if record.exists() else []
    return [home for home in dict.fromkeys([data_folder, *noted, _elsewhere(data_folder)]) if home.is_dir()]


def _can_enter(user: ServerUser, folder: Path) -> bool:
    return run_as(user, "/bin/sh", "-c", 'cd "$1"', "sh", folder).returncode == 0


def make_socket_folder(home: Path, user: ServerUser) -> Path:
    """A folder that only the server's user (and root) can enter, with a name that fits a socket."""
    name = f"boxoffice-{user.uid}-{hashlib.sha256(bytes(home)).hexdigest()[:16]}"
    for folder in (home / "socket", Path(tempfile.gettempdir()).resolve() / name, Path("/tmp") / name):  # noqa: S108
        longest = len(bytes(folder / f".s.PGSQL.{PORT}"))
        if longest > _SOCKET_PATH_BYTES_MAX or not _SOCKET_PATH_PLAIN.fullmatch(str(folder)):
            continue
        with suppress(FileExistsError):
            folder.mkdir(mode=0o700)
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), user.uid}:
            raise SetupError(
                f"{folder} belongs to somebody else: delete it, it is where the server's socket goes."
            )
        folder.chmod(0o700)
        if user.is_other:
            os.chown(folder, user.uid, user.gid)
        if _can_enter(user, folder):
            return folder
        folder.rmdir()
    raise SetupError("No folder for the server's socket: set TMPDIR to a short path that others can enter.")


def major_of(pgdata: Path) -> int | None:
    """The major version that made this data; None when there is no data yet."""
    if not pgdata.exists():
        return None
    try:
        return int((pgdata / "PG_VERSION").read_text().strip())
    except (FileNotFoundError, ValueError):
        raise SetupError(f"{pgdata} holds no PostgreSQL data: move it away.") from None


def initialise(pgdata: Path, binaries: Candidate, user: ServerUser) -> None:
    """Make the data: complete or absent. What an earlier, killed attempt left is removed."""
    _remove_remains(pgdata)
    aside = Path(tempfile.mkdtemp(prefix=f"{pgdata.name}.new-", dir=pgdata.parent))
    try:
        if user.is_other:
            os.chown(aside, user.uid, user.gid)
        _run_initdb(aside, binaries, user)
        # Answers only errors; an error ends it because of exit_on_error.
        single = [
            binaries.folder / "postgres",
            "--single",
            "-D",
            aside,
            "-c",
            "exit_on_error=true",
            "postgres",
        ]
        made = _run(user, single, f"CREATE DATABASE {NAME}\n")
        if made.returncode != 0:
            raise SetupError(_failure("the database could not be made", made))
        aside.rename(pgdata)
        _sync_folder(pgdata.parent)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _remove_remains(pgdata: Path) -> None:
    """An initdb whose owner was killed may still write for a moment, then gives up without its folder."""
    deadline = time.monotonic() + _QUIT_SECONDS_MAX
    while (remains := list(pgdata.parent.glob(f"{pgdata.name}.new-*"))) and time.monotonic() < deadline:
        for folder in remains:
            shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_POLL_SECONDS)


def _run_initdb(folder: Path, binaries: Candidate, user: ServerUser) -> None:
    """Text sorts by code point on every machine; upper and lower case know all of Unicode if they can."""
    command = [binaries.folder / "initdb", "-D", folder, "--username", NAME, "--encoding", "UTF8"]
    command += ["--data-checksums", "--auth-local=trust", "--auth-host=reject", "--no-instructions"]
    unicode = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if binaries.major >= 17 else []
    # Not every system knows C.UTF-8; initdb leaves the folder empty when it gives up.
    for locale in (["--locale=C", *(unicode or ["--lc-ctype=C.UTF-8"])], ["--locale=C", *unicode]):
        made = _run(user, [*command, *locale])
        if made.returncode == 0:
            return
        if "locale" not in made.stderr:
            break
    raise SetupError(_failure("its data could not be made", made))


def _run(user: ServerUser, command: list[str | Path], said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603  our own binaries and arguments
        launch_command(user, command),
        cwd="/",
        env=environment(),
        input=said,
        capture_output=True,
        text=True,
        errors="replace",
        start_new_session=True,
        check=False,
    )


def _failure(what: str, run: subprocess.CompletedProcess[str]) -> str:
    remedy = "free some disk space" if "No space left" in run.stderr else "correct what it complains about"
    return f"PostgreSQL cannot be set up, {what}: {remedy}.\n{run.stderr.strip()[-2000:]}"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def end_orphans(pgdata: Path) -> None:
    """End the servers of this folder, whose lock we hold, so that nobody owns them.

    Removes the pid file only when its pid surely is another program's: PostgreSQL would take that
    for a running server. It sees to all other remains itself.
    """
    pid_file = pgdata / "postmaster.pid"
    try:
        main = int(pid_file.read_text().split("\n", 1)[0])
    except FileNotFoundError:
        main = None
    except ValueError:  # empty: the machine stopped, or its disk was full, while it was written
        main = 0
    if main and _is_server(main, pgdata):
        os.kill(main, signal.SIGINT)
        _wait_for_end(pgdata, main, STOP_SECONDS_MAX)
    elif _servers_of(pgdata, main):
        _wait_for_end(pgdata, main, _ORPHAN_SECONDS_MAX)
    for pid in _servers_of(pgdata, main):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
    if not _wait_for_end(pgdata, main, _QUIT_SECONDS_MAX):
        pids = ", ".join(map(str, _servers_of(pgdata, main)))
        raise SetupError(
            f"An earlier PostgreSQL still works on {pgdata} and does not end: stop process {pids}."
        )
    if main == 0 or (main and _is_alive(main) and _is_server(main, pgdata) is False):
        pid_file.unlink(missing_ok=True)


def _wait_for_end(pgdata: Path, main: int | None, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while _servers_of(pgdata, main):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _servers_of(pgdata: Path, main: int | None) -> list[int]:
    """The server of this folder and, where the system tells, the backends it left behind."""
    if _PROC.is_dir():
        pids = [int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()]
    else:
        pids = [main or 0]
    return [pid for pid in pids if pid and _is_server(pid, pgdata)]


def _is_server(pid: int, pgdata: Path) -> bool | None:
    """Whether this process is PostgreSQL at work in this folder; None when we are not allowed to know."""
    try:
        if _PROC.is_dir():
            if "postgres" not in (_PROC / f"{pid}/comm").read_text():
                return False
            return (_PROC / f"{pid}/cwd").samefile(pgdata)
        command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        said = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return None
    return "postgres" in said and str(pgdata) in said


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, PermissionError):  # PostgreSQL knows another user's process as a stranger
        return False
    return True


def end_process(process: subprocess.Popen[bytes]) -> None:
    """Shut a server down: cleanly, else at once, else by force."""
    for wanted, seconds in (
        (signal.SIGINT, STOP_SECONDS_MAX),
        (signal.SIGQUIT, _QUIT_SECONDS_MAX),
        (signal.SIGKILL, None),
    ):
        process.send_signal(wanted)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
        return
