"""What we know about a person: handed to them, or erased. The books stay: amounts, places and dates."""

from collections import defaultdict
from typing import Any
from uuid import UUID

import msgspec

from boxoffice.accounts import erasing, people
from boxoffice.accounts.audit.reading import list_own_entries
from boxoffice.accounts.confirmation import confirmed
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.schemas import Confirmation
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.accounts.sessions import logging_in as sessions
from boxoffice.booking import queries
from boxoffice.booking.queries import PaperRow, TicketRecord
from boxoffice.booking.schemas import BookingRecord, PaymentRecord, PersonalData
from boxoffice.booking.views import view_of_row
from boxoffice.catalog.team import keys, members
from boxoffice.inventory.answers.asking import erase_answers
from boxoffice.kit.errors import Refusal
from boxoffice.kit.idempotency import forget_answers_of
from boxoffice.kit.money import Money
from boxoffice.kit.paging import decode_cursor, page_of
from boxoffice.kit.postgres import Database, Transaction


class StillResponsible(Refusal, status=409):
    """Somebody who runs the house, or has events that are to come, is not erased.

    Cancel the events or wait until they are over; have another admin take the role away.
    """


async def export(db: Database, user: Identity, *, cursor: str | None, limit: int) -> PersonalData:
    """Everything about the user; of the bookings a page, newest first. Raises `NotFound`, `UnknownCursor`."""
    account = await people.get_user(db, user.user_id)
    before = None if cursor is None else decode_cursor(cursor, UUID)
    rows = await queries.list_bookings(db, user.user_id, before, limit + 1)
    page = page_of(rows, limit, lambda row: row.id)
    of_rows = [row.event_id for row in page.items], [row.id for row in page.items]
    tickets: defaultdict[UUID, list[TicketRecord]] = defaultdict(list)
    for ticket in await queries.list_ticket_records(db, *of_rows):
        tickets[ticket.booking_id].append(ticket)
    payments: defaultdict[UUID, list[PaymentRecord]] = defaultdict(list)
    for payment in await queries.list_payment_records(db, *of_rows):
        record = PaymentRecord(
            payment.id,
            payment.provider,
            payment.state,
            Money(payment.amount, payment.currency),
            payment.created_at,
        )
        payments[payment.booking_id].append(record)
    answers = _papers(await queries.list_answers(db, *of_rows))
    invoices = _papers(await queries.list_invoices(db, *of_rows))
    return PersonalData(
        account=account,
        sessions=(await sessions.list_sessions(db, user.user_id, None)).items,
        memberships=(await members.list_memberships(db, user)).items,
        api_keys=(await keys.list_keys(db, user)).items,
        changes=await list_own_entries(db, user.user_id),
        bookings=[
            BookingRecord(
                await view_of_row(db, row),
                tickets[row.id],
                payments[row.id],
                answers[row.id],
                invoices[row.id],
            )
            for row in page.items
        ],
        next_cursor=page.next_cursor,
    )


def _papers(rows: list[PaperRow]) -> defaultdict[UUID, list[Any]]:
    found: defaultdict[UUID, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.booking_id].append(msgspec.json.decode(row.content))
    return found


async def erase(
    db: Database,
    passwords: Passwords,
    second_factors: SecondFactors,
    user: Identity,
    confirmation: Confirmation,
) -> None:
    """Erase one's own account. Raises what `confirmed` raises, and `StillResponsible`."""

    async def work(tx: Transaction) -> None:
        await erase_in(tx, user.user_id)

    await confirmed(db, passwords, second_factors, user.user_id, confirmation, work)


async def erase_user(db: Database, user_id: int) -> None:
    """Erase an account, as an admin who was asked to. Raises `NotFound` or `StillResponsible`."""
    async with db.transaction() as tx:
        await erasing.lock_account(tx, user_id)
        await erase_in(tx, user_id)


async def erase_in(tx: Transaction, user_id: int) -> None:
    """Erase the account. The user's lock must be held. Raises `StillResponsible`."""
    if await queries.get_responsibility(tx, user_id):
        raise StillResponsible
    await erasing.erase_account(tx, user_id)
    await members.forget_person(tx, user_id)
    await keys.forget_keys(tx, user_id)
    await forget_answers_of(tx, user_id)
    await erase_answers(tx, user_id)
