"""What `boxoffice ledger` does and prints."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

import msgspec

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import SetupError
from boxoffice.kit.money import in_words
from boxoffice.kit.postgres import Database
from boxoffice.kit.text import LINE_CHARACTERS_MAX, Line
from boxoffice.payments.desk import Desk
from boxoffice.payments.ledger.verification import Verified, verify_ledger
from boxoffice.payments.provider import Providers
from boxoffice.payments.reconciliation import comparing as reconciliation
from boxoffice.payments.reconciliation.comparing import Compared
from boxoffice.payments.reconciliation.queries import DifferenceRow, insert_done, list_differences

# What a person can read at once; the rest shows when these are mended.
_FAULTS_SHOWN_MAX = 20


class Tills(Protocol):
    """Who asks the providers, and who writes down what they say."""

    desk: Desk
    sales: GroupCommit
    providers: Providers


def verify(dsn: str, event_id: int | None) -> bool:
    """Verify one event or all and print what is wrong; whether nothing is. Raises `SetupError`."""
    found = asyncio.run(_verify(dsn, event_id))
    for words in found.faults[:_FAULTS_SHOWN_MAX]:
        sys.stdout.write(f"{words}\n")
    if found.faults:
        more = len(found.faults) - _FAULTS_SHOWN_MAX
        rest = f", of which {more} are not shown" if more > 0 else ""
        sys.stdout.write(f"{len(found.faults)} differences{rest}.\n")
        return False
    sys.stdout.write(
        f"{found.events:,} events, {found.movements:,} movements: every one adds up to zero, and payments, "
        "refunds, disputes, bookings and payouts say the same.\n"
    )
    return True


def reconcile(dsn: str, open_tills: Callable[[str], AbstractAsyncContextManager[Tills]], days: int) -> bool:
    """Compare with every provider, print what was found and what waits for a person; whether nothing does.

    Raises `SetupError`, and `Unavailable` when a provider is away.
    """
    for provider, found in asyncio.run(_reconcile(dsn, open_tills, days)):
        sys.stdout.write(
            f"{provider}: {found.listed:,} payments compared, {found.made_up_for:,} missed reports made up "
            f"for, {found.differences:,} differences.\n"
        )
    return show_differences(dsn)


def show_differences(dsn: str) -> bool:
    """Print what a provider's books say and ours do not; whether there is nothing. Raises `SetupError`."""
    found = asyncio.run(_list_differences(dsn))
    for each in found[:_FAULTS_SHOWN_MAX]:
        whose = "money of nobody here" if each.payment_id is None else f"payment {each.payment_id}"
        sys.stdout.write(
            f"{each.noted_at:%Y-%m-%d %H:%M} {each.provider} {each.reference}: {each.what} is "
            f"{in_words(each.theirs, each.currency)} there and {in_words(each.ours, each.currency)} here, "
            f"{whose}\n"
        )
    if len(found) > _FAULTS_SHOWN_MAX:
        sys.stdout.write("There are more; the newest are shown.\n")
    if not found:
        sys.stdout.write("Nothing differs from what the providers have listed.\n")
    return not found


def mark_done(dsn: str, reference: str, note: str) -> None:
    """Note that somebody has dealt with a difference. Raises `SetupError` where none waits by this id."""
    try:
        msgspec.convert(note, Line)
    except msgspec.ValidationError:
        raise SetupError(f"--note is a line of 1 to {LINE_CHARACTERS_MAX} characters.") from None
    if not asyncio.run(_mark_done(dsn, reference, note)):
        raise SetupError(
            f"Nothing that differs waits by the id {reference}: `boxoffice ledger differences` has what "
            "does. A refund that failed waits until it is made or settled."
        )
    sys.stdout.write(f"{reference} is dealt with.\n")


async def _reconcile(
    dsn: str, open_tills: Callable[[str], AbstractAsyncContextManager[Tills]], days: int
) -> list[tuple[str, Compared]]:
    async with open_tills(dsn) as tills:
        return [
            (provider.name, await reconciliation.reconcile(tills.desk, tills.sales, provider, days))
            for provider in tills.providers
        ]


async def _list_differences(dsn: str) -> list[DifferenceRow]:
    async with _opened(dsn) as db:
        return await list_differences(db, _FAULTS_SHOWN_MAX + 1)


async def _mark_done(dsn: str, reference: str, note: str) -> int:
    async with _opened(dsn) as db, db.transaction() as tx:
        return await insert_done(tx, reference, note)


async def _verify(dsn: str, event_id: int | None) -> Verified:
    async with _opened(dsn) as db:
        return await verify_ledger(db, event_id)


@asynccontextmanager
async def _opened(dsn: str) -> AsyncGenerator[Database]:
    db = Database(dsn, connections_max=1)
    await db.open()
    try:
        yield db
    finally:
        await db.close()
