"""A provider's books and ours: what was missed is made up for, what differs is kept for a person."""

from datetime import UTC, datetime, timedelta

import msgspec
import structlog

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.postgres import Database, Source
from boxoffice.payments.desk import Desk
from boxoffice.payments.facts import take_fact
from boxoffice.payments.provider import Fact, FactKind, Listed, Provider
from boxoffice.payments.reconciliation import queries
from boxoffice.payments.reconciliation.disputes import DISPUTES_LOOKED_AT_DAYS, compare_disputes
from boxoffice.payments.reconciliation.foreign import note_foreign
from boxoffice.payments.reconciliation.late_captures import note_late_capture
from boxoffice.payments.reconciliation.pages import read_pages
from boxoffice.payments.reconciliation.queries import Known
from boxoffice.payments.refunds.facts import take_news

# What was paid is looked at so often; reports and questions are there for what is urgent.
RECONCILE_SECONDS = 3600.0

# Who began a round and has not ended it by then died, or the provider is away: it is somebody else's turn.
# Two at once do no harm, so a round that takes longer than that needs no more.
TURN_SECONDS_MAX = 900.0

# How often each process asks whether it is its turn.
TURN_POLL_SECONDS = 300.0

# A payment is looked at for so long after it was opened: a refund by hand mostly comes within days.
LOOKED_AT_DAYS = 3

# A bank may send a refund back for a month, and somebody may make one by hand of any payment.
REFUNDS_LOOKED_AT_DAYS = 35

# What is younger is on its way here, by reports and questions.
SETTLED_SECONDS = 600

# States of ours in which money there is news: a report was missed, or the payment was never written down.
_OPEN = ("PENDING", "DECLINED", "CANCELLED")

_log = structlog.get_logger()


class Compared(msgspec.Struct):
    """What came of a comparison: payments that the provider listed, missed facts that were made up for, and
    what a person has to look at.
    """

    listed: int = 0
    made_up_for: int = 0
    differences: int = 0


class Standing(msgspec.Struct, frozen=True):
    """Until when each provider's books were compared, and how many of its differences wait for a person."""

    compared_until: dict[str, datetime]
    differences: dict[str, int]


async def reconcile_in_turn(desk: Desk, sales: GroupCommit, provider: Provider) -> Compared | None:
    """What `reconcile` does, once an hour for all processes together; None when it is not our turn."""
    async with desk.db.transaction() as tx:
        begun_at = await queries.claim_turn(tx, provider.name, RECONCILE_SECONDS, TURN_SECONDS_MAX)
    if begun_at is None:
        return None
    found = await reconcile(desk, sales, provider)
    async with desk.db.transaction() as tx:
        await queries.update_turn_over(tx, provider.name, begun_at)
    return found


async def reconcile(
    desk: Desk, sales: GroupCommit, provider: Provider, days: int = LOOKED_AT_DAYS
) -> Compared:
    """Look at what the provider has of the last days, and of all days since it was looked at last.

    It may die anywhere: only a round that came to its end is remembered, and what was made up for is not
    found again. Raises `Unavailable`.
    """
    until = datetime.now(UTC) - timedelta(seconds=SETTLED_SECONDS)
    last = await queries.find_reconciled_until(desk.db, provider.name)
    since = (last or until) - timedelta(days=LOOKED_AT_DAYS)
    since = min(since, until - timedelta(days=days))
    found = await reconcile_window(desk, sales, provider, since, until)
    refunds_since = min(since, (last or until) - timedelta(days=REFUNDS_LOOKED_AT_DAYS))
    found.made_up_for += await reconcile_refunds(desk.db, provider, refunds_since, until)
    disputes_since = min(since, (last or until) - timedelta(days=DISPUTES_LOOKED_AT_DAYS))
    found.made_up_for += await compare_disputes(desk, sales, provider, disputes_since, until)
    async with desk.db.transaction() as tx:
        await queries.update_reconciled_until(tx, provider.name, until)
    return found


async def reconcile_window(
    desk: Desk, sales: GroupCommit, provider: Provider, since: datetime, until: datetime
) -> Compared:
    """Compare what was opened at the provider in this time. No transaction is open while it is asked."""
    found = Compared()
    async for listed in read_pages(provider.list_money, since, until):
        references = [each.reference for each in listed]
        known = {row.reference: row for row in await queries.list_known(desk.db, provider.name, references)}
        found.listed += len(listed)
        for each in listed:
            await _compare(desk, sales, provider.name, each, known.get(each.reference), found)
    return found


async def reconcile_refunds(db: Database, provider: Provider, since: datetime, until: datetime) -> int:
    """Take over what the provider's refunds of this time say and we have not heard; how many were news."""
    news = 0
    async for facts in read_pages(provider.list_refunds_made, since, until):
        news += await take_news(db, provider.name, facts)
    metrics.FACTS_ASKED_FOR.labels(provider.name, "REFUND").inc(news)
    return news


async def get_standing(source: Source) -> Standing:
    """How far the comparisons of all providers have come."""
    compared = await queries.list_reconciliations(source)
    counts = await queries.list_difference_counts(source)
    return Standing(
        {row.provider: row.reconciled_until for row in compared},
        {row.provider: row.count for row in counts},
    )


async def _compare(
    desk: Desk, sales: GroupCommit, provider: str, there: Listed, here: Known | None, found: Compared
) -> None:
    report = there.report
    if not isinstance(report, Fact):
        found.differences += await note_foreign(
            desk.db, provider, "PAYMENT", there.reference, report.amount, report.currency
        )
        return
    is_captured = report.kind is FactKind.CAPTURED
    if here is None or here.state in _OPEN or (here.state == "CAPTURE_DUE" and is_captured):
        found.made_up_for += 1
        metrics.FACTS_ASKED_FOR.labels(provider, report.kind).inc()
        await take_fact(desk, sales, provider, report)
        return
    if is_captured and here.captured == 0:
        # It was to be void.
        found.made_up_for += await note_late_capture(desk.db, report.payment_id, report.amount)
        return
    if is_captured and here.captured != report.amount:
        found.differences += await _note(
            desk.db, provider, there.reference, "CAPTURED", here.captured, report
        )


async def _note(db: Database, provider: str, reference: str, what: str, ours: int, fact: Fact) -> bool:
    """A person has to look: what somebody did there by hand changes no book of ours. Whether it waits."""
    theirs = fact.amount
    async with db.transaction() as tx:
        waits = await queries.insert_difference(
            tx,
            provider=provider,
            reference=reference,
            what=what,
            payment_id=fact.payment_id,
            ours=ours,
            theirs=theirs,
            currency=fact.currency,
        )
    if waits:
        _log.error(
            "books differ", provider=provider, what=what, reference=reference, ours=ours, theirs=theirs
        )
        metrics.BOOKS_DIFFER.labels(provider, what).inc()
    return waits
