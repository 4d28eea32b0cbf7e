"""SQL of comparing a provider's books with ours."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class Known(msgspec.Struct, frozen=True):
    """A payment as our books have it."""

    reference: str
    state: str
    captured: int


class DifferenceRow(msgspec.Struct, frozen=True):
    """What differs; amounts in minor units. Without `payment_id` it is money that is not of this house."""

    provider: str
    what: str
    reference: str
    payment_id: UUID | None
    ours: int
    theirs: int
    currency: str
    noted_at: datetime


class ReconciliationRow(msgspec.Struct, frozen=True):
    """Until when a provider's books were compared."""

    provider: str
    reconciled_until: datetime


class CountRow(msgspec.Struct, frozen=True):
    """How many differences there are with a provider."""

    provider: str
    count: int


async def list_known(source: Source, provider: str, references: Sequence[str]) -> list[Known]:
    """Our payments with these ids of the provider's."""
    return await source.list(
        Known,
        """
        SELECT reference, state, captured
          FROM payments
         WHERE provider = $1 AND reference = ANY ($2::text[])
        """,
        provider,
        references,
    )


async def find_reconciled_until(source: Source, provider: str) -> datetime | None:
    """Until when this provider's books were compared."""
    return await source.find(
        datetime, "SELECT reconciled_until FROM reconciliations WHERE provider = $1", provider
    )


async def list_reconciliations(source: Source) -> list[ReconciliationRow]:
    """Of all providers."""
    return await source.list(ReconciliationRow, "SELECT provider, reconciled_until FROM reconciliations")


async def update_reconciled_until(tx: Transaction, provider: str, until: datetime) -> None:
    """This provider's books were compared until then; never less than before."""
    await tx.execute(
        """
        INSERT INTO reconciliations (provider, reconciled_until)
        VALUES ($1, $2)
        ON CONFLICT (provider) DO UPDATE
           SET reconciled_until = greatest(reconciliations.reconciled_until, excluded.reconciled_until)
        """,
        provider,
        until,
    )


async def list_differences(source: Source, differences_max: int) -> list[DifferenceRow]:
    """What a person has to look at, newest first: of our payments, and of money that is not of this house."""
    return await source.list(
        DifferenceRow,
        """
        SELECT provider, what, reference, payment_id, ours, theirs, currency, noted_at
          FROM book_differences
         UNION ALL
        SELECT provider, what, reference, NULL, 0, amount, currency, noted_at
          FROM foreign_money
         UNION ALL
        SELECT payment.provider, 'REFUND THAT FAILED', coalesce(payment.reference, ''), payment.id,
               refund.amount, 0, refund.currency, refund.failed_at
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.state = 'FAILED'
         ORDER BY noted_at DESC
         LIMIT $1
        """,
        differences_max,
    )


async def list_difference_counts(source: Source) -> list[CountRow]:
    """How many `list_differences` has, for each provider that has any."""
    return await source.list(
        CountRow,
        """
        SELECT provider, count(*) AS count
          FROM (SELECT provider FROM book_differences
                 UNION ALL
                SELECT provider FROM foreign_money
                 UNION ALL
                SELECT payment.provider
                  FROM refunds AS refund
                  JOIN payments AS payment
                    ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
                 WHERE refund.state = 'FAILED') AS found
         GROUP BY provider
        """,
    )


async def insert_difference(
    tx: Transaction,
    *,
    provider: str,
    reference: str,
    what: str,
    payment_id: UUID,
    ours: int,
    theirs: int,
    currency: str,
) -> None:
    """Keep what a person has to look at; seen again, it is the same with the amounts of now."""
    await tx.execute(
        """
        INSERT INTO book_differences (provider, reference, what, payment_id, ours, theirs, currency)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (provider, reference, what) DO UPDATE
           SET ours = excluded.ours, theirs = excluded.theirs, seen_at = now()
        """,
        provider,
        reference,
        what,
        payment_id,
        ours,
        theirs,
        currency,
    )
