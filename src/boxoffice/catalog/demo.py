"""Something to look at: the real hall with an evening on sale, and a festival without seats."""

from datetime import timedelta
from importlib.resources import files

import msgspec

from boxoffice.accounts.identity import Identity, Role
from boxoffice.catalog import queries, venue_queries
from boxoffice.catalog.event_changes import publish_event
from boxoffice.catalog.events import create_event
from boxoffice.catalog.schemas import PLACES_PER_BUYER_MAX, NewEvent, NewVenue
from boxoffice.catalog.seat_maps.versions import import_seat_map
from boxoffice.catalog.venues import create_venue
from boxoffice.kit.postgres import Database

HALL_PLAN = files("boxoffice.catalog").joinpath("halls", "riethsporthalle-erfurt.seating-plan.json")

_HALL = NewVenue(
    name="Riethsporthalle Erfurt",
    address_lines=["Essener Straße 20", "99089 Erfurt"],
    city="Erfurt",
    country="DE",
    time_zone="Europe/Berlin",
)
_HALL_TITLE = "Volleyball: the evening of the season"
_HALL_PRICES = {"Kategorie I": 3200, "Kategorie II": 2400, "VIP": 8900}

_MEADOW = NewVenue(
    name="Festival meadow", address_lines=[], city="Erfurt", country="DE", time_zone="Europe/Berlin"
)
_FESTIVAL_TITLE = "Open air: a weekend for twenty thousand"
_FESTIVAL_PRICES = {"Weekend": 11900, "Front of stage": 15900}
_FESTIVAL_PLAN = {
    "format": "BOXOFFICE",
    "name": "Festival meadow",
    "categories": [
        {"name": "Weekend", "color": "#2A9D8F"},
        {"name": "Front of stage", "color": "#E76F51"},
    ],
    "areas": [
        {"name": "Meadow", "capacity": 18_000, "category": "Weekend"},
        {"name": "Front of stage", "capacity": 2_000, "category": "Front of stage"},
    ],
}


class Demo(msgspec.Struct, frozen=True):
    """Two events on sale: 1,222 numbered seats, and 20,000 admissions in two areas."""

    hall_event_id: int
    festival_event_id: int


async def load_demo(db: Database, organizer_id: int) -> Demo:
    """Make the two events of this organizer, unless they are there and still to come.

    Killed half-way and started again, it goes on where it was.
    """
    user = Identity(organizer_id, Role.ORGANIZER)
    hall = await _show(db, user, _HALL, HALL_PLAN.read_bytes(), _HALL_TITLE, _HALL_PRICES)
    plan = msgspec.json.encode(_FESTIVAL_PLAN)
    festival = await _show(db, user, _MEADOW, plan, _FESTIVAL_TITLE, _FESTIVAL_PRICES)
    return Demo(hall_event_id=hall, festival_event_id=festival)


async def _show(
    db: Database, user: Identity, venue: NewVenue, plan: bytes, title: str, prices: dict[str, int]
) -> int:
    event_id = await queries.find_event_titled(db, user.user_id, title)
    if event_id is None:
        event_id = await _draft(db, user, venue, plan, title, prices)
    return (await publish_event(db, user, event_id)).id


async def _draft(
    db: Database, user: Identity, venue: NewVenue, plan: bytes, title: str, prices: dict[str, int]
) -> int:
    venue_id = await venue_queries.find_venue_named(db, user.user_id, venue.name)
    if venue_id is None:
        venue_id = (await create_venue(db, user, venue)).id
    seat_maps = await queries.list_seat_maps(db, venue_id, 0, 1)
    seat_map_id = seat_maps[0].id if seat_maps else (await import_seat_map(db, user, venue_id, plan)).id
    in_a_month = await queries.get_now(db) + timedelta(days=30)
    event = NewEvent(
        venue_id=venue_id,
        seat_map_id=seat_map_id,
        title=title,
        starts_at=in_a_month.replace(hour=18, minute=0, second=0, microsecond=0),
        currency="EUR",
        prices=prices,
        # Whoever tries the demo buys again and again with one account.
        places_per_buyer_max=PLACES_PER_BUYER_MAX,
    )
    return (await create_event(db, user, event)).id
