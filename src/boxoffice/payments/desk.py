"""What many ask of the payments' tables at once, asked together (see `kit.gathering`)."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from boxoffice.kit.gathering import Gathering
from boxoffice.kit.ids import event_of
from boxoffice.kit.postgres import Database
from boxoffice.payments import queries
from boxoffice.payments.queries import NewPaymentRow, Payable, PaymentAsked, PaymentRow


class Desk:
    """Looks payments up and writes new ones, for all who ask in this process at the same time."""

    def __init__(self, db: Database, gather: Callable[..., Gathering[Any, Any]] = Gathering) -> None:
        self.db = db
        self._payables: Gathering[tuple[UUID, str], Payable | None] = gather(self._list_payables)
        self._payments: Gathering[UUID, PaymentAsked | None] = gather(self._list_payments)
        self._new: Gathering[NewPaymentRow, PaymentRow] = gather(self._insert)

    async def find_payable(self, booking_id: UUID, provider: str) -> Payable | None:
        """The booking as somebody who wants to pay for it sees it, with the payment that is open already."""
        return await self._payables.ask((booking_id, provider))

    async def find_payment(self, payment_id: UUID) -> PaymentAsked | None:
        """What was asked for, whoever's it is."""
        return await self._payments.ask(payment_id)

    async def insert_payment(self, payment: NewPaymentRow) -> PaymentRow:
        """Ask for money, unless somebody else has just done so; durable when it returns."""
        return await self._new.ask(payment)

    async def _list_payables(self, asked: Sequence[tuple[UUID, str]]) -> list[Payable | None]:
        found = {
            (row.booking_id, row.provider): row
            for row in await queries.list_payables(
                self.db,
                [event_of(booking_id) for booking_id, _ in asked],
                [booking_id for booking_id, _ in asked],
                [provider for _, provider in asked],
            )
        }
        return [found.get(each) for each in asked]

    async def _list_payments(self, asked: Sequence[UUID]) -> list[PaymentAsked | None]:
        event_ids = [event_of(payment_id) for payment_id in asked]
        found = {row.id: row for row in await queries.list_payments(self.db, event_ids, asked)}
        return [found.get(payment_id) for payment_id in asked]

    async def _insert(self, payments: Sequence[NewPaymentRow]) -> list[PaymentRow]:
        # Whoever asked twice has one: a statement cannot write a row twice. The first is who was first.
        new = {payment.id: payment for payment in reversed(payments)}
        written = {row.id: row for row in await queries.insert_payments(self.db, list(new.values()))}
        return [written[payment.id] for payment in payments]
