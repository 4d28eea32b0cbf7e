"""SQL of balances and statements: what an organizer reads of the ledger."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source


class MovementRow(msgspec.Struct, frozen=True):
    """A movement as far as it concerns an organizer; amounts are what they gain by it, in minor units."""

    movement_id: UUID
    event_id: int
    kind: str
    cause_id: UUID
    booking_id: UUID | None
    at: datetime
    currency: str
    gross: int
    fees: int
    taxes: int
    net: int
    due: int


class BalanceRow(msgspec.Struct, frozen=True):
    """What an organizer has earned in one currency, in minor units: not due yet, due, and paid."""

    currency: str
    gross: int
    refunded: int
    fees: int
    taxes: int
    disputed: int
    open: int
    due: int
    paid_out: int


async def list_balances(source: Source, organizer_id: int) -> list[BalanceRow]:
    """What this organizer's events have brought, by currency: what is in sums, and what has moved since."""
    return await source.list(
        BalanceRow,
        """
        SELECT movement.currency,
               coalesce(-sum(organizer + movement.fees + taxes) FILTER (WHERE kind = 'CAPTURED'), 0)::bigint
                   AS gross,
               coalesce(sum(organizer + movement.fees + taxes) FILTER (WHERE kind = 'REFUND_DUE'), 0)::bigint
                   AS refunded,
               -sum(movement.fees)::bigint AS fees, -sum(taxes)::bigint AS taxes,
               sum(disputed)::bigint AS disputed, -sum(organizer)::bigint AS open,
               -sum(payout)::bigint AS due,
               coalesce(sum(payout) FILTER (WHERE kind IN ('PAID_OUT', 'PAYOUT_RETURNED')), 0)::bigint
                   AS paid_out
          FROM events AS event
          LEFT JOIN ledger_cursors AS cursor ON cursor.event_id = event.id,
               LATERAL (
                   SELECT currency, kind, organizer, fees, taxes, disputed, payout
                     FROM ledger_sums
                    WHERE event_id = event.id
                    UNION ALL
                   SELECT currency, kind, organizer, fees, taxes, disputed, payout
                     FROM ledger_movements
                    WHERE event_id = event.id
                      AND movement_id >= coalesce(cursor.until_id, '00000000-0000-0000-0000-000000000000')
               ) AS movement
         WHERE event.organizer_id = $1 AND kind NOT IN ('AUTHORISED', 'AUTHORISATION_OVER')
         GROUP BY movement.currency
         ORDER BY movement.currency
        """,
        organizer_id,
    )


async def list_movements(
    source: Source, organizer_id: int, before: UUID | None, limit: int
) -> list[MovementRow]:
    """The movements of this organizer's events that concern them, newest first.

    A page is of as many events at most as it has movements: of those with the newest ones. Where there are so
    many, nothing is on it that is older than the newest of the last of them. Money on its way back to a buyer
    (REFUNDED) and money that never was theirs are none of their movements.
    """
    return await source.list(
        MovementRow,
        """
        SELECT movement.movement_id, event.id AS event_id, movement.kind, movement.cause_id,
               movement.booking_id, movement.at, movement.currency, movement.gross, movement.fees,
               movement.taxes, movement.net, movement.due
          FROM (SELECT id, nth_value(newest_id, $3::integer) OVER (
                               ORDER BY newest_id DESC
                               ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS since_id
                  FROM (SELECT event.id, newest.movement_id AS newest_id
                          FROM events AS event,
                               LATERAL (
                                   SELECT movement_id
                                     FROM ledger_movements
                                    WHERE event_id = event.id
                                      AND movement_id
                                          < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                                      AND ((organizer, fees, taxes, house_bank) <> (0, 0, 0, 0)
                                           OR kind IN ('DISPUTED', 'DISPUTE_WON'))
                                    ORDER BY movement_id DESC
                                    LIMIT 1) AS newest
                         WHERE event.organizer_id = $1
                         ORDER BY newest_id DESC
                         LIMIT $3) AS latest) AS event,
               LATERAL (
                   SELECT movement_id, kind, cause_id, booking_id, at, currency,
                          -(organizer + fees + taxes) AS gross, fees, taxes, -organizer AS net, -payout AS due
                     FROM ledger_movements
                    WHERE event_id = event.id
                      AND movement_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
                      AND movement_id >= coalesce(event.since_id, '00000000-0000-0000-0000-000000000000')
                      AND ((organizer, fees, taxes, house_bank) <> (0, 0, 0, 0)
                           OR kind IN ('DISPUTED', 'DISPUTE_WON'))
                    ORDER BY movement_id DESC
                    LIMIT $3) AS movement
         ORDER BY movement.movement_id DESC
         LIMIT $3
        """,
        organizer_id,
        before,
        limit,
    )
