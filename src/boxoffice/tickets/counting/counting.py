"""Count what happened at an event's gates."""

from collections import Counter
from datetime import datetime

import msgspec

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.kit.postgres import Database
from boxoffice.tickets.counting import queries
from boxoffice.tickets.counting.queries import EventRow, GroupRow
from boxoffice.tickets.counting.schemas import CheckInCounts, KindCount, QuarterHour, RefusalCount
from boxoffice.tickets.schemas import CheckInResult


async def count_check_ins(db: Database, user: Identity, event_id: int) -> CheckInCounts:
    """What the event's gates have done so far. Raises `NotFound`."""
    await refuse_foreign(db, user, event_id)
    event = await queries.get_counted_event(db, event_id)
    seat_map = await get_seat_map(db, event.seat_map_id)
    return counts_of(event, seat_map, await queries.list_groups(db, event_id))


def counts_of(event: EventRow, seat_map: SeatMap, groups: list[GroupRow]) -> CheckInCounts:
    """Add the groups up: kinds in the order of the seat map, times and reasons in theirs."""
    tickets: Counter[tuple[str, str]] = Counter()
    admitted: Counter[tuple[str, str]] = Counter()
    quarters: Counter[datetime] = Counter()
    admitted_void = 0
    for group in groups:
        if group.quarter is not None:
            quarters[group.quarter] += group.count
        if not group.is_valid:
            admitted_void += group.count
            continue
        counted = seat_map.count_by_category(group.area_id, group.count, group.seat_ids or ())
        for category, count in counted.items():
            kind = (category, group.ticket_type or "")
            tickets[kind] += count
            if group.quarter is not None:
                admitted[kind] += count
    order = {category.name: number for number, category in enumerate(seat_map.categories)}
    refused = msgspec.json.decode(event.refused, type=dict[CheckInResult, int])
    return CheckInCounts(
        at=event.now,
        tickets=tickets.total(),
        admitted=admitted.total(),
        admitted_void=admitted_void,
        by_kind=[
            KindCount(kind[0], kind[1] or None, tickets[kind], admitted[kind])
            for kind in sorted(tickets, key=lambda kind: (order[kind[0]], kind[1]))
        ],
        by_quarter_hour=[QuarterHour(start, quarters[start]) for start in sorted(quarters)],
        refused=[RefusalCount(result, refused[result]) for result in CheckInResult if result in refused],
        conflicts=event.conflicts,
    )
