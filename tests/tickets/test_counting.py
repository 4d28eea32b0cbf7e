"""What an organizer sees of the gates: how many are in, since when, and who was not let in."""

import asyncio
from datetime import UTC, datetime

import httpx
import msgspec
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog.seat_maps.seat_map import SeatMap, parse_seat_map
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.tickets.check_in import check_in
from boxoffice.tickets.code import TicketKeys
from boxoffice.tickets.counting.counting import count_check_ins, counts_of
from boxoffice.tickets.counting.queries import EventRow, GroupRow
from boxoffice.tickets.counting.schemas import KindCount, QuarterHour, RefusalCount
from boxoffice.tickets.schemas import CheckInResult
from catalog.stage import Person
from tickets.sales import Sale, open_sale

SECRET = "the secret of these tests, 32 characters and more"

SEVEN = datetime(2030, 5, 3, 19, tzinfo=UTC)
QUARTER_PAST = datetime(2030, 5, 3, 19, 15, tzinfo=UTC)


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


def hall() -> SeatMap:
    """Three seats, the last of which is in a box, and a floor."""
    seats = [{"id": n, "number": str(n), "x": n, "y": 0, "category": "Stalls"} for n in range(2)]
    box = [{"id": 2, "number": "1", "x": 0, "y": 9, "category": "Box"}]
    document = {
        "name": "Hall",
        "seat_count": 3,
        "categories": [{"name": "Stalls"}, {"name": "Box"}, {"name": "Floor"}],
        "zones": [{"name": "A", "rows": [{"name": "1", "seats": seats}, {"name": "2", "seats": box}]}],
        "areas": [{"id": 0, "name": "Floor", "capacity": 9, "category": "Floor"}],
    }
    return parse_seat_map(1, msgspec.json.encode(document).decode())


def test_places_are_counted_by_category_and_ticket_type_in_the_order_of_the_map():
    counts = counts_of(
        EventRow(1, SEVEN, '{"BAD_CODE": 2, "ALREADY_ADMITTED": 1}', 3),
        hall(),
        [
            GroupRow(True, None, 0, QUARTER_PAST, 4, None),
            GroupRow(True, None, None, None, 2, [2, 0]),
            GroupRow(True, "Child", None, SEVEN, 1, [1]),
            GroupRow(True, None, 0, SEVEN, 3, None),
            GroupRow(False, None, None, SEVEN, 1, [0]),
        ],
    )

    assert (counts.tickets, counts.admitted, counts.admitted_void) == (10, 8, 1)
    assert counts.by_kind == [
        KindCount("Stalls", None, 1, 0),
        KindCount("Stalls", "Child", 1, 1),
        KindCount("Box", None, 1, 0),
        KindCount("Floor", None, 7, 7),
    ]
    assert counts.by_quarter_hour == [QuarterHour(SEVEN, 5), QuarterHour(QUARTER_PAST, 4)]
    assert counts.refused == [
        RefusalCount(CheckInResult.ALREADY_ADMITTED, 1),
        RefusalCount(CheckInResult.BAD_CODE, 2),
    ]


async def test_an_organizer_sees_who_is_in_and_who_was_refused(
    app: Litestar, client: httpx.AsyncClient, sale: Sale
):
    keys, gate = TicketKeys(SECRET), Identity(sale.organizer_id, Role.ORGANIZER)
    organizer = Person(client, gate, app.state.tokens.issue(sale.organizer_id, Role.ORGANIZER))
    path = f"/events/{sale.event_id}/check-ins"
    first, second = await sale.sell(seat_ids=(3, 4), area_ids=(0,)), await sale.sell(seat_ids=(5,))
    codes = [
        keys.code_of(sale.event_id, ticket.id, 1)
        for booking_id in (first, second)
        for ticket in await sale.tickets(booking_id)
    ]
    nobodys = keys.code_of(sale.event_id, new_id(sale.event_id), 1)

    empty = (await organizer.get(path)).json()
    for code in (codes[0], codes[2], codes[0], codes[3], "nothing", nobodys, nobodys):
        await check_in(sale.db, keys, gate, sale.event_id, code)
    await sale.apply(sale.cancelled(second))
    answer = await organizer.get(path)
    counts = answer.json()

    assert (empty["tickets"], empty["admitted"], empty["by_quarter_hour"], empty["refused"]) == (4, 0, [], [])
    assert (counts["tickets"], counts["admitted"], counts["admitted_void"]) == (3, 2, 1)
    assert counts["by_kind"] == [{"category": "Any", "ticket_type": None, "tickets": 3, "admitted": 2}]
    assert sum(each["admitted"] for each in counts["by_quarter_hour"]) == 3
    start = datetime.fromisoformat(counts["by_quarter_hour"][-1]["starts_at"])
    assert (start.minute % 15, start.second, start.microsecond) == (0, 0, 0)
    assert [(each["result"], each["scans"]) for each in counts["refused"]] == [
        ("ALREADY_ADMITTED", 1),
        ("UNKNOWN", 2),
        ("BAD_CODE", 1),
    ]
    assert answer.headers["cache-control"] == "private, max-age=5"


async def test_figures_add_up_while_people_come_in(sale: Sale):
    """One statement counts: two would see the people between them in the times and not in the kinds."""
    keys, gate = TicketKeys(SECRET), Identity(sale.organizer_id, Role.ORGANIZER)
    booking_id = await sale.sell(area_ids=(0,) * 20)
    codes = [keys.code_of(sale.event_id, ticket.id, 1) for ticket in await sale.tickets(booking_id)]

    async def count() -> int:
        counts = await count_check_ins(sale.db, gate, sale.event_id)
        assert sum(each.admitted for each in counts.by_quarter_hour) == counts.admitted
        assert sum(each.admitted for each in counts.by_kind) == counts.admitted
        return counts.admitted

    await asyncio.gather(
        *(work for code in codes for work in (check_in(sale.db, keys, gate, sale.event_id, code), count()))
    )

    assert await count() == 20
