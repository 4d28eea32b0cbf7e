"""What is wrong with a seat map, and where: every fault is pointed at, every limit lets its edge in."""

import json
from typing import Any

import pytest

from boxoffice.catalog.seat_maps.document import (
    AREA_CAPACITY_MAX,
    AREAS_MAX,
    CATEGORIES_MAX,
    POSITION_MAX,
    SEATS_MAX,
)
from boxoffice.catalog.seat_maps.faults import FAULTS_MAX
from boxoffice.catalog.seat_maps.seat_map import SeatLabel, get_seat_map
from boxoffice.catalog.seat_maps.shapes import LABEL_CHARACTERS_MAX
from boxoffice.kit.http import BODY_BYTES_MAX, SEAT_MAP_BODY_BYTES_MAX
from boxoffice.kit.postgres import Database
from catalog.stage import Person, arena, pointers, small_map, small_plan


def _with(path: str, value: Any, body: dict[str, Any]) -> dict[str, Any]:
    *parents, last = [int(part) if part.isdigit() else part for part in path.split("/")[1:]]
    at: Any = body
    for part in parents:
        at = at[part]
    at[last] = value
    return body


_SEAT = "/zones/0/rows/0/seats/1"
_A_SEAT = {"number": "1", "x": 0, "y": 0, "category": "Stalls"}
_AREA = {"name": "Floor", "capacity": 1, "category": "Floor"}
_ROW = {"name": "A", "seats": [_A_SEAT]}

OWN_FAULTS: list[tuple[str, str, Any]] = [
    (f"{_SEAT}/number", f"{_SEAT}/number", "1"),
    ("/zones/0/rows/1/seats/0/number", "/zones/0/rows/1/name", "A"),
    (f"{_SEAT}/category", f"{_SEAT}/category", "Nowhere"),
    (f"{_SEAT}/number", f"{_SEAT}/number", "a\x00b"),
    (f"{_SEAT}/number", f"{_SEAT}/number", "  "),
    (f"{_SEAT}/number", f"{_SEAT}/number", "x" * (LABEL_CHARACTERS_MAX + 1)),
    (f"{_SEAT}/number", f"{_SEAT}/number", 7),
    (f"{_SEAT}/x", f"{_SEAT}/x", POSITION_MAX + 1),
    (f"{_SEAT}/y", f"{_SEAT}/y", -1e300),
    (f"{_SEAT}/x", f"{_SEAT}/x", "25"),
    (f"{_SEAT}/colour", f"{_SEAT}/colour", "red"),
    (f"{_SEAT}/companion_of", f"{_SEAT}/companion_of", "3"),
    (f"{_SEAT}/companion_of", f"{_SEAT}/companion_of", "2"),
    (f"{_SEAT}/companion_of", f"{_SEAT}/companion_of", ""),
    (f"{_SEAT}/companion_of", f"{_SEAT}/companion_of", 1),
    ("/zones/0/rows/0/seats/0/companion_of", "/zones/0/rows/0/seats/0/companion_of", "1"),
    ("/stage", "/stage", {}),
    ("/name", "/name", "line\nbreak\n"),
    ("/name", "/name", "end\n"),
    ("/categories/1/name", "/categories/1/name", "Stalls"),
    ("/categories/0/color", "/categories/0/color", "red"),
    ("/zones/1/name", "/zones", [{"name": "L", "rows": [_ROW]}, {"name": "L", "rows": []}]),
    ("/areas/1/name", "/areas", [_AREA, _AREA]),
    ("/areas/0/category", "/areas", [_AREA | {"category": "Nowhere"}]),
    ("/areas/0/capacity", "/areas", [_AREA | {"capacity": 0}]),
    ("/areas/0/capacity", "/areas", [_AREA | {"capacity": AREA_CAPACITY_MAX + 1}]),
    ("/areas/0/capacity", "/areas", [_AREA | {"capacity": 10**30}]),
    ("/areas/0/capacity", "/areas", [_AREA | {"capacity": 1.5}]),
    (
        "/areas",
        "/areas",
        [{"name": str(n), "capacity": 1, "category": "Floor"} for n in range(AREAS_MAX + 1)],
    ),
    ("/categories", "/categories", [{"name": str(n)} for n in range(CATEGORIES_MAX + 1)]),
    ("/zones", "/zones", "none"),
    ("/format", "/format", "XML"),
    ("/format", "/format", 1),
]


@pytest.mark.parametrize(("pointer", "path", "value"), OWN_FAULTS)
async def test_a_fault_in_our_own_shape_is_pointed_at(organizer: Person, pointer: str, path: str, value: Any):
    venue_id = await organizer.has_venue()

    answer = await organizer.post(f"/venues/{venue_id}/seat-maps", _with(path, value, small_map()))

    assert answer.status_code == 422
    assert pointers(answer)[0] == pointer
    assert (await organizer.get(f"/venues/{venue_id}/seat-maps")).json()["items"] == []


_PLAN_SEAT = "/zones/0/rows/0/seats/2"

OPEN_FAULTS: list[tuple[str, Any]] = [
    (f"{_PLAN_SEAT}/seat_guid", "guid-1"),
    (f"{_PLAN_SEAT}/seat_number", "1"),
    (f"{_PLAN_SEAT}/category", "Nowhere"),
    (f"{_PLAN_SEAT}/position/x", 1e9),
    ("/zones/0/position/y", -1e9),
    ("/zones/0/name", "a\x07"),
    ("/categories/1/name", "Stalls"),
    ("/zones/0/rows/0/row_number", None),
]


@pytest.mark.parametrize(("pointer", "value"), OPEN_FAULTS)
async def test_a_fault_in_an_open_plan_is_pointed_at(organizer: Person, pointer: str, value: Any):
    venue_id = await organizer.has_venue()

    answer = await organizer.post(f"/venues/{venue_id}/seat-maps", _with(pointer, value, small_plan()))

    assert answer.status_code == 422
    assert pointers(answer)[0] == pointer


async def test_a_map_without_places_is_refused(organizer: Person):
    venue_id = await organizer.has_venue()

    for body in (small_map() | {"zones": [], "areas": []}, small_plan() | {"zones": []}):
        answer = await organizer.post(f"/venues/{venue_id}/seat-maps", body)

        assert answer.status_code == 422
        assert pointers(answer) == ["/zones"]


async def test_a_body_of_neither_shape_says_how_it_was_read(organizer: Person):
    body = small_map()
    del body["format"]
    venue_id = await organizer.has_venue()

    answer = await organizer.post(f"/venues/{venue_id}/seat-maps", body)

    assert answer.status_code == 422
    assert '"format": "BOXOFFICE"' in answer.json()["errors"][0]["detail"]


async def test_all_faults_are_told_at_once_up_to_a_limit(organizer: Person):
    body = arena(FAULTS_MAX + 5)
    for seat in body["zones"][0]["rows"][0]["seats"]:
        seat["category"] = "Nowhere"
    venue_id = await organizer.has_venue()

    answer = await organizer.post(f"/venues/{venue_id}/seat-maps", body)

    assert pointers(answer) == [f"/zones/0/rows/0/seats/{seat}/category" for seat in range(FAULTS_MAX)]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (400, b"{"),
        (400, b"\xff\xfe"),
        (400, b'{"name": NaN}'),
        (400, b'{"format": "BOXOFFICE", "name": "\\ud800", "categories": []}'),
        (400, b'{"name": "\\ud800", "categories": [], "zones": []}'),
        (400, b'{"name": ' + b"[" * 100_000),
        (422, b'{"format": "BOXOFFICE", "name": "A", "categories": [], "areas": [{"capacity": 1e999}]}'),
        (422, b"[]"),
        (422, b"null"),
        (400, b""),
    ],
)
async def test_what_cannot_be_read_is_refused(organizer: Person, status: int, body: bytes):
    venue_id = await organizer.has_venue()

    answer = await organizer.post_text(f"/venues/{venue_id}/seat-maps", body)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


async def test_infinite_positions_are_refused(organizer: Person):
    venue_id = await organizer.has_venue()
    text = json.dumps(small_map()).replace("25.5", "1e999", 1)

    answer = await organizer.post_text(f"/venues/{venue_id}/seat-maps", text)

    assert answer.status_code == 422
    assert pointers(answer) == [f"{_SEAT}/x"]


async def test_a_body_that_does_not_call_itself_json_is_refused(organizer: Person):
    venue_id = await organizer.has_venue()

    answer = await organizer.client.post(
        f"/venues/{venue_id}/seat-maps",
        content=json.dumps(small_map()),
        headers=organizer.headers | {"Content-Type": "text/xml"},
    )

    assert answer.status_code == 415


async def test_each_limit_lets_its_edge_in(organizer: Person):
    body = small_map()
    body["categories"] += [{"name": str(n)} for n in range(CATEGORIES_MAX - 3)]
    body["areas"] = [
        {"name": str(n), "capacity": AREA_CAPACITY_MAX, "category": "251"} for n in range(AREAS_MAX)
    ]
    body["zones"][0]["rows"][0]["seats"][1] |= {
        "number": "x" * LABEL_CHARACTERS_MAX,
        "x": POSITION_MAX,
        "y": -POSITION_MAX,
        "category": "251",
    }
    venue_id = await organizer.has_venue()

    answer = await organizer.post(f"/venues/{venue_id}/seat-maps", body)

    assert answer.status_code == 201
    assert answer.json()["place_count"] == AREAS_MAX * AREA_CAPACITY_MAX + 4


async def test_a_seat_more_than_the_limit_is_refused_and_the_limit_is_not(organizer: Person, db: Database):
    venue_id = await organizer.has_venue()

    full = await organizer.post(f"/venues/{venue_id}/seat-maps", arena(SEATS_MAX))
    over = await organizer.post(f"/venues/{venue_id}/seat-maps", arena(SEATS_MAX + 1))

    assert (full.status_code, over.status_code) == (201, 422)
    assert pointers(over) == ["/zones"]
    kept = await get_seat_map(db, full.json()["id"])
    assert kept.label_of(SEATS_MAX - 1) == SeatLabel(zone="Arena", row="999", number="99")


async def test_bodies_are_bounded_here_and_elsewhere(organizer: Person):
    venue_id = await organizer.has_venue()
    spaces = " " * (2 * BODY_BYTES_MAX)

    padded = await organizer.post_text(f"/venues/{venue_id}/seat-maps", json.dumps(small_map()) + spaces)
    event = await organizer.post_text("/events", "{}" + spaces)
    venue = await organizer.post_text("/venues", "{}" + spaces)
    too_large = await organizer.post_text(
        f"/venues/{venue_id}/seat-maps", b" " * (SEAT_MAP_BODY_BYTES_MAX + 1)
    )

    assert padded.status_code == 201
    for answer in (event, venue, too_large):
        assert answer.status_code == 413
        assert answer.json()["type"] == "/problems/body-too-large"
