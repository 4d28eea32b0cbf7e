"""Issue and void tickets together with the decisions that cause it, in the same transaction."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, BookingReduced, Change
from boxoffice.inventory.commands import TicketOf
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Transaction
from boxoffice.tickets.queries import (
    NewTickets,
    insert_tickets,
    lock_valid_tickets,
    update_these_tickets_to_void,
    update_tickets_to_void,
)


async def issue_tickets(tx: Transaction, event_id: int, changes: Sequence[Change]) -> None:
    """One ticket for every place of each booking confirmed here; void those of each one cancelled.

    At most two statements, however many bookings; none when nothing was confirmed or cancelled. A third voids
    tickets of single places that were taken back. The bookings' rows must be there already. Codes are not
    signed here, see `code.py`.
    """
    cancelled = [
        change.booking_id
        for change in changes
        if isinstance(change, BookingCancelled) and change.was_confirmed
    ]
    # Voiding comes first: a seat that is given up and sold again in one batch changes hands.
    if cancelled:
        await update_tickets_to_void(tx, event_id, cancelled)
    reduced = [id_ for change in changes if isinstance(change, BookingReduced) for id_ in change.ticket_ids]
    if reduced:
        await update_these_tickets_to_void(tx, event_id, reduced)
    new = NewTickets()
    for change in changes:
        if isinstance(change, BookingConfirmed):
            seats, areas = len(change.seat_ids), len(change.area_ids)
            count = seats + areas
            new.ids += [new_id(event_id) for _ in range(count)]
            new.booking_ids += [change.booking_id] * count
            new.places += range(count)
            new.seat_ids += [*change.seat_ids, *[None] * areas]
            new.area_ids += [*[None] * seats, *change.area_ids]
            new.ticket_types += change.ticket_types or [None] * count
    # A booking confirmed and cancelled in one batch still had its tickets: they are void from birth.
    if new.ids:
        await insert_tickets(tx, event_id, new, cancelled)


async def know_tickets(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID]
) -> Mapping[UUID, tuple[TicketOf, ...]]:
    """The valid tickets of these bookings, for who takes places back; whoever is let in now waits for us."""
    known: dict[UUID, tuple[TicketOf, ...]] = {}
    for row in await lock_valid_tickets(tx, event_id, booking_ids):
        ticket = TicketOf(row.id, row.place, row.admitted_at is not None)
        known[row.booking_id] = (*known.get(row.booking_id, ()), ticket)
    return known
