"""SQL of what is due to organizers, and of payouts; what the house pays writes its movements with it."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class OrganizerDueRow(msgspec.Struct, frozen=True):
    """What is due to an organizer in one currency, in minor units; below 0 they owe it."""

    organizer_id: int
    name: str
    email: str
    currency: str
    amount: int
    since: datetime


class EventDueRow(msgspec.Struct, frozen=True):
    """What is due of one event, in minor units, or, below 0, owed."""

    event_id: int
    amount: int
    since: datetime


class PayoutRow(msgspec.Struct, frozen=True):
    """A payout, with its return if it came back."""

    id: UUID
    organizer_id: int
    currency: str
    amount: int
    paid_on: date
    reference: str
    noted_at: datetime
    returned_on: date | None
    return_reason: str | None


class Earned(msgspec.Struct, frozen=True):
    """What an event's organizer has in one currency, in minor units; below 0 is owed to the house."""

    event_id: int
    currency: str
    amount: int


class NewPayoutRow(msgspec.Struct, frozen=True):
    """What the house has paid, in minor units."""

    id: UUID
    organizer_id: int
    currency: str
    amount: int
    paid_on: date
    reference: str


class PartRow(msgspec.Struct, frozen=True):
    """What of a payout is for one event; below 0 it was taken off what is paid for others."""

    event_id: int
    amount: int


# What a `PayoutRow` is read from.
_PAYOUTS: LiteralString = """
    SELECT payout.id, payout.organizer_id, payout.currency, payout.amount, payout.paid_on,
           payout.reference, payout.noted_at, returned.returned_on, returned.reason AS return_reason
      FROM payouts AS payout
      LEFT JOIN payout_returns AS returned ON returned.id = payout.id
"""


async def claim_turn_to_pay(tx: Transaction) -> None:
    """Wait until nobody else pays out or moves what is due, and have them wait until we commit.

    A statement of its own: the next one sees what was due to be paid when the others were done.
    """
    await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended('boxoffice payouts', 0))")


async def get_last_day(source: Source) -> date:
    """The day it is where it is latest."""
    return await source.get(date, "SELECT (now() AT TIME ZONE 'Pacific/Kiritimati')::date")


async def find_organizer_id(source: Source, organizer_id: int) -> int | None:
    """The id of an account, if there is one; it may have sold once and not be an organizer's now."""
    return await source.find(int, "SELECT id FROM users WHERE id = $1", organizer_id)


async def list_dues(
    source: Source, after_organizer: int, after_currency: str, limit: int
) -> list[OrganizerDueRow]:
    """What is due to or from organizers, by organizer and currency, those after this one."""
    return await source.list(
        OrganizerDueRow,
        """
        SELECT due.organizer_id, coalesce(organizer.name, '') AS name,
               coalesce(organizer.email, '') AS email, due.currency, due.amount, due.since
          FROM (SELECT organizer_id, currency, sum(amount)::bigint AS amount, min(since) AS since
                  FROM dues
                 WHERE organizer_id >= $1 AND (organizer_id, currency) > ($1, $2)
                 GROUP BY organizer_id, currency
                HAVING sum(amount) <> 0
                 ORDER BY organizer_id, currency
                 LIMIT $3) AS due
          JOIN users AS organizer ON organizer.id = due.organizer_id
         ORDER BY due.organizer_id, due.currency
        """,
        after_organizer,
        after_currency,
        limit,
    )


async def list_dues_of(source: Source, organizer_id: int, currency: str) -> list[EventDueRow]:
    """What is due of each event of this organizer in this currency, the oldest first."""
    return await source.list(
        EventDueRow,
        """
        SELECT event_id, amount, since
          FROM dues
         WHERE organizer_id = $1 AND currency = $2
         ORDER BY since, event_id
        """,
        organizer_id,
        currency,
    )


async def insert_payout(
    tx: Transaction, paid: NewPayoutRow, parts: Sequence[PartRow], movement_ids: Sequence[UUID]
) -> None:
    """The house has paid this: of each event its part is not due any more."""
    await tx.execute(
        """
        WITH paid AS (
            INSERT INTO payouts (id, organizer_id, currency, amount, paid_on, reference)
            VALUES ($1, $2, $3, $4, $5, $6)
            RETURNING id, currency
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, payout, house_bank)
        SELECT part.event_id, part.movement_id, 'PAID_OUT', paid.id, paid.currency, part.amount, -part.amount
          FROM paid, unnest($7::bigint[], $8::uuid[], $9::bigint[]) AS part (event_id, movement_id, amount)
        """,
        paid.id,
        paid.organizer_id,
        paid.currency,
        paid.amount,
        paid.paid_on,
        paid.reference,
        [part.event_id for part in parts],
        movement_ids,
        [part.amount for part in parts],
    )


async def find_payout(source: Source, payout_id: UUID) -> PayoutRow | None:
    """One that was made."""
    return await source.find(
        PayoutRow,
        _PAYOUTS
        + """
         WHERE payout.id = $1
        """,
        payout_id,
    )


async def list_payouts(
    source: Source, organizer_id: int | None, before: UUID | None, limit: int
) -> list[PayoutRow]:
    """Payouts to this organizer, or to all, the newest first."""
    return await source.list(
        PayoutRow,
        _PAYOUTS
        + """
         WHERE ($1::bigint IS NULL OR payout.organizer_id = $1)
           AND payout.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         ORDER BY payout.id DESC
         LIMIT $3
        """,
        organizer_id,
        before,
        limit,
    )


async def list_parts(source: Source, organizer_id: int, payout_id: UUID) -> list[PartRow]:
    """What of a payout to this organizer was for which event."""
    return await source.list(
        PartRow,
        """
        SELECT event.id AS event_id, movement.payout AS amount
          FROM events AS event
          JOIN ledger_movements AS movement ON movement.event_id = event.id
         WHERE event.organizer_id = $1 AND movement.cause_id = $2 AND movement.kind = 'PAID_OUT'
         ORDER BY event.id
        """,
        organizer_id,
        payout_id,
    )


async def insert_return(
    tx: Transaction,
    payout: PayoutRow,
    returned_on: date,
    reason: str,
    parts: Sequence[PartRow],
    movement_ids: Sequence[UUID],
) -> None:
    """This payout has come back from the bank: all of its parts are due again. A second return is refused."""
    await tx.execute(
        """
        WITH returned AS (
            INSERT INTO payout_returns (id, organizer_id, returned_on, reason)
            VALUES ($1, $2, $3, $4)
            RETURNING id
        )
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, payout, house_bank)
        SELECT part.event_id, part.movement_id, 'PAYOUT_RETURNED', returned.id, $5, -part.amount, part.amount
          FROM returned,
               unnest($6::bigint[], $7::uuid[], $8::bigint[]) AS part (event_id, movement_id, amount)
        """,
        payout.id,
        payout.organizer_id,
        returned_on,
        reason,
        payout.currency,
        [part.event_id for part in parts],
        movement_ids,
        [part.amount for part in parts],
    )


async def insert_dues(
    tx: Transaction, earned: Sequence[Earned], movement_ids: Sequence[UUID], cause_ids: Sequence[UUID]
) -> None:
    """These are due to their organizers.

    The caller has the turn (`claim_payout_turn`), so no two do this at once.
    """
    await tx.execute(
        """
        INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, organizer, payout)
        SELECT event_id, movement_id, 'PAYOUT_DUE', cause_id, currency, amount, -amount
          FROM unnest($1::bigint[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[])
            AS earned (event_id, movement_id, cause_id, currency, amount)
        """,
        [each.event_id for each in earned],
        movement_ids,
        cause_ids,
        [each.currency for each in earned],
        [each.amount for each in earned],
    )


async def claim_payout_turn(tx: Transaction) -> bool:
    """Whether we are the one who pays out until we commit; nobody waits for somebody else who is."""
    return await tx.get(bool, "SELECT pg_try_advisory_xact_lock(hashtextextended('boxoffice payouts', 0))")


async def list_earned(source: Source, days: int, recent_days: int, events_max: int) -> list[Earned]:
    """What organizers of events that began so many days ago have and is not due yet, by event and currency.

    Of those that began longer ago than `recent_days` each hour of the day has its own, by their ids. The
    newest movement but for payouts, which move nothing of this, is looked at first: days after all became due
    nothing is added up until something else happens. Until then it is, at two looks at least: ids are made
    before they are committed, and one may turn up behind that of what became due.
    """
    return await source.list(
        Earned,
        """
        SELECT event.id AS event_id, earned.currency, earned.amount
          FROM events AS event,
               LATERAL (SELECT kind, at
                          FROM ledger_movements
                         WHERE event_id = event.id AND house_bank = 0
                         ORDER BY event_id DESC, movement_id DESC
                         LIMIT 1) AS newest,
               LATERAL (SELECT currency, -sum(organizer)::bigint AS amount
                          FROM ledger_movements
                         WHERE event_id = event.id
                           AND NOT (newest.kind = 'PAYOUT_DUE' AND newest.at < now() - interval '3 days')
                         GROUP BY currency
                        HAVING sum(organizer) <> 0) AS earned
         WHERE event.starts_at < now() - $1 * interval '1 day'
           AND (event.starts_at > now() - $2 * interval '1 day'
                OR event.id % 24 = extract(hour FROM now() AT TIME ZONE 'UTC')::integer)
         ORDER BY event.starts_at
         LIMIT $3
        """,
        days,
        recent_days,
        events_max,
    )
