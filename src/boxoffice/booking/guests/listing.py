"""An event's bookings for its team: in pages, and as a table for people who open it in a spreadsheet."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from uuid import UUID

from boxoffice.accounts.identity import Identity
from boxoffice.accounts.people import find_user_id
from boxoffice.booking.guests.queries import GuestRow, list_guests
from boxoffice.booking.guests.schemas import Guest, GuestBooking
from boxoffice.booking.schemas import BookingView
from boxoffice.booking.views import view_of_row
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.inventory.commands import BookingState
from boxoffice.kit.money import decimal_of
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database
from boxoffice.kit.spreadsheet import BYTE_ORDER_MARK, csv_of

# Bookings that are read at once: some ten milliseconds of work, between which others are served.
EXPORTED_AT_ONCE = 500

_COLUMNS = (
    "booking_id", "booked_at", "state", "name", "email", "category", "ticket_type", "zone", "row", "number",
    "price", "currency", "admitted_of_booking",
)  # fmt: skip

# What a guest list is of: holds come and go, and what is over is nobody's place.
_LISTED = (BookingState.PENDING, BookingState.CONFIRMED)


async def list_bookings(
    db: Database, user: Identity, event_id: int, *, buyer: str | None, cursor: str | None, limit: int
) -> Page[GuestBooking]:
    """A page of the event's bookings, newest first. Raises `NotFound` and `UnknownCursor`."""
    await refuse_foreign(db, user, event_id)
    before = None if cursor is None else decode_cursor(cursor, UUID)
    buyer_id = None if buyer is None else await find_user_id(db, buyer)
    if buyer is not None and buyer_id is None:
        return Page(items=[], next_cursor=None)
    page = page_of(await list_guests(db, event_id, before, buyer_id, limit + 1), limit, lambda row: row.id)
    return Page(items=[await _shown(db, row) for row in page.items], next_cursor=page.next_cursor)


async def _shown(db: Database, row: GuestRow) -> GuestBooking:
    return GuestBooking(
        booking=await view_of_row(db, row),
        buyer=Guest(row.buyer_name, row.buyer_email),
        admitted=row.admitted,
        last_admitted_at=row.last_admitted_at,
    )


async def export_bookings(db: Database, user: Identity, event_id: int) -> AsyncGenerator[bytes]:
    """The lines of the table, piece by piece, however many there are. Raises `NotFound`, before the first."""
    await refuse_foreign(db, user, event_id)
    return _lines(db, event_id)


async def _lines(db: Database, event_id: int) -> AsyncGenerator[bytes]:
    yield BYTE_ORDER_MARK.encode() + csv_of([_COLUMNS])
    before = None
    while True:
        rows = await list_guests(db, event_id, before, None, EXPORTED_AT_ONCE)
        listed = [(row, await view_of_row(db, row)) for row in rows if row.state in _LISTED]
        if listed:
            yield csv_of([cells for row, view in listed for cells in _cells(row, view)])
        if len(rows) < EXPORTED_AT_ONCE:
            return
        before = rows[-1].id


def _cells(row: GuestRow, view: BookingView) -> Iterator[Sequence[str]]:
    """A line for each place."""
    for place in view.places:
        price = place.all_in_price or place.price
        yield (
            str(row.id), row.created_at.isoformat(), row.state, row.buyer_name, row.buyer_email,
            place.category, place.ticket_type or "", place.zone, place.row or "", place.number or "",
            decimal_of(price.amount, price.currency), price.currency, str(row.admitted),
        )  # fmt: skip
