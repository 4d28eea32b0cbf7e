"""Issue and void tickets together with the decisions that cause it, in the same transaction."""

from collections.abc import Sequence
from uuid import UUID

from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, Change
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Transaction
from boxoffice.tickets.queries import insert_tickets, update_tickets_to_void


async def issue_tickets(tx: Transaction, event_id: int, changes: Sequence[Change]) -> None:
    """One ticket for every place of each booking confirmed here; void those of each one cancelled.

    At most two statements, however many bookings; none when nothing was confirmed or cancelled. The
    bookings' rows must be there already. Codes are not signed here, see `code.py`.
    """
    cancelled = [
        change.booking_id
        for change in changes
        if isinstance(change, BookingCancelled) and change.was_confirmed
    ]
    # Voiding comes first: a seat that is given up and sold again in one batch changes hands.
    if cancelled:
        await update_tickets_to_void(tx, event_id, cancelled)
    ids: list[UUID] = []
    booking_ids: list[UUID] = []
    places: list[int] = []
    seat_ids: list[int | None] = []
    area_ids: list[int | None] = []
    for change in changes:
        if isinstance(change, BookingConfirmed):
            seats, areas = len(change.seat_ids), len(change.area_ids)
            count = seats + areas
            ids += [new_id(event_id) for _ in range(count)]
            booking_ids += [change.booking_id] * count
            places += range(count)
            seat_ids += [*change.seat_ids, *[None] * areas]
            area_ids += [*[None] * seats, *change.area_ids]
    # A booking confirmed and cancelled in one batch still had its tickets: they are void from birth.
    if ids:
        await insert_tickets(tx, event_id, ids, booking_ids, places, seat_ids, area_ids, cancelled)
