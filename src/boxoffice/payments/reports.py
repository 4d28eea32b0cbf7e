"""What a provider's webhook says, by what it is about."""

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.payments.desk import Desk
from boxoffice.payments.disputes.facts import take_dispute
from boxoffice.payments.facts import take_fact
from boxoffice.payments.provider import DisputeFact, ForeignMoney, Providers, RefundFact, Report
from boxoffice.payments.reconciliation.foreign import note_foreign
from boxoffice.payments.refunds.facts import take_refund


async def take_report(
    desk: Desk, sales: GroupCommit, providers: Providers, provider: str, report: Report
) -> None:
    """Make what was reported true here. Returns once it is durable; repeating it changes nothing.

    Raises `NotFound` and `Unavailable`: in both cases the provider will report it again.
    """
    if isinstance(report, DisputeFact):
        await take_dispute(desk, sales, providers, provider, report)
    elif isinstance(report, RefundFact):
        await take_refund(desk.db, provider, report)
    elif isinstance(report, ForeignMoney):
        await note_foreign(desk.db, provider, "PAYMENT", report.reference, report.amount, report.currency)
    else:
        await take_fact(desk, sales, provider, report)
