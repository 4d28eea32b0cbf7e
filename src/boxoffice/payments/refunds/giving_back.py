"""What an organizer gives back: a whole booking, single places of it, or an amount of what was paid."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta, structs

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import may_change
from boxoffice.catalog.years import is_storable
from boxoffice.inventory.commands import TakeBack, TakeBackPlaces, TakenBack
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.parting import Part
from boxoffice.inventory.refusals import NothingToRefund
from boxoffice.kit.actor import current_actor
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.jobs import enqueue
from boxoffice.kit.money import Money, movable, step_of
from boxoffice.kit.paging import Page, UnknownCursor, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source, Transaction
from boxoffice.payments.refunds import queries
from boxoffice.payments.refunds.owing import REFUND_JOB, RefundDue
from boxoffice.payments.refunds.paid import know_paid
from boxoffice.payments.refunds.queries import RefundRow
from boxoffice.payments.refunds.tax_shares import encode_shares, tax_of
from boxoffice.payments.schemas import (
    PLACES_BACK_MAX,
    NewRefund,
    PlacesBack,
    RefundFailure,
    RefundState,
    RefundView,
)

_Position = tuple[Annotated[datetime, Meta(tz=True)], UUID]

# What providers say, in our words. The rest is between them and us: that our account there is empty, say.
_FAILURES = {
    "lost_or_stolen_card": RefundFailure.CARD_GONE,
    "expired_or_canceled_card": RefundFailure.CARD_GONE,
    "declined": RefundFailure.DECLINED,
    "charge_for_pending_refund_disputed": RefundFailure.DISPUTED,
}


class MoreThanIsLeft(Refusal, status=409):
    """Of what was paid for this booking only `left` has not been given back yet."""

    left: Money


async def refund_booking(
    db: Database, sales: GroupCommit, user: Identity, booking_id: UUID, wanted: NewRefund, once: Once | None
) -> RefundView:
    """Owe an amount back, what single places cost, or all that is left: then the booking is cancelled.

    The tickets of what is given back are void. Raises `NotFound` for bookings of other people's events,
    `NothingToRefund`, `MoreThanIsLeft`, `BookingIsOver`, `NotOfThisBooking`, `AlreadyAdmitted` and
    `InvalidInput`.
    """
    event_id = event_of(booking_id)
    owners = await queries.find_booking_owners(db, event_id, booking_id)
    if owners is None or not may_change(user, owners.organizer_id):
        raise NotFound
    if wanted.places is not None and wanted.amount is not None:
        raise invalid("/places", "Name places, which go back with what they cost, or an amount, not both.")
    if wanted.places is not None:
        command = _command_for(event_id, booking_id, wanted.places, wanted.reason)
        taken = await sales.submit(event_id, command, once)
        assert isinstance(taken, TakenBack)
        return await get_refund(db, booking_id, taken.refund_id)
    if wanted.amount is None:
        await sales.submit(event_id, TakeBack(booking_id, wanted.reason, current_actor.get()), once)
        # It was written with the places; of a booking all of which had gone back before, the last one.
        whole = await queries.find_refund_of_booking(db, event_id, booking_id, None)
        if whole is None:
            raise NothingToRefund
        return view_of_refund(booking_id, whole)
    amount = wanted.amount

    async with db.transaction() as tx:
        return await do_once(
            tx, once, RefundView, lambda: _owe(tx, event_id, booking_id, amount, wanted.reason)
        )


async def list_refunds(
    source: Source, user: Identity, booking_id: UUID, *, cursor: str | None, limit: int
) -> Page[RefundView]:
    """The refunds of a booking, for its buyer and the event's team, the oldest first.

    Raises `NotFound` for everybody else, and `UnknownCursor`. Providers' words are for the team only.
    """
    event_id = event_of(booking_id)
    owners = await queries.find_booking_owners(source, event_id, booking_id)
    if owners is None:
        raise NotFound
    is_of_team = may_change(user, owners.organizer_id)
    if not is_of_team and user.user_id != owners.buyer_id:
        raise NotFound
    after = None if cursor is None else decode_cursor(cursor, _Position)
    if after is not None and not is_storable(after[0]):
        raise UnknownCursor
    rows = await queries.list_refunds(source, event_id, booking_id, after, limit + 1)
    page = page_of(rows, limit, lambda row: (row.created_at, row.id))
    shown = [view_of_refund(booking_id, row) for row in page.items]
    if not is_of_team:
        shown = [structs.replace(each, failure_words=None) for each in shown]
    return Page(shown, page.next_cursor)


async def get_refund(source: Source, booking_id: UUID, refund_id: UUID) -> RefundView:
    """One that is there, as its event's team sees it."""
    row = await queries.find_refund_of_booking(source, event_of(booking_id), booking_id, refund_id)
    assert row is not None
    return view_of_refund(booking_id, row)


def _command_for(event_id: int, booking_id: UUID, places: PlacesBack, reason: str) -> TakeBackPlaces:
    admissions = [area for area in places.areas for _ in range(area.quantity)]
    count = len(places.seat_ids) + len(admissions) + len(places.ticket_ids)
    if not 0 < count <= PLACES_BACK_MAX:
        raise invalid("/places", f"Name from 1 to {PLACES_BACK_MAX} places: seats, areas or tickets.")
    return TakeBackPlaces(
        booking_id,
        new_id(event_id),
        reason,
        seat_ids=tuple(places.seat_ids),
        area_ids=tuple([area.area_id for area in admissions]),
        area_ticket_types=tuple([area.ticket_type for area in admissions]),
        ticket_ids=tuple(places.ticket_ids),
        admitted_too=places.admitted_too,
        actor=current_actor.get(),
    )


async def get_left(source: Source, event_id: int, booking_id: UUID) -> int:
    """What was paid for a booking and is not given back yet, in minor units."""
    return await queries.get_left(source, event_id, booking_id)


async def _owe(tx: Transaction, event_id: int, booking_id: UUID, amount: int, reason: str) -> RefundView:
    """What is left is read under the payment's lock: of two who want the last of it one is refused."""
    paid = [each for each in await queries.lock_bought_payments(tx, event_id, [booking_id]) if each.captured]
    if not paid:
        raise NothingToRefund
    payment = paid[0]
    left = payment.captured - payment.refunded
    if amount > left:
        raise MoreThanIsLeft(left=Money(left, payment.currency))
    step = step_of(payment.currency)
    if movable(amount, left, step) != amount:
        detail = (
            f"In {payment.currency} money goes back in multiples of {step} minor units, or all that is left."
        )
        raise invalid("/amount", detail)
    shares = (await know_paid(tx, event_id, [booking_id]))[booking_id].take(amount)
    refund = queries.NewRefund(
        id=new_id(event_id),
        movement_id=new_id(event_id),
        payment_id=payment.id,
        booking_id=booking_id,
        amount=amount,
        currency=payment.currency,
        # An amount is at the organizer's expense: fees stay where they are, its tax moves.
        fees=0,
        taxes=tax_of(shares),
        worth=0,
        reason=reason,
        is_captured=True,
        tax_shares=encode_shares(shares),
    )
    await queries.insert_refunds(tx, event_id, [refund])
    await enqueue(tx, REFUND_JOB, RefundDue(payment.id, refund.id))
    return await get_refund(tx, booking_id, refund.id)


def view_of_refund(booking_id: UUID, row: RefundRow) -> RefundView:
    """A refund as its event's team sees it."""
    part = None if row.part is None else msgspec.json.decode(row.part, type=Part)
    return RefundView(
        id=row.id,
        booking_id=booking_id,
        amount=Money(row.amount, row.currency),
        state=RefundState(row.state),
        reason=row.reason,
        created_at=row.created_at,
        done_at=row.done_at,
        seat_ids=list(part.seat_ids) if part else [],
        area_ids=list(part.area_ids) if part else [],
        failure=None if row.failure is None else _FAILURES.get(row.failure, RefundFailure.PROVIDER),
        failure_words=row.failure,
    )
