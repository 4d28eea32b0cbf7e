"""Counting what is asked of PostgreSQL: a guard against one statement for each of many things."""

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from unittest.mock import patch

from boxoffice.kit.postgres import Database, Transaction

_Method = Callable[..., Awaitable[Any]]

_noted: ContextVar[list[str] | None] = ContextVar("noted", default=None)


@contextmanager
def noted_statements() -> Generator[list[str]]:
    """Every statement of the block, in order; not those of background jobs or of other tests' servers."""
    methods = [(owner, name) for owner in (Database, Transaction) for name in ("_fetch", "_fetch_row")]
    noted: list[str] = []
    token = _noted.set(noted)
    patches = [
        patch.object(owner, name, _noting(getattr(owner, name)))
        for owner, name in (*methods, (Transaction, "execute"))
    ]
    try:
        for each in patches:
            each.start()
        yield noted
    finally:
        for each in patches:
            each.stop()
        _noted.reset(token)


def _noting(method: _Method) -> _Method:
    async def noting(self: object, query: str, *arguments: Any) -> Any:
        if (noted := _noted.get()) is not None:
            noted.append(query)
        return await method(self, query, *arguments)

    return noting
