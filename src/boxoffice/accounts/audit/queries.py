"""What is read of the audit log; only triggers write it (see its migration)."""

from datetime import datetime, timedelta

import msgspec

from boxoffice.accounts.audit.schemas import Action
from boxoffice.kit.postgres import Source, Transaction


class AuditRow(msgspec.Struct, frozen=True):
    """An entry; `before` and `after` are JSON."""

    id: int
    at: datetime
    actor_id: int | None
    key_id: int | None
    address: str | None
    request_id: str | None
    action: Action
    object: str
    row_id: str
    event_id: int | None
    before: str | None
    after: str | None


async def list_entries(
    source: Source, *, organizer_id: int | None, event_id: int | None, before_id: int, limit: int
) -> list[AuditRow]:
    """Newest first: of one organizer, or of all for None; of one event if one is given."""
    return await source.list(
        AuditRow,
        """
        SELECT id, at, actor_id, key_id, address, request_id, action, object, row_id, event_id, before, after
          FROM audit_log
         WHERE ($1::bigint IS NULL OR organizer_id = $1)
           AND ($2::bigint IS NULL OR event_id = $2)
           AND id < $3
         ORDER BY id DESC
         LIMIT $4
        """,
        organizer_id,
        event_id,
        before_id,
        limit,
    )


async def list_own_entries(source: Source, actor_id: int, limit: int) -> list[AuditRow]:
    """What somebody did, newest first."""
    return await source.list(
        AuditRow,
        """
        SELECT id, at, actor_id, key_id, address, request_id, action, object, row_id, event_id, before, after
          FROM audit_log
         WHERE actor_id = $1
         ORDER BY id DESC
         LIMIT $2
        """,
        actor_id,
        limit,
    )


async def update_addresses(tx: Transaction, older_than: timedelta, limit: int) -> int:
    """Have so many entries at most forget address and browser; nothing else of one can be changed."""
    return await tx.get(int, "SELECT forget_addresses($1::interval, $2)", older_than, limit)
