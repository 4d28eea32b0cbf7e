"""What a buyer gives up: a hold or a free booking as it is, a paid one by the policy it was made under."""

from uuid import UUID

from boxoffice.booking import queries
from boxoffice.booking.queries import BookingRow
from boxoffice.booking.schemas import BookingCancellation, CancellationTier
from boxoffice.catalog.cancellation_policy import (
    CancellationPolicy,
    Deadline,
    FeesOnCancelling,
    deadline_at,
    deadlines_of,
    decode_policy,
)
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.commands import Booking, BookingState, Cancel, GivenUp, GiveUp
from boxoffice.inventory.give_up_rules import share_of
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.parting import part_at
from boxoffice.inventory.refusals import PaidBookingIsFinal
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import event_of
from boxoffice.kit.money import Money, movable, step_of
from boxoffice.kit.postgres import Database, Source
from boxoffice.payments.refunds.giving_back import get_left


async def cancel_booking(db: Database, sales: GroupCommit, *, buyer_id: int, booking_id: UUID) -> Booking:
    """Give the places back, and what the policy says of the money.

    Raises `NotFound`, `BookingIsOver`, and what `decide_give_up` refuses with.
    """
    event_id = event_of(booking_id)
    try:
        outcome = await sales.submit(event_id, Cancel(booking_id, buyer_id))
    except PaidBookingIsFinal:
        # Only now: those who give up a hold, and these are many, need no policy.
        row = await queries.find_policy(db, event_id, booking_id)
        if row is None or row.policy is None:
            raise
        policy, deadlines = _read(row, row.policy)
        outcome = await sales.submit(
            event_id,
            GiveUp(booking_id, buyer_id, deadlines, fees_kept=policy.fees is FeesOnCancelling.KEPT),
        )
    if isinstance(outcome, GivenUp):
        return outcome.booking
    if not isinstance(outcome, Booking):
        raise TypeError(f"a booking was expected, not {outcome!r}")
    return outcome


async def get_cancellation(source: Source, *, buyer_id: int, booking_id: UUID) -> BookingCancellation:
    """What cancelling now would come to. Raises `NotFound`."""
    event_id = event_of(booking_id)
    booking = await queries.find_booking(source, event_id, booking_id, buyer_id)
    row = await queries.find_policy(source, event_id, booking_id)
    if booking is None or row is None:
        raise NotFound
    is_over = booking.state not in (BookingState.PENDING, BookingState.CONFIRMED)
    if is_over or row.event_state is EventState.CANCELLED:
        # The bookings of a cancelled event are called off, and all of their money goes back.
        return BookingCancellation(can_cancel=False, refund=None, fees=None, tiers=[])
    tickets = await queries.list_ticket_records(source, [event_id], [booking_id])
    is_used = any(ticket.admitted_at is not None and ticket.state == "VALID" for ticket in tickets)
    is_given_up_freely = booking.state is BookingState.PENDING or (
        booking.total == 0 and row.now < row.starts_at and not is_used
    )
    if row.policy is None:
        return BookingCancellation(can_cancel=is_given_up_freely, refund=None, fees=None, tiers=[])
    policy, deadlines = _read(row, row.policy)
    left = booking.total
    if booking.state is BookingState.CONFIRMED:
        left = min(left, await get_left(source, event_id, booking_id))
    tiers = [
        CancellationTier(each.until, each.refund_percent, _refund(booking, policy, each, left))
        for each in deadlines
    ]
    if booking.state is BookingState.PENDING or booking.total == 0:
        return BookingCancellation(can_cancel=is_given_up_freely, refund=None, fees=policy.fees, tiers=tiers)
    tier = deadline_at(deadlines, row.now)
    refund = None if tier is None or is_used else _refund(booking, policy, tier, left)
    return BookingCancellation(can_cancel=refund is not None, refund=refund, fees=policy.fees, tiers=tiers)


def _read(row: queries.PolicyRow, text: str) -> tuple[CancellationPolicy, tuple[Deadline, ...]]:
    policy = decode_policy(text)
    return policy, deadlines_of(policy, row.starts_at, row.time_zone)


def _refund(booking: BookingRow, policy: CancellationPolicy, tier: Deadline, left: int) -> Money:
    """By the rule that decides; never more than is left of what was paid."""
    places = range(len(booking.amounts))
    part = part_at(booking, places, places)
    step = step_of(booking.currency)
    share = share_of(part, tier.refund_percent, step, fees_kept=policy.fees is FeesOnCancelling.KEPT)
    return Money(movable(share.amount, left, step), booking.currency)
