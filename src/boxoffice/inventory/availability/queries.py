"""SQL of those who only look: the journal, read without a lock."""

from datetime import datetime

from boxoffice.inventory.queries import News
from boxoffice.kit.postgres import Source


class Glance(News, frozen=True):
    """News, whether a hold is over that nobody has tidied up, and the clock."""

    holds_over: bool
    now: datetime


async def list_glances(source: Source, event_id: int, version: int, rows_max: int) -> list[Glance]:
    """The first rows after this version: at least one, which has the event's revision.

    Nothing when the event has no inventory. A statement of its own sees the journal without gaps: its
    rows are committed in the order of their versions.
    """
    return await source.list(
        Glance,
        """
        SELECT event.revision, journal.version, journal.changes, journal.hash,
               coalesce(inventory.next_expiry_at <= now(), false) AS holds_over,
               now() AS now
          FROM events AS event
          JOIN inventories AS inventory ON inventory.event_id = event.id
          LEFT JOIN LATERAL (
               SELECT version, changes, hash
                 FROM journal
                WHERE event_id = event.id AND version > $2
                ORDER BY version
                LIMIT $3
          ) AS journal ON true
         WHERE event.id = $1
         ORDER BY journal.version
        """,
        event_id,
        version,
        rows_max,
    )


async def list_changes_between(source: Source, event_id: int, after: int, until: int) -> list[str]:
    """What the journal says of these versions, `until` included, the latest first."""
    return await source.list(
        str,
        """
        SELECT changes
          FROM journal
         WHERE event_id = $1 AND version > $2 AND version <= $3
         ORDER BY version DESC
        """,
        event_id,
        after,
        until,
    )
