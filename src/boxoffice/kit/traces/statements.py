"""The spans of statements, below that of a request, a batch or a job; on their own they have none.

A statement's text stays here: `code.function.name` says where to read it. Its values are people's.
"""

import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import lru_cache
from inspect import currentframe
from types import FrameType
from typing import Any, LiteralString, cast
from urllib.parse import urlsplit

import asyncpg
from opentelemetry.trace import Span, SpanKind

from boxoffice.kit.postgres import Database, Transaction
from boxoffice.kit.traces.spans import Opened, Spans, is_recording

# What the conventions allow a summary.
SUMMARY_CHARACTERS_MAX = 255

# All statements of the house, and room for more.
_SUMMARIES_MAX = 2_000

# In our statements keywords are upper case and names lower case.
_WRITES = re.compile(r"\b(INSERT|UPDATE|DELETE)(?: INTO| FROM)?\s+([a-z_]+)")
_READS = re.compile(r"\b(?:FROM|JOIN)\s+([a-z_]+)\b(?!\()")


@lru_cache(_SUMMARIES_MAX)
def summary_of(query: str) -> str:
    """What a statement does, in its order: `INSERT b UPDATE c`, or `SELECT a b` of what only reads."""
    written = dict.fromkeys(" ".join(found) for found in _WRITES.findall(query))
    read = dict.fromkeys(_READS.findall(query))
    summary = " ".join(written) or " ".join(["SELECT", *read])
    return summary[:SUMMARY_CHARACTERS_MAX]


class StatementSpans:
    """Opens the spans of one database."""

    def __init__(self, spans: Spans, dsn: str) -> None:
        self._spans = spans
        parts = urlsplit(dsn)
        self._known = {"db.system.name": "postgresql", "db.namespace": parts.path.strip("/")}
        if parts.hostname:
            self._known |= {"server.address": parts.hostname}

    def of_step(self, name: str) -> Opened:
        """BEGIN, with the wait for a connection; COMMIT; ROLLBACK."""
        return self._spans.open(name, {**self._known, "db.operation.name": name}, SpanKind.CLIENT)

    def of(self, query: str, depth: int) -> Opened:
        """A statement that is the work of the function `depth` frames up."""
        caller = cast(FrameType, currentframe())
        for _ in range(depth):
            caller = cast(FrameType, caller.f_back)
        summary = summary_of(query)
        attributes = {
            **self._known,
            "db.query.summary": summary,
            "code.function.name": f"{caller.f_globals['__name__']}.{caller.f_code.co_qualname}",
        }
        return self._spans.open(summary, attributes, SpanKind.CLIENT)


class TracedTransaction(Transaction):
    """A transaction whose statements have spans."""

    __slots__ = ("_spans",)

    def __init__(self, plain: Transaction, spans: StatementSpans) -> None:
        super().__init__(plain.connection, plain.dsn)
        self._spans = spans

    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        with self._spans.of(query, 3) as span:
            return _counted(span, await super()._fetch(query, arguments))

    async def _fetch_row(self, query: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        with self._spans.of(query, 3):
            return await super()._fetch_row(query, arguments)

    async def execute(self, query: LiteralString, *arguments: Any) -> int:
        with self._spans.of(query, 2):
            return await super().execute(query, *arguments)


class TracedDatabase(Database):
    """A database whose transactions and reads have spans where somebody's trace is kept."""

    def __init__(self, spans: Spans, dsn: str, *, connections_max: int) -> None:
        super().__init__(dsn, connections_max=connections_max)
        self._spans = StatementSpans(spans, dsn)

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        plain = super().transaction()
        if not is_recording():
            async with plain as tx:
                yield tx
            return
        with self._spans.of_step("BEGIN"):
            tx = await plain.__aenter__()
        try:
            yield TracedTransaction(tx, self._spans)
        except BaseException as error:
            with self._spans.of_step("ROLLBACK"):
                is_dealt_with = await plain.__aexit__(type(error), error, error.__traceback__)
            if not is_dealt_with:
                raise
        else:
            with self._spans.of_step("COMMIT"):
                await plain.__aexit__(None, None, None)

    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        if not is_recording():
            return await super()._fetch(query, arguments)
        with self._spans.of(query, 3) as span:
            return _counted(span, await super()._fetch(query, arguments))

    async def _fetch_row(self, query: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        if not is_recording():
            return await super()._fetch_row(query, arguments)
        with self._spans.of(query, 3):
            return await super()._fetch_row(query, arguments)


def _counted(span: Span, rows: list[asyncpg.Record]) -> list[asyncpg.Record]:
    span.set_attribute("db.response.returned_rows", len(rows))
    return rows
