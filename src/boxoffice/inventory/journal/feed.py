"""The journal as an organizer's integration reads it: row after row, from any version on."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.inventory.changes import Change, decode_changes
from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.replay import VERSION_MAX
from boxoffice.kit.paging import Page, decode_cursor, encode_cursor
from boxoffice.kit.postgres import Source

# A row of a rush has hundreds of changes; a page ends with the row that makes it this long, so that an
# answer stays within what a client reads at once.
PAGE_BYTES_MAX = 1_000_000

_Position = tuple[Annotated[int, Meta(ge=0, le=VERSION_MAX)]]


class JournalEntry(msgspec.Struct, frozen=True):
    """What one commit changed.

    Versions count from 1 without a gap. `hash` is the SHA-256, in hexadecimal, over the hash of the row
    before, the version, the time and the changes as they are stored: it changes when anything before
    it does. A member of a change that is left out has its default.
    """

    version: Annotated[int, Meta(examples=[42])]
    at: Annotated[datetime, Meta(examples=["2027-01-11T09:00:03.120425Z"])]
    changes: list[Change]
    hash: Annotated[str, Meta(examples=["6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"])]


async def list_entries(
    source: Source, event_id: int, *, after: int, cursor: str | None, limit: int
) -> Page[JournalEntry]:
    """The rows after a version, or after the last of the page before. Raises `UnknownCursor`."""
    if cursor is not None:
        (after,) = decode_cursor(cursor, _Position)
    rows = await queries.list_feed(source, event_id, after, limit + 1, PAGE_BYTES_MAX)
    items = [
        JournalEntry(row.version, row.at, list(decode_changes(row.changes)), row.hash.hex())
        for row in rows[:limit]
        if row.changes is not None
    ]
    return Page(items, encode_cursor((items[-1].version,)) if len(items) < len(rows) else None)
