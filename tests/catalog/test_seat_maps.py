"""Seat maps over HTTP: the real hall, both shapes, versions, caching."""

import gzip
from typing import Any

import asyncpg
import pytest

from boxoffice.catalog.demo import HALL_PLAN
from boxoffice.catalog.seat_maps import seat_map
from boxoffice.catalog.seat_maps.document import FocalPoint
from boxoffice.catalog.seat_maps.seat_map import SEAT_MAPS_KEPT_MAX, SeatLabel, get_seat_map
from boxoffice.kit.postgres import Database
from catalog.stage import Person, arena, small_map, small_plan


async def test_the_real_hall_has_its_seats_and_an_aisle_is_a_gap(organizer: Person, db: Database):
    venue_id = await organizer.has_venue()

    answer = await organizer.post_text(f"/venues/{venue_id}/seat-maps", HALL_PLAN.read_bytes())

    version = answer.json()
    assert answer.status_code == 201
    assert (version["seat_count"], version["place_count"], version["version"]) == (1222, 1222, 1)
    assert [(kind["name"], kind["places"]) for kind in version["categories"]] == [
        ("Kategorie I", 290),
        ("Kategorie II", 851),
        ("VIP", 81),
    ]
    hall = await get_seat_map(db, version["id"])
    assert hall.seat_count == len(hall.category_of) == len(hall.xs) == len(hall.numbers) == 1222
    assert hall.rows[0] == ("Block D", "14")
    assert hall.label_of(0) == SeatLabel(zone="Block D", row="14", number="1")
    # Seats 7 and 8 of the first row have the stairs between them.
    assert [hall.xs[seat + 1] - hall.xs[seat] for seat in range(8)] == [25, 25, 25, 25, 25, 25, 50, 25]
    assert list(hall.row_of) == sorted(hall.row_of)
    assert hall.label_of(1221).zone == "Block C"
    for beyond in (-1, 1222):
        with pytest.raises(IndexError):
            hall.label_of(beyond)


async def test_positions_of_zone_row_and_seat_add_up_and_foreign_members_are_ignored(
    organizer: Person, db: Database
):
    seat_map_id = await organizer.has_map(await organizer.has_venue(), small_plan())

    plan = await get_seat_map(db, seat_map_id)

    assert list(plan.xs) == [111, 112, 113]
    assert list(plan.ys) == [223, 223, 223]
    assert list(plan.category_of) == [0, 0, 1]
    # A color that is a word only decorates, and other programs may not know the word.
    assert [(kind.name, kind.color) for kind in plan.categories] == [("Stalls", None), ("Box", "#aabbcc")]
    assert plan.areas == ()


async def test_our_own_shape_keeps_seats_areas_and_who_can_sit_there(organizer: Person, db: Database):
    event = await organizer.has_event()

    document = (await organizer.get(f"/events/{event['id']}/seat-map")).json()

    assert document["seat_count"] == 4
    rows = document["zones"][0]["rows"]
    assert [[seat["id"] for seat in row["seats"]] for row in rows] == [[0, 1], [2, 3]]
    assert rows[0]["seats"][0] == {
        "id": 0,
        "number": "1",
        "x": 0,
        "y": 0,
        "category": "Stalls",
        "accessible": True,
    }
    assert document["areas"] == [{"id": 0, "name": "Floor", "capacity": 500, "category": "Floor"}]
    kept = await get_seat_map(db, event["seat_map_id"])
    assert (kept.seat_count, kept.areas[0].capacity, list(kept.row_of)) == (4, 500, [0, 0, 1, 1])


async def test_a_companions_seat_names_its_accessible_seat_by_id_and_the_focal_point_stays(
    organizer: Person, db: Database
):
    body: dict[str, Any] = small_map() | {"focal_point": {"x": 30, "y": -200}}
    body["zones"][0]["rows"][1]["seats"][1]["companion_of"] = "1"
    venue_id = await organizer.has_venue()

    version = (await organizer.post(f"/venues/{venue_id}/seat-maps", body)).json()

    kept = await get_seat_map(db, version["id"])
    assert kept.companion_of == {3: 2}
    assert (kept.accessible, kept.kept) == ({0, 2}, {0, 2, 3})
    assert kept.focal_point == FocalPoint(30, -200)


async def test_a_map_may_have_areas_only(organizer: Person):
    body = small_map() | {"zones": []}
    venue_id = await organizer.has_venue()

    version = (await organizer.post(f"/venues/{venue_id}/seat-maps", body)).json()

    assert (version["seat_count"], version["place_count"]) == (0, 500)


async def test_rows_and_zones_without_seats_are_left_out(organizer: Person, db: Database):
    body = small_map()
    body["zones"][0]["rows"].insert(0, {"name": "Empty", "seats": []})
    body["zones"].append({"name": "Nobody", "rows": []})

    kept = await get_seat_map(db, await organizer.has_map(await organizer.has_venue(), body))

    assert kept.rows == (("Left", "A"), ("Left", "B"))


async def test_fifty_thousand_seats_come_back_as_they_went_in(organizer: Person, db: Database):
    body = arena(50_000)
    venue_id = await organizer.has_venue()
    seat_map_id = await organizer.has_map(venue_id, body)
    event = await organizer.has_event(venue_id=venue_id, seat_map_id=seat_map_id, prices={"Stalls": 100})

    document = (await organizer.get(f"/events/{event['id']}/seat-map")).json()

    returned = [seat for zone in document["zones"] for row in zone["rows"] for seat in row["seats"]]
    sent = [seat for zone in body["zones"] for row in zone["rows"] for seat in row["seats"]]
    assert [seat.pop("id") for seat in returned] == list(range(50_000))
    assert returned == sent
    kept = await get_seat_map(db, seat_map_id)
    assert (kept.seat_count, kept.xs[49_999], kept.label_of(49_999).row) == (50_000, 99 * 25, "499")


async def test_versions_count_up_and_never_change(organizer: Person, db: Database):
    venue_id = await organizer.has_venue()
    first = await organizer.has_map(venue_id)
    second = await organizer.has_map(venue_id, small_plan())

    versions = (await organizer.get(f"/venues/{venue_id}/seat-maps")).json()

    assert [(version["id"], version["version"]) for version in versions["items"]] == [(first, 1), (second, 2)]
    with pytest.raises(asyncpg.RaiseError, match="never changes"):
        async with db.transaction() as tx:
            await tx.execute("UPDATE seat_maps SET document = '{}' WHERE id = $1", first)


async def test_versions_are_listed_in_pages(organizer: Person):
    venue_id = await organizer.has_venue()
    made = [await organizer.has_map(venue_id) for _ in range(3)]
    path = f"/venues/{venue_id}/seat-maps"

    first = await organizer.get(path, limit=2)
    second = await organizer.get(path, limit=2, cursor=first.json()["next_cursor"])
    garbage = await organizer.get(path, cursor="W10")

    listed = first.json()["items"] + second.json()["items"]
    assert [version["id"] for version in listed] == made
    assert "limit=2&cursor=" in first.headers["link"]
    assert second.json()["next_cursor"] is None
    assert "link" not in second.headers
    assert garbage.status_code == 422


async def test_a_map_may_be_kept_for_ever_at_an_address_of_its_own(organizer: Person, stranger: Person):
    event = await organizer.has_event()
    path = f"/events/{event['id']}/seat-maps/{event['seat_map_id']}"

    packed = await stranger.get(path, {"Accept-Encoding": "br, gzip;q=0.5"})
    plain = await stranger.get(path, {"Accept-Encoding": "gzip;q=0, identity"})

    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json() == plain.json()
    assert packed.headers["vary"] == plain.headers["vary"] == "Accept-Encoding"
    assert packed.headers["etag"] != plain.headers["etag"]
    for known in (packed.headers["etag"], f'"other", W/{plain.headers["etag"]}', "*"):
        again = await stranger.get(path, {"If-None-Match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == packed.headers["etag"]
    assert (await stranger.get(path, {"If-None-Match": '"other"'})).status_code == 200


async def test_the_packed_document_is_the_stored_one(organizer: Person, db: Database):
    seat_map_id = await organizer.has_map(await organizer.has_venue())

    packed = await db.get(bytes, "SELECT document_gzip FROM seat_maps WHERE id = $1", seat_map_id)
    document = await db.get(str, "SELECT document FROM seat_maps WHERE id = $1", seat_map_id)

    assert gzip.decompress(packed).decode() == document


async def test_a_drafts_map_is_its_organizers_secret(organizer: Person, rival: Person, stranger: Person):
    draft = await organizer.has_draft()
    path = f"/events/{draft['id']}/seat-map"

    own = await organizer.get(path)

    assert own.status_code == 200
    assert own.headers["cache-control"] == "private, no-cache"
    assert (await rival.get(path)).status_code == 404
    assert (await stranger.get(path)).status_code == 404
    assert (await stranger.get("/events/4294967295/seat-map")).status_code == 404


async def test_maps_belong_to_the_venues_organizer(
    organizer: Person, rival: Person, admin: Person, buyer: Person, stranger: Person
):
    venue_id = await organizer.has_venue()
    path = f"/venues/{venue_id}/seat-maps"

    posted = [(await who.post(path, small_map())).status_code for who in (rival, buyer, stranger, admin)]
    listed = [(await who.get(path)).status_code for who in (rival, buyer, stranger, admin)]

    assert posted == [404, 403, 401, 201]
    assert listed == [404, 403, 401, 200]
    assert (await organizer.post(f"/venues/{2**63 - 1}/seat-maps", small_map())).status_code == 404
    assert (await organizer.post(f"/venues/{2**63}/seat-maps", small_map())).status_code == 404


async def test_a_process_keeps_a_bounded_number_of_maps(
    organizer: Person, db: Database, monkeypatch: pytest.MonkeyPatch
):
    venue_id = await organizer.has_venue()
    used = [await organizer.has_map(venue_id) for _ in range(3)]
    monkeypatch.setattr(seat_map, "SEAT_MAPS_KEPT_MAX", 2)

    first, second = await get_seat_map(db, used[0]), await get_seat_map(db, used[1])
    assert await get_seat_map(db, used[0]) is first
    await get_seat_map(db, used[2])

    assert await get_seat_map(db, used[0]) is first
    assert await get_seat_map(db, used[1]) is not second
    assert SEAT_MAPS_KEPT_MAX * 2_200_000 < 100_000_000
    with pytest.raises(LookupError):
        await get_seat_map(db, 2**62)
