"""Looking at the audit log."""

from typing import Any

import msgspec

from boxoffice.accounts.audit import queries
from boxoffice.accounts.audit.queries import AuditRow
from boxoffice.accounts.audit.schemas import AuditEntry
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.schemas import ID_MAX
from boxoffice.kit.paging import Page, UnknownCursor, decode_cursor, page_of
from boxoffice.kit.postgres import Source

# What a person made in years, or a program in a day; the log has the rest.
OWN_ENTRIES_MAX = 1_000


async def list_entries(
    source: Source, user: Identity, *, event_id: int | None, cursor: str | None, limit: int
) -> Page[AuditEntry]:
    """What was done to the things of this organizer, or to everything for an admin; newest first.

    Raises `UnknownCursor`.
    """
    before_id = ID_MAX if cursor is None else decode_cursor(cursor, int)
    if not 0 <= before_id <= ID_MAX:
        raise UnknownCursor
    organizer_id = None if user.role is Role.ADMIN else user.user_id
    rows = await queries.list_entries(
        source, organizer_id=organizer_id, event_id=event_id, before_id=before_id, limit=limit + 1
    )
    return page_of([_entry(row) for row in rows], limit, lambda entry: entry.id)


async def list_own_entries(source: Source, user_id: int) -> list[AuditEntry]:
    """What the user did, newest first, `OWN_ENTRIES_MAX` at most."""
    return [_entry(row) for row in await queries.list_own_entries(source, user_id, OWN_ENTRIES_MAX)]


def _entry(row: AuditRow) -> AuditEntry:
    columns: dict[str, Any] = msgspec.structs.asdict(row)
    decoded = {name: columns[name] and msgspec.json.decode(columns[name]) for name in ("before", "after")}
    return AuditEntry(**columns | decoded)
