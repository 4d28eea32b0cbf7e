"""The rule of taking single places of a paid booking back, with the money that was paid for them."""

from collections.abc import Sequence

from boxoffice.catalog.prices.ticket_types import decode_types_of_places
from boxoffice.inventory.cancel_rules import give_up
from boxoffice.inventory.changes import BookingReduced
from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    TakeBackPlaces,
    TakenBack,
    TicketOf,
)
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.parting import Part, part_at
from boxoffice.inventory.promo import use_in, use_less, use_of
from boxoffice.inventory.refusals import AlreadyAdmitted, BookingIsOver, NothingToRefund, NotOfThisBooking
from boxoffice.kit.errors import NotFound, Refusal
from boxoffice.kit.money import movable


def decide_take_back_places(  # noqa: PLR0911  one for each reason
    draft: Draft, command: TakeBackPlaces
) -> TakenBack | Refusal:
    """Take these places of a confirmed booking back; all that are left are the whole booking.

    What goes back is what they cost, never more than is left of what was paid.
    """
    booking, known = draft.booking(command.booking_id), command.known
    if booking is None:
        return NotFound()
    if booking.state is not BookingState.CONFIRMED:
        return BookingIsOver(state=booking.state)
    if known is None or known.payment is None or booking.total == 0:
        return NothingToRefund()
    tickets = [ticket for ticket in known.tickets if ticket.id not in draft.voided]
    if len(tickets) != len(booking.amounts):
        # Paid for in this very batch: its tickets are not there yet.
        return NothingToRefund()
    indexes = _find_places(booking, tickets, command)
    if isinstance(indexes, Refusal):
        return indexes
    admitted = [tickets[index].id for index in sorted(indexes) if tickets[index].is_admitted]
    if admitted and not command.admitted_too:
        return AlreadyAdmitted(ticket_ids=admitted)
    payment_id = known.payment.payment_id
    left = known.payment.left - draft.owed.get(payment_id, 0)
    # What is only authorised goes back whole, and is void.
    is_void = known.payment.left == 0
    if len(indexes) == len(booking.amounts) and (left > 0 or is_void):
        give_up(draft, booking)
        return TakenBack(booking_id=booking.id, refund_id=payment_id)
    part = part_at(booking, [ticket.number for ticket in tickets], indexes)
    amount = movable(part.worth, left, draft.inventory.terms.step)
    if amount <= 0:
        return NothingToRefund()
    draft.reduce(_reduced(draft, command, booking, tickets, indexes, part))
    draft.owed[payment_id] = draft.owed.get(payment_id, 0) + amount
    return TakenBack(
        booking_id=booking.id,
        refund_id=command.refund_id,
        payment_id=payment_id,
        amount=amount,
        currency=booking.currency,
        part=part,
        indexes=tuple(sorted(indexes)),
    )


def _find_places(
    booking: Booking, tickets: Sequence[TicketOf], command: TakeBackPlaces
) -> set[int] | Refusal:
    """Where in the booking the named places are; of its places and its tickets each n-th belong together.

    Of the admissions to an area those go first that nobody was admitted with, and of these the last.
    """
    index_of = {ticket.id: index for index, ticket in enumerate(tickets)}
    found = {index_of[ticket_id] for ticket_id in command.ticket_ids if ticket_id in index_of}
    found |= {index for index, seat_id in enumerate(booking.seat_ids) if seat_id in command.seat_ids}
    seats, missing_areas = len(booking.seat_ids), set[int]()
    types = decode_types_of_places(booking.ticket_types) or (None,) * len(booking.amounts)
    wanted_types = command.area_ticket_types or (None,) * len(command.area_ids)
    for wanted in zip(command.area_ids, wanted_types, strict=True):
        fitting = [
            index
            for index, area_id in enumerate(booking.area_ids, start=seats)
            if (area_id, types[index]) == wanted and index not in found
        ]
        if fitting:
            found.add(min(fitting, key=lambda index: (tickets[index].is_admitted, -index)))
        else:
            missing_areas.add(wanted[0])
    missing_seats = [seat_id for seat_id in command.seat_ids if seat_id not in booking.seat_ids]
    missing_tickets = [ticket_id for ticket_id in command.ticket_ids if ticket_id not in index_of]
    if missing_seats or missing_areas or missing_tickets:
        return NotOfThisBooking(
            seat_ids=missing_seats, area_ids=sorted(missing_areas), ticket_ids=missing_tickets
        )
    return found


def _reduced(
    draft: Draft,
    command: TakeBackPlaces,
    booking: Booking,
    tickets: Sequence[TicketOf],
    indexes: set[int],
    part: Part,
) -> BookingReduced:
    places = range(len(booking.amounts))
    rest = part_at(booking, places, [index for index in places if index not in indexes])
    return BookingReduced(
        booking_id=booking.id,
        buyer_id=booking.buyer_id,
        seat_ids=rest.seat_ids,
        area_ids=rest.area_ids,
        amounts=rest.amounts,
        freed_seat_ids=part.seat_ids,
        freed_area_ids=part.area_ids,
        ticket_ids=tuple([tickets[index].id for index in sorted(indexes)]),
        blocked_seat_ids=draft.back_in_blocks(part.seat_ids),
        levies=rest.levies,
        ticket_types=rest.ticket_types,
        freed_ticket_types=part.ticket_types,
        promo=use_less(use_in(booking.levies), use_of(rest.levies)),
        refund_id=command.refund_id,
    )
