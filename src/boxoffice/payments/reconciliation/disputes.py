"""The disputes of a provider's books and ours: one whose reports were lost is found by asking."""

from collections.abc import Sequence
from datetime import datetime

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.payments.desk import Desk
from boxoffice.payments.disputes import queries
from boxoffice.payments.disputes.facts import take_dispute
from boxoffice.payments.provider import DisputeFact, Provider, Providers
from boxoffice.payments.reconciliation.pages import ask_patiently, read_pages

# An inquiry can become a dispute for so long, under the id and the date that it had.
DISPUTES_LOOKED_AT_DAYS = 120


async def compare_disputes(
    desk: Desk, sales: GroupCommit, provider: Provider, since: datetime, until: datetime
) -> int:
    """Make true here how disputes stand there that were opened then, or are open here; how many were news.

    No transaction is open while the provider is asked. It may die anywhere: what is true here already is no
    news. Raises `Unavailable`.
    """
    listed: set[str] = set()
    news = 0
    async for facts in read_pages(provider.list_disputes, since, until):
        listed.update(fact.reference for fact in facts)
        news += await _take_news(desk, sales, provider, facts)
    for reference in await queries.list_open(desk.db, provider.name):
        if reference in listed:
            continue
        fact = await ask_patiently(provider.ask_about_dispute, reference)
        if fact is not None:
            news += await _take_news(desk, sales, provider, [fact])
    return news


async def _take_news(desk: Desk, sales: GroupCommit, provider: Provider, facts: Sequence[DisputeFact]) -> int:
    settled = set(await queries.list_settled(desk.db, provider.name, facts))
    news = [fact for fact in facts if fact.reference not in settled]
    for fact in news:
        metrics.FACTS_ASKED_FOR.labels(provider.name, "DISPUTE").inc()
        await take_dispute(desk, sales, Providers(provider), provider.name, fact)
    return len(news)
