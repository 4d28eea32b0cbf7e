"""A series as large as one can be, and what making one leaves behind."""

from boxoffice.catalog.series.schemas import SERIES_EVENTS_MAX
from boxoffice.kit.postgres import Database
from catalog.nights import NIGHTS, has_series, new_series
from catalog.stage import Person, pointers
from statements import noted_statements


def nights(count: int) -> list[str]:
    """So many nights, one after the other."""
    return [f"2028-{1 + n // 28:02}-{1 + n % 28:02}T19:30:00" for n in range(min(count, 336))] + [
        f"2029-{1 + n // 28:02}-{1 + n % 28:02}T19:30:00" for n in range(count - 336)
    ]


async def test_a_year_of_nights_is_made_at_once_and_no_night_more(organizer: Person):
    """Nor with a statement more than one night takes. Seen to fail with a loop over the nights."""
    body = await new_series(organizer, tax={"name": "VAT", "mode": "INCLUDED", "basis_points": 700})
    counts: list[list[int]] = []
    for count in (1, SERIES_EVENTS_MAX):
        with noted_statements() as made:
            series = await organizer.post("/series", body | {"starts": nights(count)})
        assert series.status_code == 201, series.text
        path = f"/series/{series.json()['id']}"
        with noted_statements() as published:
            shown = await organizer.post(f"{path}/publish")
        assert [event["state"] for event in shown.json()["events"]] == ["PUBLISHED"] * count
        with noted_statements() as changed:
            shown = await organizer.patch(path, {"title": "Hamlet", "prices": {"Stalls": 1, "Floor": 2}})
        assert [event["title"] for event in shown.json()["events"]] == ["Hamlet"] * count
        counts.append([len(made), len(published), len(changed)])

    assert counts[0] == counts[1]
    more = await organizer.post("/series", body | {"starts": nights(SERIES_EVENTS_MAX + 1)})
    assert pointers(more) == ["/starts"]


async def test_a_night_is_audited_as_an_event_that_was_made_alone(organizer: Person, db: Database):
    offer = {
        "prices": {"Stalls": 4500, "Floor": 2000},
        "tax": {"name": "VAT", "mode": "INCLUDED", "basis_points": 700},
    }
    series = await has_series(organizer, starts=NIGHTS[:2], minutes=None, **offer)
    night = series["events"][1]
    whole = (await organizer.get(f"/events/{night['id']}")).json()
    alone = await organizer.has_draft(
        venue_id=whole["venue"]["id"],
        seat_map_id=whole["seat_map_id"],
        title="Macbeth",
        starts_at=night["starts_at"],
        **offer,
    )

    async def entries(event_id: int) -> list[str]:
        entry = """
            SELECT concat_ws(' ', actor_id, organizer_id, action, object, row_id = event_id::text,
                             before - 'event_id', after - '{id,event_id,created_at}'::text[])
              FROM audit_log WHERE event_id = $1
            """
        return sorted(await db.list(str, entry, event_id))

    who = f"{organizer.id} {organizer.id}"
    joined = f'{who} CHANGED events t {{"series_id": null}} {{"series_id": {series["id"]}}}'
    assert await entries(night["id"]) == sorted([*await entries(alone["id"]), joined])
