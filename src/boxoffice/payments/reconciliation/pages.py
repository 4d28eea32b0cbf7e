"""A provider's books, page by page and patiently: a list of a thousand is not begun anew for one of them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import datetime
from typing import ParamSpec, TypeVar

from boxoffice.kit.errors import Unavailable

# After so many seconds what was not answered is asked again; then the provider is down, and the next round
# begins anew. Whoever asks for thousands of pages is told now and then that it is too much at once.
PAUSES_SECONDS = (1.0, 2.0, 4.0)

_Arguments = ParamSpec("_Arguments")
_Answer = TypeVar("_Answer")


async def ask_patiently(
    ask: Callable[_Arguments, Awaitable[_Answer]],
    *arguments: _Arguments.args,
    **named: _Arguments.kwargs,
) -> _Answer:
    """What is asked for, at the fourth try at the latest. Raises `Unavailable`."""
    for seconds in PAUSES_SECONDS:
        try:
            return await ask(*arguments, **named)
        except Unavailable:
            await asyncio.sleep(seconds)
    return await ask(*arguments, **named)


async def read_pages(
    list_page: Callable[[datetime, datetime, str | None], Awaitable[tuple[list[_Answer], str | None]]],
    since: datetime,
    until: datetime,
) -> AsyncGenerator[list[_Answer]]:
    """Page by page what was made from `since` to before `until`. Raises `Unavailable`."""
    after: str | None = None
    while True:
        found, after = await ask_patiently(list_page, since, until, after)
        yield found
        if after is None:
            return
