"""Giving up a paid booking by its policy, and the share of its money that goes back."""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from boxoffice.catalog.cancellation_policy import deadline_at
from boxoffice.catalog.prices.pricing import FeeLevy, Levies, TaxLevy, tax_on
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.cancel_rules import give_up, is_used
from boxoffice.inventory.commands import BookingState, GivenUp, GiveUp
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.parting import Part, part_at
from boxoffice.inventory.refusals import (
    BookingIsOver,
    EventCancelled,
    NothingToRefund,
    PaidBookingIsFinal,
    TooLateToCancel,
    UsedBookingIsFinal,
)
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.money import BASIS_POINTS, movable, portion


class Share(msgspec.Struct, frozen=True):
    """What comes back of what places cost, and the fees and taxes that are part of it."""

    amount: int
    fees: int
    taxes: int


def share_of(part: Part, percent: int, step: int, *, fees_kept: bool) -> Share:
    """So many percent of what each place cost in whole steps, half a step rounded up, place by place.

    With `fees_kept` of its price and the tax on the price alone. Fees and taxes go back as the amount does.
    """
    levies = (without_fees(part, step) if fees_kept else part).levies or Levies()
    points = percent * BASIS_POINTS // 100
    costs = [price + levies.added_to(index) for index, price in enumerate(part.amounts)]
    return Share(
        sum(portion(cost, points, step) for cost in costs),
        sum(portion(_sum_at(levies.fees, index), points) for index in range(len(costs))),
        sum(portion(_sum_at(levies.taxes, index), points) for index in range(len(costs))),
    )


def without_fees(part: Part, step: int) -> Part:
    """These places as if they bore no fees: their prices, and the taxes on these alone."""
    levies = part.levies or Levies()
    taxes = [
        TaxLevy(
            levy.tax,
            tuple(
                [
                    None if amount is None else tax_on(price, levy.tax, step)
                    for price, amount in zip(part.amounts, levy.amounts, strict=True)
                ]
            ),
        )
        for levy in levies.taxes
    ]
    return msgspec.structs.replace(part, levies=Levies((), tuple(taxes), levies.discount))


def _sum_at(levies: Sequence[FeeLevy | TaxLevy], index: int) -> int:
    return sum(levy.amounts[index] or 0 for levy in levies)


def decide_give_up(  # noqa: C901, PLR0911, PLR0912  one for each reason
    draft: Draft, command: GiveUp, now: datetime
) -> GivenUp | Refusal:
    """Free the places of a paid booking while its policy allows; a share of the money goes back."""
    booking, known = draft.booking(command.booking_id), command.known
    if booking is None or booking.buyer_id != command.buyer_id:
        return NotFound()
    if booking.state is BookingState.CANCELLED:
        return GivenUp(booking)
    if booking.state is not BookingState.CONFIRMED:
        return BookingIsOver(state=booking.state)
    if draft.inventory.terms.state is EventState.CANCELLED:
        # It is being called off, and then all of the money goes back.
        return EventCancelled()
    if not command.deadlines:
        return PaidBookingIsFinal()
    tier = deadline_at(command.deadlines, now)
    if tier is None:
        return TooLateToCancel(until=max(each.until for each in command.deadlines))
    if known is None or len(known.tickets) == 0:
        return NothingToRefund()
    if is_used(draft, known):
        return UsedBookingIsFinal()
    places = range(len(booking.amounts))
    part = part_at(booking, places, places)
    step = draft.inventory.terms.step
    share = share_of(part, tier.refund_percent, step, fees_kept=command.fees_kept)
    is_whole = share == Share(part.worth, part.fees, part.taxes)
    payment_id, left = None, 0
    if known.payment is not None:
        payment_id = known.payment.payment_id
        left = known.payment.left - draft.owed.get(payment_id, 0)
        if known.payment.left == 0:
            # Of what is only authorised nothing but the whole can go back, and is void; else wait for it.
            if share.amount < part.worth:
                return NothingToRefund()
            is_whole = True
    amount = movable(share.amount, left, step)
    if is_whole:
        give_up(draft, booking)
    else:
        give_up(draft, booking, amount, fees_kept=command.fees_kept)
    cancelled = msgspec.structs.replace(booking, state=BookingState.CANCELLED, expires_at=None)
    return GivenUp(cancelled, payment_id, amount, share.fees, part.worth, is_whole)
