"""The demo's events."""

from boxoffice.catalog.demo import load_demo
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.kit.postgres import Database
from catalog.stage import Person


async def test_the_demo_is_on_sale_and_loading_it_again_changes_nothing(
    organizer: Person, stranger: Person, db: Database
):
    demo = await load_demo(db, organizer.id)
    again = await load_demo(db, organizer.id)

    assert again == demo
    hall, festival = (
        await find_sale_terms(db, demo.hall_event_id),
        await find_sale_terms(db, demo.festival_event_id),
    )
    assert hall
    assert festival
    assert hall.state is festival.state is EventState.PUBLISHED
    assert (hall.revision, hall.hold_seconds) == (2, 600)
    assert (await get_seat_map(db, hall.seat_map_id)).seat_count == 1222
    meadow = await get_seat_map(db, festival.seat_map_id)
    assert (meadow.seat_count, sum(area.capacity for area in meadow.areas)) == (0, 20_000)
    listed = await stranger.get("/events", organizer_id=organizer.id)
    assert len(listed.json()["items"]) == 2
    venue = await stranger.get(f"/venues/{listed.json()['items'][0]['venue']['id']}")
    assert venue.json()["time_zone"] == "Europe/Berlin"


async def test_the_demo_goes_on_where_it_was_killed(organizer: Person, db: Database):
    demo = await load_demo(db, organizer.id)
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET state = 'DRAFT', published_at = NULL WHERE id = $1", demo.hall_event_id
        )
        await tx.execute("DELETE FROM events WHERE id = $1", demo.festival_event_id)

    again = await load_demo(db, organizer.id)

    assert again.hall_event_id == demo.hall_event_id
    assert again.festival_event_id != demo.festival_event_id
    venues = await db.list(int, "SELECT id FROM venues WHERE organizer_id = $1", organizer.id)
    assert len(venues) == 2
