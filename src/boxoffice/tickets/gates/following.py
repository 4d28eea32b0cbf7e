"""What a gate without a connection has to know: which tickets are not to be admitted any more.

A gate follows by the ids of transactions, not by times: what a slow transaction commits late would be older
than what the gate has seen, and missed for ever (decision 0032).
"""

from typing import Annotated
from uuid import UUID

from msgspec import Meta

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.kit.paging import decode_cursor, encode_cursor
from boxoffice.kit.postgres import Database
from boxoffice.tickets.gates import queries
from boxoffice.tickets.gates.schemas import TicketChanges

# 200 kB of JSON: ten answers for a sold-out arena where everybody is in, and seconds of a bad connection.
CHANGES_MAX = 5_000

_TransactionId = Annotated[int, Meta(ge=0, le=2**63 - 1)]

# Where the next round begins, and the last ticket of this one that the gate has.
_Position = tuple[_TransactionId, _TransactionId, UUID]

_BEFORE_ALL = UUID(int=0)


async def list_changes(db: Database, gate: Identity, event_id: int, cursor: str | None) -> TicketChanges:
    """The next changes for a gate that knows those up to its cursor. Raises `NotFound`, `UnknownCursor`.

    A cursor from before the database was restored from a dump begins anew: transactions count from elsewhere.
    """
    await refuse_foreign(db, gate, event_id)
    position = None if cursor is None else decode_cursor(cursor, _Position)
    after = (0, _BEFORE_ALL) if position is None else position[1:]
    page = await queries.get_changes(db, event_id, *after, CHANGES_MAX)
    if position is not None and position[0] > page.newest:
        return await list_changes(db, gate, event_id, None)
    # Until the round is over it began when its first page was read: what commits meanwhile is of the next.
    begun = page.open_since if position is None or position[2] == _BEFORE_ALL else position[0]
    if page.count < CHANGES_MAX:
        following, is_complete = (begun, begun, _BEFORE_ALL), True
    else:
        following, is_complete = (begun, page.last_changed_in, page.last_id), False
    return TicketChanges(page.void, page.admitted, encode_cursor(following), is_complete)
