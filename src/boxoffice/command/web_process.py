"""What one worker process of `boxoffice serve` starts with."""

import asyncio
import gc
import resource
import signal
import sys
from types import FrameType
from typing import TYPE_CHECKING

import structlog

from boxoffice.kit.children import end_with_parent
from boxoffice.kit.logs import configure_logs
from boxoffice.kit.metrics_folder import forget_dead_processes
from boxoffice.kit.settings import load_settings
from boxoffice.kit.traces.switch import open_traces

# The main process imports this module too, for the name of a function, and has no use for a framework.
if TYPE_CHECKING:
    from litestar import Litestar

# Every connection that a worker accepts, PostgreSQL's, and room for all else.
OPEN_FILES_MAX = 10_000


def make_app() -> "Litestar":
    """The application, from the settings that the main process left in the environment.

    From here on the process ends with the one that started it, however that one ends.
    """
    # Of the half million objects that are made here none is garbage: to look costs an eighth of the start.
    gc.disable()
    end_with_parent()
    settings = load_settings()
    traces = open_traces()
    configure_logs(settings, traces)
    forget_dead_processes()
    assert settings.database_url is not None
    try:
        # Here and not above: it takes a second, in which nobody would watch our parent.
        from boxoffice.app import create_app  # noqa: PLC0415

        app = create_app(settings, settings.database_url, traces)
    except Exception:  # noqa: BLE001  whatever it is, the log says it in its own format
        structlog.get_logger().exception("worker cannot start")
        sys.exit(1)
    app.on_startup.append(_end_streams_on_sigterm)
    _allow_open_files()
    _collect_garbage_seldom()
    return app


def _allow_open_files() -> None:
    """A connection is an open file; many systems let a program have 1,024 until it asks for more."""
    allowed, possible = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES_MAX if possible == resource.RLIM_INFINITY else min(OPEN_FILES_MAX, possible)
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, possible))


async def _end_streams_on_sigterm(app: "Litestar") -> None:
    """Granian lets every answer finish before it stops, and a stream never would."""
    loop = asyncio.get_running_loop()
    # The loop's own, which does nothing: what Granian has the loop do is done all the same.
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(app.state["availability"].close)
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, end)


def _collect_garbage_seldom() -> None:
    """Look for cycles after 50,000 new objects instead of 700, and never at what every request uses.

    Requests make next to no cycles, while an inventory is many objects that live long: the collector
    took a quarter of the CPU of a hold (0.30 against 0.22 ms), for 3 MB of memory saved.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    gc.enable()
