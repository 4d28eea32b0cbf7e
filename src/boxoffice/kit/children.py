"""Processes that end with the one that started them, however that one ends."""

import ctypes
import multiprocessing
import os
import signal
import threading

from boxoffice.kit.postgres_binaries import KERNEL_ENDS_CHILDREN

# prctl's option "send me this signal when the thread that made me ends" (Linux).
_PR_SET_PDEATHSIG = 1


def end_with_parent() -> None:
    """SIGKILL, as our parent got: what was answered is durable, and nobody is left to answer to."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    if KERNEL_ENDS_CHILDREN:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, *map(ctypes.c_ulong, (signal.SIGKILL, 0, 0, 0)))
    if os.getppid() != parent.pid:
        os._exit(1)

    def watch() -> None:
        parent.join()
        os._exit(1)

    # For systems whose kernel does not watch; elsewhere it just waits.
    threading.Thread(target=watch, name="parent-watch", daemon=True).start()
