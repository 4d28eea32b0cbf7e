"""The `boxoffice` command in this process: a process of its own takes most of a second to come to it.

Not for `serve`, `worker` and `demo`, which handle signals, and not for `ledger`, which sets up the logs.
"""

import io
import os
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from subprocess import CompletedProcess
from unittest import mock

from boxoffice.cli import main
from server import without_settings


def run_here(*arguments: str, environment: Mapping[str, str] | None = None) -> CompletedProcess[str]:
    """As `server.run`, with these settings and no others."""
    out, err = io.StringIO(), io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["boxoffice", *arguments]),
        mock.patch.dict(os.environ, without_settings() | dict(environment or {}), clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
        ThreadPoolExecutor(1) as pool,  # a loop of its own, beside that of the tests
    ):
        ended = pool.submit(main).exception()
    assert isinstance(ended, SystemExit), ended
    assert isinstance(ended.code, int)
    return CompletedProcess(["boxoffice", *arguments], ended.code, out.getvalue(), err.getvalue())
