"""What an organizer sees of a sale: how much of what, to whom, when, and for how much."""

from datetime import UTC, date, datetime

import httpx
import msgspec
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.booking.sales.counting import counts_of
from boxoffice.booking.sales.queries import PlacesRow, SoldEventRow
from boxoffice.booking.sales.schemas import (
    CategorySales,
    ChannelSales,
    DaySales,
    SalesMoney,
    TicketTypeSales,
)
from boxoffice.catalog.seat_maps.seat_map import SeatMap, parse_seat_map
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database
from catalog.stage import person

FRIDAY, SATURDAY = date(2030, 5, 3), date(2030, 5, 4)


def euros(amount: int) -> Money:
    return Money(amount, "EUR")


def hall() -> SeatMap:
    """Three seats, one of which was taken out of the map, a box and a floor."""
    seats = [{"id": n, "number": str(n), "x": n, "y": 0, "category": "Stalls"} for n in range(2)]
    box = [{"id": 2, "number": "1", "x": 0, "y": 9, "category": "Box"}]
    document = {
        "name": "Hall",
        "seat_count": 4,
        "categories": [{"name": "Stalls"}, {"name": "Box"}, {"name": "Floor"}],
        "zones": [{"name": "A", "rows": [{"name": "1", "seats": seats}, {"name": "2", "seats": box}]}],
        "areas": [{"id": 0, "name": "Floor", "capacity": 9, "category": "Floor"}],
        "withdrawn": [{"id": 3, "zone": "A", "row": "1", "number": "3", "category": "Stalls"}],
    }
    return parse_seat_map(1, msgspec.json.encode(document).decode())


def test_places_and_prices_are_counted_by_category_type_channel_and_day():
    event = SoldEventRow(1, "EUR", datetime(2030, 5, 4, tzinfo=UTC), 9_000, 300, 700, 6_500, 500)

    counts = counts_of(
        event,
        hall(),
        [
            PlacesRow(True, None, None, None, 2_500, FRIDAY, 2, [2, 0]),
            PlacesRow(True, 7, "Child", None, 1_000, SATURDAY, 1, [1]),
            PlacesRow(True, None, None, 0, 500, SATURDAY, 4, None),
            PlacesRow(False, None, None, 0, 500, SATURDAY, 3, None),
            PlacesRow(False, None, "Child", 0, 100, FRIDAY, 1, None),
        ],
    )

    assert (counts.places, counts.sold, counts.held, counts.revenue) == (12, 7, 4, euros(8_000))
    assert counts.by_category == [
        CategorySales("Stalls", 2, 2, 0, euros(3_500)),
        CategorySales("Box", 1, 1, 0, euros(2_500)),
        CategorySales("Floor", 9, 4, 4, euros(2_000)),
    ]
    assert counts.by_ticket_type == [
        TicketTypeSales("Floor", "Child", 0, 1, euros(0)),
        TicketTypeSales("Stalls", "Child", 1, 0, euros(1_000)),
    ]
    assert counts.by_channel == [ChannelSales(None, 6, euros(7_000)), ChannelSales(7, 1, euros(1_000))]
    assert counts.by_day == [DaySales(FRIDAY, 2, euros(5_000)), DaySales(SATURDAY, 5, euros(3_000))]
    assert counts.money == SalesMoney(
        euros(9_000), euros(1_500), euros(300), euros(700), euros(6_500), euros(500)
    )


async def test_a_team_sees_how_an_event_sells(app: Litestar, client: httpx.AsyncClient, db: Database):
    organizer, stranger = [await person(app, client, db, Role.ORGANIZER) for _ in range(2)]
    buyer = await person(app, client, db, Role.USER)
    child = {"name": "Child", "category": "Floor"}
    prices = {"Stalls": 2_000, "Floor": 0, "Child": 0}
    event = await organizer.has_event(prices=prices, ticket_types=[child])
    path, areas = f"/events/{event['id']}/sales", [{"area_id": 0, "quantity": 2, "ticket_type": "Child"}]

    before = (await organizer.get(path)).json()
    for wanted in ({"seat_ids": [0, 1]}, {"areas": areas}, {"areas": [{"area_id": 0, "quantity": 1}]}):
        answer = await buyer.post("/bookings", {"event_id": event["id"], **wanted})
        assert answer.status_code == 201, answer.text
    given_up = await buyer.post("/bookings", {"event_id": event["id"], "seat_ids": [2]})
    await buyer.post(f"/bookings/{given_up.json()['id']}/cancel")
    answer = await organizer.get(path)
    counts = answer.json()

    nothing = {"amount": 0, "currency": "EUR"}
    assert (before["sold"], before["held"], before["revenue"]) == (0, 0, nothing)
    assert [before[each] for each in ("by_ticket_type", "by_channel", "by_day")] == [[], [], []]
    assert (counts["places"], counts["sold"], counts["held"]) == (before["places"], 3, 2)
    assert {each["category"]: (each["sold"], each["held"]) for each in counts["by_category"]} == {
        "Stalls": (0, 2),
        "Floor": (3, 0),
        "Unused": (0, 0),
    }
    assert counts["by_ticket_type"] == [
        {"category": "Floor", "ticket_type": "Child", "sold": 2, "held": 0, "revenue": nothing}
    ]
    assert counts["by_channel"] == [{"channel_id": None, "sold": 3, "revenue": nothing}]
    assert [each["sold"] for each in counts["by_day"]] == [3]
    assert answer.headers["cache-control"] == "private, max-age=5"
    assert [(await each.get(path)).status_code for each in (stranger, buyer)] == [404, 403]
