"""The history of one seat, told from the event's journal.

No index leads from a seat to its rows, because every sale would pay for it. The journal is searched
instead, in stretches of a thousand rows: PostgreSQL leaves out those that have the seat's number
nowhere (20 ms for 10,000 rows), and what is left is read for what it means.
"""

from collections.abc import AsyncGenerator, Iterable
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from boxoffice.inventory.changes import BookingExchanged, BookingHeld, BookingRenewed, Change, PaymentReturned
from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.replay import read_changes
from boxoffice.inventory.journal.seat_changes import SeatChange, SeatState, Standing, in_words, meaning_of
from boxoffice.kit.errors import Refusal
from boxoffice.kit.paging import Page, decode_cursor, encode_cursor
from boxoffice.kit.postgres import Source

# Rows searched by one statement: a few milliseconds, and what it may give back stays small.
STRETCH_ROWS = 1_000

# Rows searched for one request, half a second of PostgreSQL's time. A page ends there and its
# cursor goes on; a search for what made a moment so is refused.
ROWS_READ_MAX = 200_000


_RETURNED = PaymentReturned.__struct_config__.tag


class SeatMoment(msgspec.Struct, frozen=True):
    """The seat at a moment: what had made it so, and what came next.

    `available` tells whether a buyer could have had it: also a held seat, once the hold was over.
    """

    at: datetime
    version: int
    state: SeatState
    available: bool
    words: str
    because: SeatChange | None
    then: SeatChange | None


class _Position(msgspec.Struct, frozen=True, array_like=True):
    """Where a page starts: after the row that left the seat so, and after so many changes of the next."""

    standing: Standing = Standing()
    skip: Annotated[int, Meta(ge=0)] = 0


class TooFarBack(Refusal, status=422):
    """The seat's last change lies further back in the journal than one request may read.

    Ask for a time closer to its last change, or use `boxoffice journal replay --seats`.
    """


async def read_seat(
    source: Source, event_id: int, seat_id: int, standing: Standing, until: int
) -> AsyncGenerator[tuple[Standing, list[SeatChange]]]:
    """Each row that changed the seat after `standing`: the standing before the row, and its changes.

    Ends with the standing it has come to and no changes: `until`, or earlier when that is too far.
    """
    bound = min(until, standing.version + ROWS_READ_MAX)
    while standing.version < bound:
        stretch = min(standing.version + STRETCH_ROWS, bound)
        holder = standing.booking_id
        # Not every change of a booking names its seats.
        pattern = _pattern_of(seat_id) if holder is None else f"{_pattern_of(seat_id)}|{holder}"
        for row in await queries.list_rows_matching(source, event_id, standing.version, stretch, pattern):
            changes = await _changes_in(source, event_id, seat_id, row, standing)
            if changes:
                yield standing, changes
            standing = _after(standing, changes, row.version)
            if standing.booking_id not in (None, holder):
                # Somebody else has the seat now, whose rows were not asked for: ask again from here.
                break
        else:
            standing = msgspec.structs.replace(standing, version=stretch)
    yield standing, []


async def list_changes(
    source: Source, event_id: int, seat_id: int, cursor: str | None, limit: int
) -> Page[SeatChange]:
    """A page of the seat's changes, oldest first. Raises `UnknownCursor`.

    A page may be short, even empty, and have a next one: there is only so much to read for one request.
    """
    position = _Position() if cursor is None else decode_cursor(cursor, _Position)
    standing, skip = position.standing, position.skip
    head = await queries.find_head(source, event_id)
    last = head.version if head else 0
    items: list[SeatChange] = []
    async for before, changes in read_seat(source, event_id, seat_id, standing, last):
        standing = before
        more = changes[skip:]
        room = limit - len(items)
        items += more[:room]
        if len(more) > room:
            return Page(items, encode_cursor(_Position(before, skip + room)))
        skip = 0
    return Page(items, None if standing.version >= last else encode_cursor(_Position(standing)))


async def find_moment(source: Source, event_id: int, seat_id: int, at: datetime) -> SeatMoment:
    """The seat as it was at this time; a row counts from its own time on. Raises `TooFarBack`."""
    version = await queries.get_version_at(source, event_id, at)
    standing, because = await _find_last_change(source, event_id, seat_id, version)
    async for before, changes in read_seat(source, event_id, seat_id, standing, version):
        because = _deciding(changes) or because
        standing = _after(before, changes, changes[-1].version if changes else before.version)
    then = None
    head = await queries.find_head(source, event_id)
    async for _, changes in read_seat(source, event_id, seat_id, standing, head.version if head else 0):
        if changes:
            then = changes[0]
            break
    is_over = standing.held_until is not None and standing.held_until <= at
    return SeatMoment(
        at=at,
        version=version,
        state=standing.state,
        available=standing.state is SeatState.FREE or is_over,
        words=_moment_in_words(because, then, is_over=is_over),
        because=because,
        then=then,
    )


async def _find_last_change(
    source: Source, event_id: int, seat_id: int, version: int
) -> tuple[Standing, SeatChange | None]:
    """The last change up to this version that names the seat, read backwards."""
    end = version
    while end > 0:
        if version - end >= ROWS_READ_MAX:
            raise TooFarBack
        start = max(0, end - STRETCH_ROWS)
        rows = await queries.list_rows_matching(source, event_id, start, end, _pattern_of(seat_id))
        for row in reversed(rows):
            changes = await _changes_in(source, event_id, seat_id, row, Standing())
            if changes:
                return _after(Standing(), changes, row.version), _deciding(changes)
        end = start
    return Standing(version=version), None


async def _changes_in(
    source: Source, event_id: int, seat_id: int, row: queries.JournalRow, standing: Standing
) -> list[SeatChange]:
    found: list[SeatChange] = []
    changes = read_changes(row)
    standing = msgspec.structs.replace(standing, version=row.version)
    for index, change in enumerate(changes):
        hold_end = None
        if isinstance(change, BookingExchanged) and seat_id in change.taken_seat_ids:
            hold_end = _end_of_hold(changes[:index], change.booking_id) or await _find_end_of_hold(
                source, event_id, change.booking_id, row.version - 1
            )
        meaning = meaning_of(change, seat_id, standing, row.at, hold_end)
        if meaning is not None:
            found.append(meaning)
            standing = _after(standing, [meaning], row.version)
    return found


def _pattern_of(seat_id: int) -> str:
    """Finds the id as a member of a JSON array; of which one, the reader sees."""
    return f"[[,]{seat_id}[],]"


def _deciding(changes: list[SeatChange]) -> SeatChange | None:
    """The last of these that left the seat as it is; money that went back did not."""
    return next((change for change in reversed(changes) if change.kind != _RETURNED), None)


def _after(standing: Standing, changes: list[SeatChange], version: int) -> Standing:
    if not changes:
        return msgspec.structs.replace(standing, version=version)
    last = changes[-1]
    holder = None if last.state is SeatState.FREE else last.booking_id
    return Standing(version, last.state, holder, last.held_until)


def _end_of_hold(changes: Iterable[Change], booking_id: UUID) -> datetime | None:
    """The end of a booking's hold as the last of these changes that says it says it."""
    end = None
    for change in changes:
        if isinstance(change, BookingHeld | BookingRenewed) and change.booking_id == booking_id:
            end = change.expires_at
    return end


async def _find_end_of_hold(source: Source, event_id: int, booking_id: UUID, version: int) -> datetime | None:
    """The end of a booking's hold as it was after this version; its hold began a moment before."""
    end = version
    while end > max(0, version - ROWS_READ_MAX):
        start = max(0, end - STRETCH_ROWS)
        for row in reversed(await queries.list_rows_matching(source, event_id, start, end, str(booking_id))):
            if (found := _end_of_hold(read_changes(row), booking_id)) is not None:
                return found
        end = start
    return None


def _moment_in_words(because: SeatChange | None, then: SeatChange | None, *, is_over: bool) -> str:
    if because is None:
        return "Free: nobody had taken it yet."
    since = f"since {in_words(because.at)} (version {because.version})"
    if not is_over:
        return f"{because.words[0].upper()}{because.words[1:]}, {since}."
    assert because.held_until is not None
    after = "" if then is None else f"; version {then.version} came next"
    what = (
        "its block had run out"
        if because.state is SeatState.BLOCKED
        else f"the hold of booking {because.booking_id} had run out"
    )
    return (
        f"Free to the next buyer: {what} at {in_words(because.held_until)} and was not tidied up yet{after}."
    )
