"""A provider's books and ours: what was missed is made up for, what differs is kept for a person."""

from datetime import UTC, datetime, timedelta

import structlog

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.postgres import Database
from boxoffice.payments import reconciliation_queries as queries
from boxoffice.payments.desk import Desk
from boxoffice.payments.facts import take_fact
from boxoffice.payments.foreign import note_foreign
from boxoffice.payments.provider import Fact, FactKind, Listed, ListingProvider
from boxoffice.payments.reconciliation_queries import Known

# What was paid is looked at so often; reports and questions are there for what is urgent.
RECONCILE_SECONDS = 3600.0

# A payment is looked at for so long after it was opened: a refund by hand mostly comes within days.
LOOKED_AT_DAYS = 3

# What is younger is on its way here, by reports and questions.
SETTLED_SECONDS = 600

# States of ours in which money there is news: a report was missed, or the payment was never written down.
_OPEN = ("PENDING", "DECLINED", "CANCELLED")

_log = structlog.get_logger()


async def reconcile(desk: Desk, sales: GroupCommit, provider: ListingProvider) -> None:
    """Look at what the provider has of the last days, and of all days since it was looked at last.

    It may die anywhere: only a round that came to its end is remembered, and what was made up for is not
    found again. Raises `Unavailable`.
    """
    until = datetime.now(UTC) - timedelta(seconds=SETTLED_SECONDS)
    last = await queries.find_reconciled_until(desk.db, provider.name)
    await reconcile_window(desk, sales, provider, (last or until) - timedelta(days=LOOKED_AT_DAYS), until)
    async with desk.db.transaction() as tx:
        await queries.update_reconciled_until(tx, provider.name, until)


async def reconcile_window(
    desk: Desk, sales: GroupCommit, provider: ListingProvider, since: datetime, until: datetime
) -> None:
    """Compare what was opened at the provider in this time. No transaction is open while it is asked."""
    after: str | None = None
    while True:
        listed, after = await provider.list_money(since, until, after)
        references = [each.reference for each in listed]
        known = {row.reference: row for row in await queries.list_known(desk.db, provider.name, references)}
        for each in listed:
            await _compare(desk, sales, provider.name, each, known.get(each.reference))
        if after is None:
            return


async def _compare(desk: Desk, sales: GroupCommit, provider: str, there: Listed, here: Known | None) -> None:
    report = there.report
    if not isinstance(report, Fact):
        await note_foreign(desk.db, provider, "PAYMENT", there.reference, report.amount, report.currency)
        return
    if here is None or here.state in _OPEN or (here.captured == 0 and report.kind is FactKind.CAPTURED):
        metrics.FACTS_ASKED_FOR.labels(provider, report.kind).inc()
        await take_fact(desk, sales, provider, report)
        return
    if report.kind is FactKind.CAPTURED and here.captured != report.amount:
        await _note(desk.db, provider, there.reference, "CAPTURED", here.captured, report)
    if there.refunded > here.refunded:
        await _note(desk.db, provider, there.reference, "REFUNDED", here.refunded, report, there.refunded)


async def _note(
    db: Database, provider: str, reference: str, what: str, ours: int, fact: Fact, theirs: int | None = None
) -> None:
    """A person has to look: our books are not changed by what somebody did there by hand."""
    found = fact.amount if theirs is None else theirs
    _log.error("books differ", provider=provider, what=what, reference=reference, ours=ours, theirs=found)
    metrics.BOOKS_DIFFER.labels(provider, what).inc()
    async with db.transaction() as tx:
        await queries.insert_difference(
            tx,
            provider=provider,
            reference=reference,
            what=what,
            payment_id=fact.payment_id,
            ours=ours,
            theirs=found,
            currency=fact.currency,
        )
