"""Asking providers what became of open payments before their holds end, and after: a report can be lost."""

import structlog

from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.payments import queries
from boxoffice.payments.checkout import ASKED_BEFORE_EXPIRY
from boxoffice.payments.desk import Desk
from boxoffice.payments.facts import take_fact
from boxoffice.payments.provider import Provider, Providers
from boxoffice.payments.queries import DueToAsk

# How often somebody looks for payments whose time to be asked about has come.
ASK_SECONDS = 5.0

# So many questions in a row: a provider allows about 25 in a second, and others want its answers too.
QUESTIONS_MAX = 50

# An open payment is asked about again after a minute, or after half its age once that is longer.
AGAIN_SECONDS_MIN = 60

_log = structlog.get_logger()


async def ask_providers(desk: Desk, sales: GroupCommit, providers: Providers) -> None:
    """Ask about the payments whose turn it is, and make true here what is true there.

    A checkout whose booking ended, or was paid for otherwise, an hour ago is closed: nobody is to pay there
    tomorrow.
    """
    async with desk.db.transaction() as tx:
        due = await queries.claim_payments_to_ask_about(
            tx, providers.names, QUESTIONS_MAX, AGAIN_SECONDS_MIN, ASKED_BEFORE_EXPIRY
        )
    away: set[str] = set()
    for payment in due:
        if payment.provider in away:
            continue
        try:
            await _ask_about(desk, sales, providers.get(payment.provider), payment)
        except Unavailable as error:
            # It comes again in a minute, and so do its others.
            _log.warning("a provider could not be asked", provider=payment.provider, reason=error.detail)
            away.add(payment.provider)
        except Exception:  # noqa: BLE001  logged with its traceback
            # One that the provider does not know, as after a change of accounts, keeps no other waiting.
            _log.exception("a payment could not be asked about", payment_id=str(payment.payment_id))


async def _ask_about(desk: Desk, sales: GroupCommit, provider: Provider, payment: DueToAsk) -> None:
    fact = await provider.ask(payment)
    if fact is None and payment.is_abandoned:
        fact = await provider.close_checkout(payment)
    if fact is not None:
        metrics.FACTS_ASKED_FOR.labels(payment.provider, fact.kind).inc()
        await take_fact(desk, sales, payment.provider, fact)
