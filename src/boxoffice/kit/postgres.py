"""The only way to PostgreSQL: typed rows, one transaction at a time, outages told apart from bugs.

*The first parameter tells*: a function that takes `db: Database` owns its transaction; one that
takes `tx: Transaction` runs inside its caller's; `source: Source` only reads and takes either.
"""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from typing import Any, LiteralString, TypeVar

import asyncpg
import msgspec

from boxoffice.kit.actor import Actor, current_actor
from boxoffice.kit.connections import Connection, Connections
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.outages import Outage

# Longer than any statement of ours needs, short enough that a stuck one frees its connection
# before the client has given up.
STATEMENT_SECONDS_MAX = 10.0

# A process that stops between two statements (paused, swapped out) must not keep an event locked.
IDLE_IN_TRANSACTION_SECONDS_MAX = 10

# Faults after which the same request may well succeed: the server is away, starting, stopping,
# full, read-only after a fail-over, or gave up on a lock.
_OUTAGES = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.InternalClientError,
)

Row = TypeVar("Row")

# Clients read that it cannot answer; why (it is away, its disk is full) is for the operator.
_outage = Outage("PostgreSQL cannot answer", "PostgreSQL answers again")

_in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)


def assert_no_transaction(what: str) -> None:
    """Refuse to do `what` (a nested transaction, a network call) while a transaction is open here."""
    if _in_transaction.get():
        raise RuntimeError(f"{what} inside a transaction: finish the transaction first.")


@contextmanager
def _outages_told_apart() -> Generator[None]:
    try:
        yield
    except _OUTAGES as error:
        _outage.failed(error)
        raise Unavailable("The database cannot answer right now. Try again shortly.") from error
    except asyncpg.InterfaceError as error:
        if "clos" not in str(error) and "released" not in str(error):
            raise
        raise Unavailable("The database connection was lost. Try again shortly.") from error


def _typed(row_type: type[Row], record: asyncpg.Record) -> Row:
    """Make the row: a struct takes the columns by name, anything else is the one column.

    Converted, not cast: an enumeration, a tuple or a number out of its bounds is what its type says,
    and a column the struct wants but the query does not give is an error in the first test.
    """
    if issubclass(row_type, msgspec.Struct):
        return msgspec.convert(dict(record), row_type)
    return record[0]


class Source(ABC):
    """Something to read from: a database or an open transaction.

    Every method raises `Unavailable` when PostgreSQL cannot answer now. `dsn` tells one database from
    another, for caches that outlive both.
    """

    dsn: str

    @abstractmethod
    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]: ...

    @abstractmethod
    async def _fetch_row(self, query: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None: ...

    async def find(self, row_type: type[Row], query: LiteralString, *arguments: Any) -> Row | None:
        """The first row, or None."""
        record = await self._fetch_row(query, arguments)
        return None if record is None else _typed(row_type, record)

    async def get(self, row_type: type[Row], query: LiteralString, *arguments: Any) -> Row:
        """The one row that must be there; its absence is a bug (`LookupError`)."""
        record = await self._fetch_row(query, arguments)
        if record is None:
            raise LookupError(f"no {row_type.__name__} row where there must be one")
        return _typed(row_type, record)

    async def list(self, row_type: type[Row], query: LiteralString, *arguments: Any) -> list[Row]:
        """All rows, in the query's order."""
        return [_typed(row_type, record) for record in await self._fetch(query, arguments)]


class Transaction(Source):
    """An open transaction, READ COMMITTED. Its owner commits or rolls back; nobody else can."""

    __slots__ = ("connection", "dsn")

    def __init__(self, connection: Connection, dsn: str) -> None:
        self.connection = connection
        self.dsn = dsn

    @asynccontextmanager
    async def acting_for(self, actor: Actor | None) -> AsyncGenerator[None]:
        """What is written in this block is somebody's, in a transaction that is nobody's or many people's."""
        if actor is None:
            yield
            return
        await _say_who_is_at_work(self.connection, actor)
        yield
        await _say_who_is_at_work(self.connection, None)

    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        return await self.connection.fetch(query, *arguments)

    async def _fetch_row(self, query: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        return await self.connection.fetchrow(query, *arguments)

    async def execute(self, query: LiteralString, *arguments: Any) -> int:
        """Run a statement that writes; the number of rows it touched."""
        status = await self.connection.execute(query, *arguments)
        count = status.rpartition(" ")[2]
        return int(count) if count.isdigit() else 0


class Database(Source):
    """A bounded pool of connections, opened on demand, so that starting never waits for PostgreSQL."""

    def __init__(self, dsn: str, *, connections_max: int) -> None:
        self.dsn = dsn
        self.connections_max = connections_max
        self._connections = Connections(
            dsn,
            connections_max=connections_max,
            command_timeout=STATEMENT_SECONDS_MAX + 1,
            server_settings={
                "application_name": "boxoffice",
                "timezone": "UTC",
                "statement_timeout": str(int(STATEMENT_SECONDS_MAX * 1000)),
                "idle_in_transaction_session_timeout": str(IDLE_IN_TRANSACTION_SECONDS_MAX * 1000),
                # Every statement of ours is a short one; compiling them costs more than it saves.
                "jit": "off",
            },
        )

    async def open(self) -> None:
        """Make the pool. No connection is made yet."""
        await self._connections.open()

    async def close(self) -> None:
        """Give the connections back; those still at work are cut after a moment."""
        await self._connections.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncGenerator[Transaction]:
        """Open a transaction; commit at the end of the block, roll back if it raises.

        Raises `Unavailable` when no connection comes free in time or PostgreSQL is away. After an
        `Unavailable` raised by the commit itself the outcome is not known: read before you repeat.
        """
        assert_no_transaction("A second transaction")
        token = _in_transaction.set(True)
        try:
            with _outages_told_apart():
                async with self._connections.taken() as connection, connection.transaction():
                    # Without anybody it costs nothing.
                    if (actor := current_actor.get()) is not None:
                        await _say_who_is_at_work(connection, actor)
                    yield Transaction(connection, self.dsn)
        finally:
            _in_transaction.reset(token)

    async def _fetch(self, query: str, arguments: tuple[Any, ...]) -> list[asyncpg.Record]:
        assert_no_transaction("A read on a second connection")
        with _outages_told_apart():
            async with self._connections.taken() as connection:
                return await connection.fetch(query, *arguments)

    async def _fetch_row(self, query: str, arguments: tuple[Any, ...]) -> asyncpg.Record | None:
        assert_no_transaction("A read on a second connection")
        with _outages_told_apart():
            async with self._connections.taken() as connection:
                return await connection.fetchrow(query, *arguments)


async def _say_who_is_at_work(connection: Connection, actor: Actor | None) -> None:
    """Tell the triggers of the audit log, until the transaction ends."""
    said = "" if actor is None else msgspec.json.encode(actor).decode()
    await connection.execute("SELECT set_config('boxoffice.actor', $1, true)", said)
