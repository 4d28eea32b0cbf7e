"""Writing down what the house has paid to organizers, and what came back from the bank."""

from datetime import date
from uuid import UUID

from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.ids import new_id
from boxoffice.kit.money import Money, movable, step_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction
from boxoffice.payments.payouts import queries
from boxoffice.payments.payouts.queries import NewPayoutRow, PayoutRow
from boxoffice.payments.payouts.schemas import NewPayout, NewReturn, PayoutView
from boxoffice.payments.payouts.sharing import share_out

# A payout is for many events, and its id carries none.
_NO_EVENT = 0


class MoreThanIsDue(Refusal, status=409):
    """Only `due` is due to this organizer in this currency; below 0 they owe it."""

    due: Money


class AlreadyReturned(Refusal, status=409):
    """This payout has come back before, and is due again since then."""


async def record_payout(db: Database, paid: NewPayout, once: Once | None) -> PayoutView:
    """Write down that the house has paid this. Raises `MoreThanIsDue` and `InvalidInput`."""
    async with db.transaction() as tx:
        return await do_once(tx, once, PayoutView, lambda: _record(tx, paid))


async def _record(tx: Transaction, paid: NewPayout) -> PayoutView:
    """What is due is read in one's turn: of two who pay all of it one is refused."""
    if await queries.find_organizer_id(tx, paid.organizer_id) is None:
        raise invalid("/organizer_id", "There is nobody with this id.")
    await _refuse_future(tx, paid.paid_on, "/paid_on")
    await queries.claim_turn_to_pay(tx)
    dues = await queries.list_dues_of(tx, paid.organizer_id, paid.currency)
    due = sum(each.amount for each in dues)
    if paid.amount > due:
        raise MoreThanIsDue(due=Money(due, paid.currency))
    step = step_of(paid.currency)
    if movable(paid.amount, due, step) != paid.amount:
        detail = f"In {paid.currency} pay a multiple of {step} minor units, or all that is due ({due})."
        raise invalid("/amount", detail)
    payout = NewPayoutRow(
        new_id(_NO_EVENT), paid.organizer_id, paid.currency, paid.amount, paid.paid_on, paid.reference
    )
    parts = share_out(dues, paid.amount)
    await queries.insert_payout(tx, payout, parts, [new_id(part.event_id) for part in parts])
    return _view_of(await _get_payout(tx, payout.id))


async def return_payout(db: Database, payout_id: UUID, returned: NewReturn) -> PayoutView:
    """Write down that a payout came back: all of it is due again.

    Raises `NotFound`, `AlreadyReturned` and `InvalidInput`.
    """
    async with db.transaction() as tx:
        await _refuse_future(tx, returned.returned_on, "/returned_on")
        await queries.claim_turn_to_pay(tx)
        payout = await _get_payout(tx, payout_id)
        if payout.returned_on is not None:
            raise AlreadyReturned
        if returned.returned_on < payout.paid_on:
            raise invalid("/returned_on", f"It was paid on {payout.paid_on}, and came back later.")
        parts = await queries.list_parts(tx, payout.organizer_id, payout_id)
        movement_ids = [new_id(part.event_id) for part in parts]
        await queries.insert_return(tx, payout, returned.returned_on, returned.reason, parts, movement_ids)
        return _view_of(await _get_payout(tx, payout_id))


async def list_payouts(
    source: Source, organizer_id: int | None, cursor: str | None, limit: int
) -> Page[PayoutView]:
    """The payouts to this organizer, or to all, newest first. Raises `UnknownCursor`."""
    before = None if cursor is None else decode_cursor(cursor, UUID)
    rows = await queries.list_payouts(source, organizer_id, before, limit + 1)
    page = page_of(rows, limit, lambda row: row.id)
    return Page([_view_of(row) for row in page.items], page.next_cursor)


async def _get_payout(source: Source, payout_id: UUID) -> PayoutRow:
    payout = await queries.find_payout(source, payout_id)
    if payout is None:
        raise NotFound
    return payout


async def _refuse_future(source: Source, day: date, pointer: str) -> None:
    if day > await queries.get_last_day(source):
        raise invalid(pointer, "This day is still to come: write down what has happened.")


def _view_of(row: PayoutRow) -> PayoutView:
    return PayoutView(
        id=row.id,
        organizer_id=row.organizer_id,
        amount=Money(row.amount, row.currency),
        paid_on=row.paid_on,
        reference=row.reference,
        noted_at=row.noted_at,
        returned_on=row.returned_on,
        return_reason=row.return_reason,
    )
