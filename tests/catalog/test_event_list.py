"""Finding events: search, filters, pages."""

from typing import Any

import pytest

from boxoffice.kit.paging import PAGE_ITEMS_MAX, encode_cursor
from catalog.stage import Person, soon, word


def _ids(answer: Any) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [event["id"] for event in answer.json()["items"]]


async def test_words_are_found_in_title_venue_and_city(organizer: Person, stranger: Person):
    title, venue, city = word(), word(), word()
    venue_id = await organizer.has_venue(name=f"The {venue} Hall", city=f"Bad {city}")
    event = await organizer.has_event(venue_id=venue_id, title=f"Night of {title}")

    for words in (title, venue, city, title.upper(), f"of {title[:6]}"):
        assert _ids(await stranger.get("/events", q=words, venue_id=venue_id)) == [event["id"]]
    assert _ids(await stranger.get("/events", q=word())) == []


async def test_wildcards_are_ordinary_characters(organizer: Person, stranger: Person):
    venue_id = await organizer.has_venue()
    titles = ["100% fun", "100 times fun", "snake_case", "snakeXcase", "back\\slash"]
    ids = [(await organizer.has_event(venue_id=venue_id, title=title))["id"] for title in titles]

    found = {
        words: _ids(await stranger.get("/events", q=words, venue_id=venue_id))
        for words in ("0%", "e_c", "k\\s", "%", "_", "\\")
    }

    assert found == {
        "0%": [ids[0]],
        "e_c": [ids[2]],
        "k\\s": [ids[4]],
        "%": [ids[0]],
        "_": [ids[2]],
        "\\": [ids[4]],
    }


async def test_a_summary_shows_when_where_and_from_how_much(organizer: Person, stranger: Person):
    event = await organizer.has_event()

    (summary,) = (await stranger.get("/events", organizer_id=organizer.id)).json()["items"]

    assert summary["lowest_price"] == {"amount": 2000, "currency": "EUR"}
    assert {name: event[name] for name in summary if name != "lowest_price"} == {
        name: value for name, value in summary.items() if name != "lowest_price"
    }


async def test_time_city_venue_and_organizer_narrow_the_list(
    organizer: Person, rival: Person, stranger: Person
):
    city = word()
    venue_id, other_id = await organizer.has_venue(city=city), await rival.has_venue(city=city.upper())
    first = await organizer.has_event(venue_id=venue_id, starts_at="2040-01-01T12:00:00Z")
    second = await organizer.has_event(venue_id=venue_id, starts_at="2040-01-02T12:00:00Z")
    third = await rival.has_event(venue_id=other_id, starts_at="2040-01-03T12:00:00Z")

    async def found(**filters: Any) -> list[int]:
        return _ids(await stranger.get("/events", city=city, **filters))

    assert await found() == [first["id"], second["id"], third["id"]]
    assert await found(venue_id=venue_id) == [first["id"], second["id"]]
    assert await found(organizer_id=rival.id) == [third["id"]]
    assert await found(**{"from": "2040-01-02T12:00:00Z"}) == [second["id"], third["id"]]
    assert await found(until="2040-01-02T13:00:00+01:00") == [first["id"]]
    assert await found(**{"from": "2040-01-02T00:00:00Z", "until": "2040-01-03T00:00:00Z"}) == [second["id"]]
    assert _ids(await stranger.get("/events", city=city[:-1])) == []


async def test_drafts_are_seen_by_their_organizer_only(organizer: Person, admin: Person, stranger: Person):
    venue_id = await organizer.has_venue()
    draft = await organizer.has_draft(venue_id=venue_id, starts_at=soon(days=1))
    event = await organizer.has_event(venue_id=venue_id, starts_at=soon(days=2))

    assert _ids(await organizer.get("/events", mine=True)) == [draft["id"], event["id"]]
    assert _ids(await organizer.get("/events", organizer_id=organizer.id)) == [event["id"]]
    assert _ids(await stranger.get("/events", venue_id=venue_id)) == [event["id"]]
    assert _ids(await admin.get("/events", mine=True)) == []
    assert (await stranger.get("/events", mine=True)).status_code == 401


async def test_without_from_only_what_is_to_come_is_listed(organizer: Person, stranger: Person, db: Any):
    event = await organizer.has_event()
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET starts_at = now() - interval '1 second' WHERE id = $1", event["id"]
        )
    venue_id = event["venue"]["id"]

    assert _ids(await stranger.get("/events", venue_id=venue_id)) == []
    assert _ids(await stranger.get("/events", venue_id=venue_id, **{"from": soon(days=-1)})) == [event["id"]]
    assert _ids(await organizer.get("/events", mine=True)) == [event["id"]]


async def test_pages_follow_each_other_even_when_events_start_together(organizer: Person, stranger: Person):
    venue_id = await organizer.has_venue()
    seat_map_id = await organizer.has_map(venue_id)
    place = {"venue_id": venue_id, "seat_map_id": seat_map_id}
    late = await organizer.has_event(**place, starts_at=soon(days=9))
    made = [await organizer.has_event(**place, starts_at="2041-01-01T00:00:00.123456Z") for _ in range(4)]

    pages: list[list[int]] = []
    link = f"/api/v1/events?venue_id={venue_id}&q=Evening&limit=2"
    while link:
        answer = await stranger.client.get(f"http://testserver{link}")
        pages.append(_ids(answer))
        link = answer.headers.get("link", "").partition(">")[0].removeprefix("<")
        assert bool(link) == (answer.json()["next_cursor"] is not None)

    ids = [event["id"] for event in made]
    assert pages == [[late["id"], ids[0]], ids[1:3], ids[3:]]


@pytest.mark.parametrize(
    "cursor",
    [
        "nonsense",
        "%00",
        "W10",
        "é",
        "a",
        encode_cursor([1]),
        encode_cursor(["2040-01-01T00:00:00Z", "1"]),
        encode_cursor(["2040-01-01T00:00:00Z", 10**30]),
        encode_cursor(["2040-01-01T00:00:00", 1]),
        encode_cursor(["0001-01-01T00:00:00+14:00", 1]),
        "x" * 201,
    ],
)
async def test_a_cursor_we_did_not_make_is_refused(stranger: Person, cursor: str):
    answer = await stranger.get("/events", cursor=cursor)

    assert answer.status_code == 422
    assert answer.json()["type"] in {"/problems/unknown-cursor", "/problems/invalid-input"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", "0"),
        ("limit", str(PAGE_ITEMS_MAX + 1)),
        ("limit", "ten"),
        ("from", "yesterday"),
        ("from", "2040-01-01T00:00:00"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("until", "9999-12-31T23:59:59-14:00"),
        ("venue_id", "0"),
        ("venue_id", str(2**63)),
        ("organizer_id", "me"),
        ("q", "x" * 201),
        ("q", "a\x00b"),
        ("city", " "),
        ("mine", "perhaps"),
    ],
)
async def test_a_bad_parameter_is_named(stranger: Person, parameter: str, value: str):
    answer = await stranger.get("/events", **{parameter: value})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == parameter


async def test_the_largest_page_is_allowed(stranger: Person):
    assert (await stranger.get("/events", limit=PAGE_ITEMS_MAX)).status_code == 200


async def test_broken_text_in_a_query_is_no_bug(stranger: Person):
    for query in ("q=%ED%A0%80", "q=%FF%FE", "city=%ED%BF%BF", "cursor=%FF"):
        assert (await stranger.client.get(f"/events?{query}")).status_code in {200, 422}
