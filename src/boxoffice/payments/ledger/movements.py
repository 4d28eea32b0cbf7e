"""The ledger: where every amount came from and whose it is. docs/money.md has its accounts in words."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import Payment
from boxoffice.kit.ids import new_id
from boxoffice.kit.money import Money
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Source, Transaction
from boxoffice.payments.ledger.queries import update_captured
from boxoffice.payments.ledger.statement_queries import BalanceRow, MovementRow, list_balances, list_movements
from boxoffice.payments.schemas import PaymentState

# The states in which money that was captured at once is news.
AT_ONCE = (PaymentState.PENDING, PaymentState.DECLINED, PaymentState.CANCELLED)

# The state of what was authorised, and is captured some moments after its places were sold: what was
# reserved is not any more.
AT_LAST = (PaymentState.CAPTURE_DUE,)


class MovementKind(StrEnum):
    """What moved an organizer's money. A refund is taken off when it is decided (REFUND_DUE).

    REFUND_SETTLED: the organizer has given one back without the provider, which still has its money for them.
    REFUND_FAILED: one has come back that a lost dispute had made them bear, too.

    DISPUTED and DISPUTE_WON are notes, of 0: an organizer pays only for a DISPUTE_LOST. A payout is PAID_OUT
    event by event, each with what is for it, or, where it owed something, with what is held back for that.
    """

    CAPTURED = "CAPTURED"
    REFUND_DUE = "REFUND_DUE"
    REFUND_FAILED = "REFUND_FAILED"
    REFUND_SETTLED = "REFUND_SETTLED"
    DISPUTED = "DISPUTED"
    DISPUTE_WON = "DISPUTE_WON"
    DISPUTE_LOST = "DISPUTE_LOST"
    PAYOUT_DUE = "PAYOUT_DUE"
    PAID_OUT = "PAID_OUT"
    PAYOUT_RETURNED = "PAYOUT_RETURNED"


class Movement(msgspec.Struct, frozen=True):
    """A line of a statement: `net` is `gross` less `fees` and `taxes`, all below 0 when money goes.

    `net` changes what is `open` of a balance, `due` what is due. `cause_id` is the payment, refund, dispute
    or payout.
    """

    id: UUID
    at: datetime
    kind: MovementKind
    event_id: int
    booking_id: UUID | None
    cause_id: UUID
    gross: Money
    fees: Money
    taxes: Money
    net: Money
    due: Money


class CurrencyBalance(msgspec.Struct, frozen=True):
    """What events have brought in one currency, after refunds and lost disputes.

    `open` is not due yet, `due` is, and `paid_out` was paid; `disputed` is in the hands of banks and part of
    none. What is below 0 is owed to the house, and comes off what is due next.
    """

    currency: str
    gross: Money
    refunded: Money
    fees: Money
    taxes: Money
    disputed: Money
    open: Money
    due: Money
    paid_out: Money


class Balance(msgspec.Struct, frozen=True):
    """One balance for each currency that tickets were sold in."""

    items: list[CurrencyBalance]


async def record_captured(
    tx: Transaction,
    event_id: int,
    payment_ids: Sequence[UUID],
    states: Sequence[PaymentState],
    reports: Sequence[Payment] = (),
) -> None:
    """These payments are captured, unless they are in none of these states, and these reports said so.

    One statement for all.
    """
    ids = 2 if states is AT_LAST else 1
    movements = {payment_id: [new_id(event_id) for _ in range(ids)] for payment_id in payment_ids}
    await update_captured(tx, event_id, movements, states, reports)


async def get_balance(source: Source, organizer_id: int) -> Balance:
    """What this organizer's events have brought."""
    return Balance(items=[_balance(row) for row in await list_balances(source, organizer_id)])


async def get_statement(source: Source, organizer_id: int, cursor: str | None, limit: int) -> Page[Movement]:
    """The movements that concern this organizer, newest first. Raises `UnknownCursor`."""
    before = decode_cursor(cursor, UUID) if cursor else None
    page = page_of(await list_movements(source, organizer_id, before, limit + 1), limit, _position)
    return Page(items=[_movement(row) for row in page.items], next_cursor=page.next_cursor)


def _position(row: MovementRow) -> UUID:
    return row.movement_id


def _movement(row: MovementRow) -> Movement:
    return Movement(
        id=row.movement_id,
        at=row.at,
        kind=MovementKind(row.kind),
        event_id=row.event_id,
        booking_id=row.booking_id,
        cause_id=row.cause_id,
        gross=Money(row.gross, row.currency),
        fees=Money(row.fees, row.currency),
        taxes=Money(row.taxes, row.currency),
        net=Money(row.net, row.currency),
        due=Money(row.due, row.currency),
    )


def _balance(row: BalanceRow) -> CurrencyBalance:
    currency = row.currency
    return CurrencyBalance(
        currency=currency,
        gross=Money(row.gross, currency),
        refunded=Money(row.refunded, currency),
        fees=Money(row.fees, currency),
        taxes=Money(row.taxes, currency),
        disputed=Money(row.disputed, currency),
        open=Money(row.open, currency),
        due=Money(row.due, currency),
        paid_out=Money(row.paid_out, currency),
    )
