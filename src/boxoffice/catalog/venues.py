"""Venues."""

from boxoffice.accounts.identity import Identity
from boxoffice.catalog import venue_queries
from boxoffice.catalog.codes import COUNTRIES, TIME_ZONES
from boxoffice.catalog.schemas import NewVenue, RowId, Venue
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.paging import Page, decode_cursor, page_of
from boxoffice.kit.postgres import Database, Source
from boxoffice.kit.text import pattern_of

_Position = tuple[RowId]


async def create_venue(db: Database, user: Identity, venue: NewVenue, once: Once | None = None) -> Venue:
    """Make a venue of this organizer. Raises `InvalidInput`."""
    faults: list[FieldError] = []
    if venue.country not in COUNTRIES:
        faults.append(FieldError(pointer="/country", detail="This is no ISO 3166-1 alpha-2 country code."))
    if venue.time_zone not in TIME_ZONES:
        faults.append(FieldError(pointer="/time_zone", detail="This is no IANA time zone name."))
    if faults:
        raise InvalidInput(errors=faults)
    async with db.transaction() as tx:
        return await do_once(tx, once, Venue, lambda: venue_queries.insert_venue(tx, user.user_id, venue))


async def get_venue(source: Source, venue_id: int) -> Venue:
    """A venue, for everybody. Raises `NotFound`."""
    venue = await venue_queries.find_venue(source, venue_id)
    if venue is None:
        raise NotFound
    return venue


async def list_venues(
    source: Source, user: Identity, words: str | None, *, cursor: str | None, limit: int
) -> Page[Venue]:
    """The user's venues with these words in the name or the city, newest first. Raises `UnknownCursor`."""
    before = None if cursor is None else decode_cursor(cursor, _Position)[0]
    pattern = None if words is None else pattern_of(words)
    rows = await venue_queries.list_venues(source, user.user_id, pattern, before, limit + 1)
    return page_of(rows, limit, lambda venue: (venue.id,))
