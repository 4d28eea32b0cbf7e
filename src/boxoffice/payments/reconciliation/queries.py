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


async def claim_turn(
    tx: Transaction, provider: str, again_seconds: float, lost_seconds: float
) -> datetime | None:
    """Take the turn to compare this provider's books: when it began, or None if it is nobody's yet.

    It is somebody's again so long after the last one began, or sooner after one that is not over.
    """
    return await tx.find(
        datetime,
        """
        INSERT INTO reconciliation_turns AS turn (provider, begun_at, is_over)
        VALUES ($1, now(), false)
        ON CONFLICT (provider) DO UPDATE
           SET begun_at = excluded.begun_at, is_over = false
         WHERE turn.begun_at
               < now() - make_interval(secs => CASE WHEN turn.is_over THEN $2::float ELSE $3::float END)
        RETURNING begun_at
        """,
        provider,
        again_seconds,
        lost_seconds,
    )


async def update_turn_over(tx: Transaction, provider: str, begun_at: datetime) -> None:
    """This turn has come to its end, if nobody has taken the next one meanwhile."""
    await tx.execute(
        "UPDATE reconciliation_turns SET is_over = true WHERE provider = $1 AND begun_at = $2",
        provider,
        begun_at,
    )


async def list_differences(source: Source, differences_max: int) -> list[DifferenceRow]:
    """What a person has to look at, newest first: of our payments, and of money that is not of this house."""
    return await source.list(
        DifferenceRow,
        """
        SELECT provider, what, reference, payment_id, ours, theirs, currency, noted_at
          FROM waiting_differences
         ORDER BY noted_at DESC
         LIMIT $1
        """,
        differences_max,
    )


async def list_difference_counts(source: Source) -> list[CountRow]:
    """How many `list_differences` has, for each provider that has any."""
    return await source.list(
        CountRow, "SELECT provider, count(*) AS count FROM waiting_differences GROUP BY provider"
    )


async def insert_done(tx: Transaction, reference: str, note: str) -> int:
    """Somebody has dealt with what differs by this id of a provider's; how much that was.

    A refund that failed is no difference of books: it waits until it is made or settled.
    """
    return await tx.execute(
        """
        INSERT INTO differences_done (provider, what, reference, ours, theirs, note)
        SELECT provider, what, reference, ours, theirs, $2
          FROM waiting_differences
         WHERE reference = $1 AND what <> 'REFUND THAT FAILED'
        ON CONFLICT ON CONSTRAINT a_difference_is_done_once DO NOTHING
        """,
        reference,
        note,
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
) -> bool:
    """Keep what a person has to look at; seen again, it is the same with the amounts of now.

    Whether it waits: somebody may have dealt with it, as it is now.
    """
    return await tx.get(
        bool,
        """
        INSERT INTO book_differences (provider, reference, what, payment_id, ours, theirs, currency)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        ON CONFLICT (provider, reference, what) DO UPDATE
           SET ours = excluded.ours, theirs = excluded.theirs, seen_at = now()
        RETURNING NOT EXISTS (SELECT FROM differences_done
                               WHERE provider = $1 AND reference = $2 AND what = $3
                                 AND ours = $5 AND theirs = $6)
        """,
        provider,
        reference,
        what,
        payment_id,
        ours,
        theirs,
        currency,
    )


async def insert_foreign_money(
    tx: Transaction, *, provider: str, what: str, reference: str, amount: int, currency: str
) -> bool:
    """Keep that there is money which is not ours; seen again, it is the same. Whether it waits, as above."""
    return await tx.get(
        bool,
        """
        WITH noted AS (
            INSERT INTO foreign_money (provider, what, reference, amount, currency)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (provider, what, reference) DO NOTHING
        )
        SELECT NOT EXISTS (SELECT FROM differences_done
                            WHERE provider = $1 AND what = $2 AND reference = $3)
        """,
        provider,
        what,
        reference,
        amount,
        currency,
    )
