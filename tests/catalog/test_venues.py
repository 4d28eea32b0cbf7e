"""Venues over HTTP."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest

from boxoffice.catalog.codes import COUNTRIES, CURRENCIES, TIME_ZONES
from boxoffice.catalog.schemas import ADDRESS_LINES_MAX, ROW_ID_MAX
from boxoffice.kit.paging import encode_cursor
from boxoffice.kit.text import LINE_CHARACTERS_MAX
from catalog.stage import VENUE, Person, pointers


async def test_an_organizer_makes_a_venue_and_everybody_sees_it(organizer: Person, stranger: Person):
    body = VENUE | {"address_lines": ["Essener Straße 20", "99089 Erfurt"]}

    made = await organizer.post("/venues", body)
    seen = await stranger.get(f"/venues/{made.json()['id']}")

    assert made.status_code == 201
    assert seen.status_code == 200
    assert seen.json() == made.json()
    assert seen.json().items() >= (body | {"organizer_id": organizer.id}).items()


async def test_only_organizers_and_admins_make_venues(buyer: Person, stranger: Person, admin: Person):
    answers = [(await who.post("/venues", VENUE)).status_code for who in (buyer, stranger, admin)]

    assert answers == [403, 401, 201]


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("/country", "XX"),
        ("/country", "de"),
        ("/country", "DEU"),
        ("/country", "DE\n"),
        ("/time_zone", "Europe/Erfurt"),
        ("/time_zone", "Europe"),
        ("/time_zone", "../../etc/passwd"),
        ("/time_zone", "a\x00b"),
        ("/name", ""),
        ("/name", "a\x00b"),
        ("/name", "x" * (LINE_CHARACTERS_MAX + 1)),
        ("/city", 7),
        ("/city", None),
        ("/address_lines", ["x"] * (ADDRESS_LINES_MAX + 1)),
        ("/address_lines/1", ["x", " "]),
        ("/rating", 5),
    ],
)
async def test_a_fault_in_a_venue_is_pointed_at(organizer: Person, pointer: str, value: Any):
    answer = await organizer.post("/venues", VENUE | {pointer.split("/")[1]: value})

    assert answer.status_code == 422
    assert pointers(answer) == [pointer]


async def test_both_unknown_codes_are_told_at_once(organizer: Person):
    answer = await organizer.post("/venues", VENUE | {"country": "XX", "time_zone": "Mars/Base"})

    assert pointers(answer) == ["/country", "/time_zone"]


async def test_the_longest_venue_fits(organizer: Person):
    longest = "x" * LINE_CHARACTERS_MAX

    answer = await organizer.post(
        "/venues", VENUE | {"name": longest, "address_lines": [longest] * ADDRESS_LINES_MAX}
    )

    assert answer.status_code == 201


async def test_half_a_character_is_unreadable(organizer: Person):
    text = '{"name": "\\ud800", "city": "Erfurt", "country": "DE", "time_zone": "Europe/Berlin"}'

    assert (await organizer.post_text("/venues", text)).status_code == 400


@pytest.mark.parametrize("venue_id", [0, -1, ROW_ID_MAX, ROW_ID_MAX + 1, 10**40, "one", "1.0", "%00"])
async def test_a_venue_that_is_not_there_is_not_found(stranger: Person, venue_id: Any):
    assert (await stranger.get(f"/venues/{venue_id}")).status_code == 404


def test_the_lists_of_codes_are_whole():
    assert len(COUNTRIES) == 249
    assert all(len(code) == 2 for code in COUNTRIES)
    assert all(len(code) == 3 for code in CURRENCIES)
    assert {"EUR", "USD", "JPY", "XOF", "ZWG"} <= CURRENCIES
    assert not {"DEM", "XAU", "XTS"} & CURRENCIES


def test_every_time_zone_we_accept_can_be_loaded():
    assert len(TIME_ZONES) > 400
    for name in TIME_ZONES:
        assert ZoneInfo(name).key == name


async def test_an_organizer_finds_a_venue_again_by_its_name_or_its_city(
    organizer: Person, rival: Person, admin: Person
):
    theatre = await organizer.has_venue(name="Old theatre", city="Erfurt")
    arena = await organizer.has_venue(name="100% Arena", city="Weimar")
    await rival.has_venue(name="Old theatre", city="Erfurt")

    async def found(who: Person, **query: Any) -> list[int]:
        answer = await who.get("/venues", **query)
        assert answer.status_code == 200, answer.text
        return [venue["id"] for venue in answer.json()["items"]]

    assert await found(organizer) == [arena, theatre]
    assert await found(organizer, q="THEAT") == await found(organizer, q="erfurt") == [theatre]
    assert await found(organizer, q="0%") == [arena]
    assert await found(organizer, q="_") == await found(admin) == []
    (shown,) = (await organizer.get("/venues", q="weimar")).json()["items"]
    assert shown == (await organizer.get(f"/venues/{arena}")).json()


async def test_a_list_of_venues_goes_on_where_its_page_ended(organizer: Person):
    ids = [await organizer.has_venue() for _ in range(3)]

    first = await organizer.get("/venues", limit=2)
    # As if one were made between the pages.
    await organizer.has_venue()
    second = await organizer.get("/venues", limit=2, cursor=first.json()["next_cursor"])

    assert [venue["id"] for venue in first.json()["items"]] == [ids[2], ids[1]]
    assert f"cursor={first.json()['next_cursor']}" in first.headers["link"]
    assert [venue["id"] for venue in second.json()["items"]] == [ids[0]]
    assert second.json()["next_cursor"] is None
    for foreign in ("!", encode_cursor((0,)), encode_cursor((ROW_ID_MAX + 1,)), encode_cursor("x")):
        assert pointers(await organizer.get("/venues", cursor=foreign)) == ["?cursor"]
