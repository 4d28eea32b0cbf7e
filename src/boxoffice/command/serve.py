"""`boxoffice serve`: one main process that owns the port, PostgreSQL and the worker processes.

Killed with -9, it takes everything with it: the kernel ends the workers and the embedded PostgreSQL.
"""

import errno
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from multiprocessing import resource_tracker
from typing import Any

import structlog
from granian.constants import HTTPModes, Interfaces, Loops
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server import MPServer

from boxoffice.command.web_process import make_app
from boxoffice.command.which_postgres import Postgres, postgres_to_serve
from boxoffice.kit.errors import SetupError
from boxoffice.kit.logs import configure_logs
from boxoffice.kit.metrics_folder import shared_metrics
from boxoffice.kit.probe import status_of
from boxoffice.kit.settings import Settings
from boxoffice.kit.streams import STREAMS_MAX
from boxoffice.kit.traces.switch import wants_traces

# A rush of a thousand clients connects at once and none is refused; Linux itself stops at 4,096.
BACKLOG_CONNECTIONS = 4096

# Connections one worker accepts: all its streams and a full sale's worth of requests. Others wait, so
# streams must never be able to take every one.
CONNECTIONS_PER_WORKER_MAX = STREAMS_MAX + 2_000

# Headers must be whole after so long, and an idle connection is closed: long enough for a bad network. A
# proxy must give up its own idle connections sooner.
HEADER_SECONDS_MAX = 15

# Granian reads as much at once, and may read as much again; browsers and proxies send a tenth. A hundred
# headers are the most in any case.
HEADER_BYTES_MAX = 32_768

# Requests get this long to finish after Ctrl-C; the slowest of ours, a queued hold, takes 5 seconds.
STOP_SECONDS_MAX = 10

# A worker that dies sooner than this after its start did not get to work.
YOUNG_SECONDS = 5.0

# So many of them in a row mean that none ever will.
YOUNG_DEATHS_MAX = 5

# Between the death of a young worker and its successor, so that a fault does not eat a core.
YOUNG_DEATH_PAUSE_SECONDS = 1.0

# A server that takes longer to say that it is ready is not.
ANSWER_SECONDS_MAX = 5.0

# Soon enough that nobody notices, and no work beside the imports of the workers.
READY_POLL_SECONDS = 0.05

# Granian's own log lines take our format: they go to the root logger, which has it.
_LOGS: dict[str, Any] = {
    "loggers": {
        name: {"handlers": [], "level": "WARNING", "propagate": True}
        for name in ("_granian", "granian.access")
    }
}

_log = structlog.get_logger()


def serve(
    settings: Settings,
    *,
    prepare: Callable[[Postgres], None] | None = None,
    when_ready: Callable[[], None] | None = None,
) -> None:
    """Serve until Ctrl-C or SIGTERM, then stop everything that was started. Raises `SetupError`.

    The workers read their settings from the environment, so it must say the same as `settings`.
    `prepare` is called before they start; `when_ready`, from another thread, when requests are answered.
    """
    configure_logs(settings)
    end_on_sigterm()
    # Not Granian's default (fork): we have threads, and a fork copies their locks in any state.
    multiprocessing.set_start_method("spawn", force=True)
    address = free_address(settings)
    # Each worker has its own; here it is only said when they could not have them.
    wants_traces()
    with postgres_to_serve(settings) as postgres, shared_metrics():
        if prepare is not None:
            prepare(postgres)
        _say_what_is_used(settings, postgres)
        os.environ["DATABASE_URL"] = postgres.dsn
        server = _Server(settings, address)
        _call_when_ready(settings, address, when_ready)
        server.serve(target_loader=make_app, wrap_loader=False)
        _log.info("stopping")
        if server.gave_up:
            raise SetupError("The worker processes end right after their start: see the log above.")


def free_address(settings: Settings) -> str:
    """The IP address of the host setting, if we may listen there. Raises `SetupError`."""
    port, host = settings.port, settings.host
    another = "choose another with --port or BOXOFFICE_PORT"
    try:
        family, kind, _, _, found = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # The workers share the port (SO_REUSEPORT), and would share it with a stranger as well.
            # This way a port that somebody listens on is refused, and one in TIME_WAIT is not.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(found)
            probe.listen(1)
    except socket.gaierror:
        raise SetupError(f"BOXOFFICE_HOST is {host!r}: this is no address of this machine.") from None
    except PermissionError:
        raise SetupError(f"Port {port} needs more rights than we have: {another}, above 1023.") from None
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise SetupError(
                f"Port {port} is taken by another program: stop that one, or {another}."
            ) from None
        raise SetupError(f"Nobody can listen on {host}, port {port} ({error.strerror}): {another}.") from None
    return str(found[0])


def here_of(address: str) -> str:
    """Where a program on this machine reaches a server that listens on this address."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)  # noqa: S104  these mean "everywhere"


def _say_what_is_used(settings: Settings, postgres: Postgres) -> None:
    _log.info(
        "serving",
        address=f"http://{settings.host}:{settings.port}",
        docs=f"{settings.public_url}/docs",
        postgresql=postgres.version,
        source=postgres.source,
        data_folder=str(settings.data_folder.resolve()) if postgres.is_own else None,
        workers=settings.workers,
        letters="by SMTP" if settings.smtp_url else str((settings.data_folder / "mail").resolve()),
        jobs="inside" if settings.jobs_inside else "elsewhere: run `boxoffice worker`",
    )


class _Server(MPServer):
    """Granian's supervisor of worker processes, with three changes of mind.

    Ctrl-C is for us alone (a terminal sends it to every process; a worker that is still importing
    would answer with a traceback). SIGHUP, a closed terminal, ends us. A worker that is killed twice
    is replaced twice.
    """

    def __init__(self, settings: Settings, address: str) -> None:
        super().__init__(
            "boxoffice.command.web_process:make_app",  # only a name: `serve` is given the function itself
            address=address,
            port=settings.port,
            interface=Interfaces.ASGI,
            workers=settings.workers,
            loop=Loops.uvloop,
            http=HTTPModes.http1,
            websockets=False,
            http1_settings=HTTP1Settings(
                header_read_timeout=HEADER_SECONDS_MAX * 1000, max_buffer_size=HEADER_BYTES_MAX
            ),
            backlog=BACKLOG_CONNECTIONS,
            backpressure=CONNECTIONS_PER_WORKER_MAX,
            respawn_failed_workers=True,
            respawn_interval=0,
            workers_kill_timeout=STOP_SECONDS_MAX,
            log_level=LogLevels.error,
            log_dictconfig=_LOGS,
        )
        self.gave_up = False
        self._young_deaths = 0
        self._outlives_terminal = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN  # nohup

    def startup(self, spawn_target: Any, target_loader: Any) -> None:
        with _sigint_for_us_alone():
            super().startup(spawn_target, target_loader)

    def signal_handler_reload(self, *_arguments: Any, **_named: Any) -> None:
        if not self._outlives_terminal:
            self.signal_handler_interrupt()

    def _respawn_workers(
        self, workers: Sequence[int], spawn_target: Any, target_loader: Any, delay: float = 0
    ) -> None:
        now = time.monotonic()
        if all(now - self.wrks[index].birth > YOUNG_SECONDS for index in workers):
            self._young_deaths = 0
        else:
            self._young_deaths += 1
            if self._young_deaths >= YOUNG_DEATHS_MAX:
                self.gave_up = True
                self.signal_handler_interrupt()
                return
            time.sleep(YOUNG_DEATH_PAUSE_SECONDS)
        with _sigint_for_us_alone():
            super()._respawn_workers(workers, spawn_target, target_loader, delay)
        # Granian ends a server whose worker dies twice within seconds; we count for ourselves.
        self.respawned_wrks.clear()


@contextmanager
def _sigint_for_us_alone() -> Generator[None]:
    """Processes and threads that start in this block never see SIGINT; we see it when the block ends."""
    # multiprocessing starts this process of its own with the first worker, and unblocks SIGINT after it.
    resource_tracker.ensure_running()
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def end_on_sigterm() -> None:
    """Until somebody else handles it, SIGTERM does what Ctrl-C does: it ends us and what we started."""

    def interrupt(_signal: int, _frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)


def _call_when_ready(settings: Settings, address: str, call: Callable[[], None] | None) -> None:
    def wait() -> None:
        while True:
            answer = status_of(here_of(address), settings.port, "/health/ready", seconds=ANSWER_SECONDS_MAX)
            if answer is not None and answer[0] == HTTPStatus.OK:
                break
            time.sleep(READY_POLL_SECONDS)
        _log.info("ready")
        if call is not None:
            call()

    threading.Thread(target=wait, name="ready-watch", daemon=True).start()
