"""A host that vanishes (a cable, a fail-over) says nothing, and TCP waits for it for a quarter of an hour.

So the kernel is told to ask it, and to give up soon: whoever waits on the connection hears that it is lost.
"""

import socket
from typing import Any

import asyncpg

# A host that is there acknowledges within milliseconds, whatever its PostgreSQL is busy with. Shorter than a
# statement may take, longer than a switch needs to find another way.
SILENT_SECONDS_MAX = 6

# Nothing was heard for so long: from then on it is asked so often.
ASK_AFTER_SECONDS = 3
ASK_AGAIN_SECONDS = 1

# By name, since systems differ in what they have; the last is for what was sent and is not acknowledged.
_OPTIONS = {
    "TCP_KEEPIDLE": ASK_AFTER_SECONDS,
    "TCP_KEEPALIVE": ASK_AFTER_SECONDS,
    "TCP_KEEPINTVL": ASK_AGAIN_SECONDS,
    "TCP_KEEPCNT": SILENT_SECONDS_MAX - ASK_AFTER_SECONDS,
    "TCP_USER_TIMEOUT": SILENT_SECONDS_MAX * 1000,
}


class Connection(asyncpg.Connection):
    """Ends when its other end is not there any more."""

    def __init__(self, protocol: Any, transport: Any, *more: Any) -> None:
        super().__init__(protocol, transport, *more)
        watch(transport.get_extra_info("socket"))


def watch(connected: socket.socket) -> None:
    """Have the kernel end this connection when its other end is silent for too long."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _OPTIONS.items():
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
