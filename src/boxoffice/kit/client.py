"""Whether the client of the request at hand is still there, for work that waits in a line."""

from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from functools import partial

from litestar.types import Receive

# Returns once the client has hung up. Asked only after the body was read, for then nothing else is received.
ClientGone = Callable[[], Awaitable[None]]

client_gone: ContextVar[ClientGone | None] = ContextVar("client_gone", default=None)


def gone_of(receive: Receive) -> ClientGone:
    """How to hear that the client of this request has hung up."""
    return partial(_until_gone, receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
