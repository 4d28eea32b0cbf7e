"""Money at a provider's account that is not of this house: noted and counted, and left alone."""

import structlog

from boxoffice.kit import metrics
from boxoffice.kit.postgres import Database
from boxoffice.payments.reconciliation import queries

_log = structlog.get_logger()


async def note_foreign(
    db: Database, provider: str, what: str, reference: str, amount: int, currency: str
) -> bool:
    """Keep it once, for a person to look at, and count each report of it until somebody has.

    Nothing is given back: the account may serve another shop, which has sold something for it. Whether it
    waits for a person.
    """
    async with db.transaction() as tx:
        waits = await queries.insert_foreign_money(
            tx, provider=provider, what=what, reference=reference, amount=amount, currency=currency
        )
    if waits:
        _log.error("foreign money", provider=provider, what=what, reference=reference, amount=amount,
                   currency=currency)  # fmt: skip
        metrics.FOREIGN_MONEY.labels(provider, what).inc()
    return waits
