"""`python -m bench.old_house`: a house of five years, and how long lists and sums of it take to be read."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import asyncpg
import typer

from bench.stage import cluster
from boxoffice.accounts.queries import list_users
from boxoffice.booking.queries import list_unused_accounts
from boxoffice.booking.unused_accounts import ACCOUNTS_MAX
from boxoffice.catalog.queries import list_published_events
from boxoffice.catalog.rows import EventFilter
from boxoffice.invoices.queries import list_documents_by, list_events_behind
from boxoffice.invoices.schemas import Kind
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import earliest_id
from boxoffice.kit.postgres import STATEMENT_SECONDS_MAX, Database
from boxoffice.payments.ledger.statement_queries import list_balances, list_movements
from boxoffice.payments.ledger.sum_queries import get_now
from boxoffice.payments.ledger.summing import sum_up

BOOKINGS = 1_500_000

# PostgreSQL keeps one plan for any arguments once a connection has run a statement some times: that is shown.
TIMES = 8

# The organizer of a fifth of all events.
ORGANIZER_ID = 2

PAGE = 51

UNUSED_FOR = timedelta(days=700)


async def _measure(dsn: str, bookings: int) -> None:
    owner = await asyncpg.connect(dsn)
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        await owner.execute(f"SET house.bookings = {bookings}")
        await owner.execute(Path(__file__).with_suffix(".sql").read_text(), timeout=3_600)
        await _show("balance, without sums", partial(list_balances, db, ORGANIZER_ID))
        await _show("sums, the first time", partial(sum_up, db), times=1)
        # As autovacuum does within a minute.
        await owner.execute("ANALYZE ledger_sums, ledger_cursors")
        for name, read in (await _reads(db)).items():
            await _show(name, read)
    finally:
        await db.close()
        await owner.close()


async def _reads(db: Database) -> dict[str, Callable[[], Awaitable[Any]]]:
    now = await get_now(db)
    middle = earliest_id(now - timedelta(days=730))
    return {
        "balance": partial(list_balances, db, ORGANIZER_ID),
        "statement, newest page": partial(list_movements, db, ORGANIZER_ID, None, PAGE),
        "statement, two years back": partial(list_movements, db, ORGANIZER_ID, middle, PAGE),
        "invoices, from number 1,000": partial(
            list_documents_by, db, ORGANIZER_ID, Kind.INVOICE, 1_000, PAGE
        ),
        "public list of events": partial(list_published_events, db, EventFilter(), None, PAGE),
        "accounts, a text that few have": partial(list_users, db, "%user49990%", 0, PAGE),
        "accounts to warn": partial(
            list_unused_accounts, db, UNUSED_FOR, warned_before=None, limit=ACCOUNTS_MAX
        ),
        "events that want invoices": partial(list_events_behind, db, 0, PAGE),
    }


async def _show(name: str, read: Callable[[], Awaitable[Any]], times: int = TIMES) -> None:
    took = 0.0
    for _ in range(times):
        begun = time.perf_counter()
        try:
            await read()
        except Unavailable:
            typer.echo(f"{name:32}  more than the {STATEMENT_SECONDS_MAX:.0f} s that a statement may take")
            return
        took = time.perf_counter() - begun
    typer.echo(f"{name:32}{1_000 * took:10.1f} ms")


def main(bookings: Annotated[int, typer.Option(min=2_000)] = BOOKINGS) -> None:
    """Make the house in a temporary folder (5 GB and some minutes for 1,500,000 bookings), and read it."""
    with cluster() as postgres:
        asyncio.run(_measure(postgres.dsn, bookings))


if __name__ == "__main__":
    typer.run(main)
