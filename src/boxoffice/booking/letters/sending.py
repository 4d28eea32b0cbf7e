"""Sending the letters that are wanted, one after the other.

Nobody can say whether a letter was sent in the moment in which the process ended that was sending it. Such a
letter is sent again, twice rather than never, under the same Message-ID; all others are sent once.
"""

import asyncio
from datetime import timedelta
from typing import NamedTuple

import structlog

from boxoffice.accounts.letter_writing import Wording, compose
from boxoffice.booking.letters import queries
from boxoffice.booking.letters.queries import BookingLetter, LetterRow
from boxoffice.booking.paper.pdf import draw_tickets
from boxoffice.booking.paper.queries import KeptBooking, find_kept_booking
from boxoffice.booking.paper.show import calendar_of, pages_of, place_and_time_of
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.inventory.commands import BookingState
from boxoffice.kit import metrics
from boxoffice.kit.drawing import PDF, Drawing
from boxoffice.kit.jobs import again_in
from boxoffice.kit.mail import Attachment, Letter, Post, Undeliverable
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.signing_keys import publish_key

# Of each process: mail servers that are sent more at once take it for spam, and drawing takes 0.1 s.
LETTERS_PER_SECOND = 5

# A letter that takes longer is begun again later ...
LETTER_SECONDS_MAX = 300.0

# ... and until then, and twice as long, nobody else begins it: it would be sent twice.
CLAIMED_FOR = timedelta(seconds=2 * LETTER_SECONDS_MAX)

# A mail server that was away comes back by then; whoever wants the tickets has them from us.
LETTER_AGE_MAX = timedelta(days=3)

_NAME = "letter about a booking"

_log = structlog.get_logger()


class Mailing(NamedTuple):
    """What it takes to write letters about bookings and to send them."""

    db: Database
    post: Post
    drawing: Drawing
    keys: TicketKeys
    pace: Pace


async def send_due_letters(mailing: Mailing) -> None:
    """Send what is due; any number of processes may. What fails is tried again, ever more slowly."""
    while True:
        async with mailing.db.transaction() as tx:
            row = await queries.claim_letter(tx, CLAIMED_FOR)
        if row is None:
            return
        try:
            async with asyncio.timeout(LETTER_SECONDS_MAX):
                await _send(mailing, row)
        except Exception as error:  # noqa: BLE001  whatever it is, this letter waits and the next has its turn
            metrics.JOBS.labels(_NAME, "failed").inc()
            seconds = again_in(row.attempts)
            _log.warning("letter failed", booking_id=str(row.booking_id), again_in=seconds, error=repr(error))
            async with mailing.db.transaction() as tx:
                await queries.update_due(
                    tx, row.event_id, row.booking_id, row.kind, timedelta(seconds=seconds)
                )
        else:
            metrics.JOBS.labels(_NAME, "done").inc()
            async with mailing.db.transaction() as tx:
                await queries.delete_letter(tx, row.event_id, row.booking_id, row.kind)


async def _send(mailing: Mailing, row: LetterRow) -> None:
    """Send the letter if it still fits and there is an address; nothing is to be done for it after that."""
    if row.now - row.wanted_at > LETTER_AGE_MAX:
        _log.warning("letter given up, it is too old", booking_id=str(row.booking_id), kind=row.kind)
        return
    to = await queries.find_address(mailing.db, row.event_id, row.booking_id)
    if to is None:
        return
    booking = await find_kept_booking(mailing.db, row.event_id, row.booking_id, None)
    assert booking is not None
    letter = await _write(mailing, booking, row.kind, to)
    if letter is None:
        return
    await mailing.pace.turn()
    try:
        await mailing.post.send(letter)
    except Undeliverable as error:
        _log.warning(
            "letter refused for good", booking_id=str(row.booking_id), kind=row.kind, error=str(error)
        )


async def _write(mailing: Mailing, booking: KeptBooking, kind: BookingLetter, to: str) -> Letter | None:
    """The letter; None when the booking is not any more what it would say."""
    seat_map = await get_seat_map(mailing.db, booking.seat_map_id)
    calendar = Attachment("calendar.ics", "text/calendar", calendar_of(booking, seat_map).encode())
    is_cancelled = booking.state is BookingState.CANCELLED
    if kind is BookingLetter.CANCELLED:
        wording = cancelled_wording(booking)
        return compose(f"{booking.id}-cancelled", to, wording, None, [calendar]) if is_cancelled else None
    pages = pages_of(booking, seat_map, mailing.keys)
    if is_cancelled or not pages:
        return None
    await publish_key(mailing.db, mailing.keys)
    drawn = await mailing.drawing.draw(draw_tickets, booking.title, booking.created_at, pages)
    attached = [Attachment("tickets.pdf", PDF, drawn), calendar]
    return compose(f"{booking.id}-tickets", to, tickets_wording(booking, len(pages)), None, attached)


def tickets_wording(booking: KeptBooking, count: int) -> Wording:
    """What comes with the tickets. No text of a person gets into a header, so its subject has no title."""
    attached = "Your ticket is attached" if count == 1 else f"Your {count} tickets are attached, a page each"
    them, its = ("it", "its") if count == 1 else ("them", "each")
    shown = f"Print {them}, or show {them} on a screen: {its} code lets one person in, once."
    return Wording(
        subject="Your tickets",
        paragraphs=[
            booking.title,
            place_and_time_of(booking),
            f"{attached}, and the date for your calendar. {shown}",
            f"Booking {booking.id}",
        ],
    )


def cancelled_wording(booking: KeptBooking) -> Wording:
    """What is said to somebody who had tickets."""
    happened = (
        "This event does not take place."
        if booking.event_state is EventState.CANCELLED
        else "Your booking was cancelled."
    )
    return Wording(
        subject="Your tickets are void",
        paragraphs=[
            booking.title,
            place_and_time_of(booking),
            f"{happened} Your tickets are void.",
            "What is paid back goes the way it came; your bank may take some days.",
            f"Booking {booking.id}",
        ],
    )
