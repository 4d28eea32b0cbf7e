"""SQL of what is counted at the gates. Nothing is written here."""

from datetime import datetime

import msgspec

from boxoffice.kit.postgres import Source


class EventRow(msgspec.Struct, frozen=True):
    """The event's seat map, the clock, and how often the gates said no: a JSON object by result.

    `conflicts` is how often one without a connection should have.
    """

    seat_map_id: int
    now: datetime
    refused: str
    conflicts: int


class GroupRow(msgspec.Struct, frozen=True):
    """Tickets that are alike but for their seats; those of an area have none."""

    is_valid: bool
    ticket_type: str | None
    area_id: int | None
    quarter: datetime | None
    count: int
    seat_ids: list[int] | None


async def get_counted_event(source: Source, event_id: int) -> EventRow:
    return await source.get(
        EventRow,
        """
        SELECT seat_map_id, now() AS now,
               (SELECT coalesce(json_object_agg(result, count), '{}')
                  FROM refused_check_ins WHERE event_id = events.id) AS refused,
               (SELECT count(*) FROM offline_check_ins
                 WHERE event_id = events.id AND result <> 'ADMITTED') AS conflicts
          FROM events
         WHERE id = $1
        """,
        event_id,
    )


async def list_groups(source: Source, event_id: int) -> list[GroupRow]:
    """All tickets that are valid or were let in. One statement, so that all of it is true at one moment.

    Which category a seat is of, only the seat map knows. Every time zone is whole quarters from UTC.
    """
    return await source.list(
        GroupRow,
        """
        SELECT state = 'VALID' AS is_valid, ticket_type, area_id,
               date_bin('15 minutes', admitted_at, 'epoch') AS quarter,
               count(*) AS count, array_agg(seat_id) FILTER (WHERE seat_id IS NOT NULL) AS seat_ids
          FROM tickets
         WHERE event_id = $1 AND (state = 'VALID' OR admitted_at IS NOT NULL)
         GROUP BY 1, 2, 3, 4
        """,
        event_id,
    )
