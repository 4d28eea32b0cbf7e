"""`boxoffice worker`: background jobs in a process of their own."""

import asyncio
import signal
from typing import TYPE_CHECKING

import structlog
import uvloop
from prometheus_client import start_http_server

from boxoffice.command.which_postgres import find_running, postgres_to_serve
from boxoffice.kit.errors import SetupError
from boxoffice.kit.logs import configure_logs
from boxoffice.kit.settings import Settings
from boxoffice.kit.traces.switch import open_traces
from boxoffice.parts import Parts
from boxoffice.worker import run_background

if TYPE_CHECKING:
    from boxoffice.kit.traces.traces import Traces

_log = structlog.get_logger()


def work(settings: Settings) -> None:
    """Do background jobs until Ctrl-C or SIGTERM; outages of PostgreSQL are waited out.

    Works for DATABASE_URL or for the embedded PostgreSQL of a running `boxoffice serve`; never starts
    a server, which would only stand in the way of that. Raises `SetupError` when there is neither, or when
    its figures cannot be shown where they should be.
    """
    traces = open_traces()
    configure_logs(settings, traces)
    _show_figures(settings)
    if settings.database_url is not None:
        with postgres_to_serve(settings) as postgres:
            uvloop.run(_work(settings, postgres.dsn, traces))
        return
    running = find_running(settings.data_folder)
    if running is None:
        raise SetupError(
            f"There is nothing to work for: set DATABASE_URL, or start `boxoffice serve --no-jobs` first "
            f"(no server answers in {settings.data_folder.resolve()})."
        )
    uvloop.run(_work(settings, running.dsn, traces))


def _show_figures(settings: Settings) -> None:
    """Serve /metrics from a thread of its own, if that is wanted."""
    port = settings.worker_metrics_port
    if port is None:
        return
    try:
        start_http_server(port, settings.host)
    except OSError as error:
        raise SetupError(
            f"Nobody can listen on {settings.host}, port {port} ({error.strerror}): choose another with "
            "BOXOFFICE_WORKER_METRICS_PORT."
        ) from None


async def _work(settings: Settings, dsn: str, traces: "Traces | None") -> None:
    parts = Parts(settings, dsn, traces)
    async with parts.running():
        background = asyncio.create_task(run_background(parts))
        for wanted in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(wanted, background.cancel)
        _log.info("working", jobs="background jobs and tidying")
        await asyncio.wait([background])
        if not background.cancelled():
            background.result()
    _log.info("stopping")
