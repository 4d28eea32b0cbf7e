"""Series to be made in tests."""

from typing import Any

from catalog.stage import Person

NIGHTS = ["2028-03-25T20:00:00", "2028-03-26T20:00:00", "2028-10-28T20:00:00", "2028-10-29T20:00:00"]


async def new_series(organizer: Person, **changes: Any) -> dict[str, Any]:
    """The body of a series on the small map."""
    venue_id = await organizer.has_venue()
    return {
        "venue_id": venue_id,
        "seat_map_id": await organizer.has_map(venue_id),
        "title": "Macbeth",
        "starts": NIGHTS,
        "minutes": 150,
        "currency": "EUR",
        "prices": {"Stalls": 4500, "Floor": 2000},
        **changes,
    }


async def has_series(organizer: Person, **changes: Any) -> dict[str, Any]:
    """Make one."""
    answer = await organizer.post("/series", await new_series(organizer, **changes))
    assert answer.status_code == 201, answer.text
    return answer.json()
