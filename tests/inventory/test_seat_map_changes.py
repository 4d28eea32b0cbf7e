"""Another seat map for an event on sale: nobody loses a place, and every process sells the new one."""

import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.catalog.seat_maps import of_events as event_seat_maps
from boxoffice.inventory import map_rules
from boxoffice.inventory.commands import BestAvailable, Booking, Expire, Held, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.journal.replay import replay_event
from boxoffice.inventory.refusals import SeatsBlocked, SingleSeatLeft
from boxoffice.inventory.seat_map_changes import changing
from boxoffice.inventory.state import BLOCKED, FREE
from boxoffice.kit.errors import InvalidInput
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from catalog.stage import person
from inventory.halls import NUMBERS, House, hall, open_house, problem
from inventory.selling import answer, hold, paid
from inventory.watching import document_at, states_of, version_of, watching
from payments.conftest import headers_of
from shows import insert_user
from web import running


@pytest.fixture
async def house(app: Litestar, client: httpx.AsyncClient, db: Database) -> House:
    return await open_house(app, client, db)


async def sell(sales: GroupCommit, event_id: int, buyer_id: int, *seat_ids: int) -> Booking:
    """Hold and pay."""
    booking = await hold(sales, event_id, buyer_id, seat_ids)
    await sales.submit(event_id, paid(booking, new_id(event_id)))
    return booking


async def test_a_preview_shows_the_difference_and_changes_nothing(house: House, sales: GroupCommit):
    await sell(sales, house.id, 1, 0)
    await hold(sales, house.id, 2, [8], [0, 0])
    await house.organizer.post(f"{house.path}/blocks", {"name": "Ours", "seat_ids": [1]})
    wanted = await house.version(
        hall(("A", NUMBERS[2:]), ("B", NUMBERS[1:]), ("C", ["1"]), areas={"Floor": 1, "Lawn": 5}, box="B")
    )

    found = await house.ask("/preview", wanted)

    assert found.status_code == 200, found.text
    seen = found.json()
    assert (seen["kept"], seen["is_possible"]) == (13, False)
    assert seen["moved"]["count"] == 13
    assert seen["added"] == {
        "count": 1,
        "seats": [{"seat_id": 16, "zone": "Main", "row": "C", "number": "1"}],
    }
    assert [seat["number"] for seat in seen["removed"]["seats"]] == ["1", "2", "1"]
    assert seen["categories"] == [
        {
            "category_before": "Stalls",
            "category": "Box",
            "seat_count": 7,
            "price_before": {"amount": 4500, "currency": "EUR"},
            "price": None,
        }
    ]
    assert seen["errors"] == [
        {"pointer": "/prices/Box", "detail": "This category has 7 places and no price."}
    ]
    assert [(seat["row"], seat["number"], seat["state"]) for seat in seen["seats_in_the_way"]] == [
        ("A", "1", "SOLD"),
        ("A", "2", "BLOCKED"),
        ("B", "1", "HELD"),
    ]
    assert seen["seats_in_the_way_count"] == 3
    assert seen["areas"] == [
        {"area_id": 0, "name": "Floor", "capacity_before": 10, "capacity": 1},
        {"area_id": 1, "name": "Lawn", "capacity_before": None, "capacity": 5},
    ]
    assert seen["areas_in_the_way"] == [{"area_id": 0, "name": "Floor", "capacity": 1, "taken": 2}]
    assert (await house.organizer.get(house.path)).json()["seat_map_id"] == seen["seat_map_id"]
    await house.verify()


async def test_lists_are_short_and_say_how_many_there_are_and_ids_are_not_endless(
    house: House, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(map_rules, "IN_THE_WAY_LISTED_MAX", 2)
    monkeypatch.setattr(changing, "SEATS_LISTED_MAX", 3)
    await hold(sales, house.id, 1, [0, 1, 2])
    wanted = await house.version(hall(("A", NUMBERS[4:]), ("B", NUMBERS), ("C", ["1", "2"])))

    monkeypatch.setattr(event_seat_maps, "SEATS_MAX", 18)
    seen = (await house.ask("/preview", wanted)).json()
    monkeypatch.setattr(event_seat_maps, "SEATS_MAX", 17)
    refused = await house.ask("/preview", wanted)

    assert (seen["removed"]["count"], len(seen["removed"]["seats"])) == (4, 3)
    assert (seen["seats_in_the_way_count"], len(seen["seats_in_the_way"])) == (3, 2)
    assert (refused.status_code, refused.json()["errors"][0]["detail"]) == (
        422,
        "With those that were there before, the event would have 18 seats: more than 17.",
    )


async def test_a_sold_or_held_seat_is_not_taken_away_and_is_named(house: House, sales: GroupCommit):
    await sell(sales, house.id, 1, 3)
    wanted = await house.version(hall(("A", NUMBERS[4:]), ("B", NUMBERS)))
    maps = await house.show.db.get(int, "SELECT count(*) FROM seat_maps")

    refused = await house.ask("", wanted)

    assert (refused.status_code, problem(refused)) == (409, "places-in-the-way")
    assert refused.json()["seats"] == [
        {"seat_id": 3, "zone": "Main", "row": "A", "number": "4", "state": "SOLD"}
    ]
    less = await house.ask("", await house.version(hall(("A", NUMBERS), ("B", NUMBERS), areas={"Lawn": 1})))
    assert less.status_code == 200, less.text
    # What was refused left nothing behind: one version, and the map of the event that has changed.
    assert await house.show.db.get(int, "SELECT count(*) FROM seat_maps") == maps + 2
    await house.verify()


async def test_a_hold_that_is_over_is_in_nobodys_way(house: House, sales: GroupCommit):
    await house.organizer.patch(house.path, {"hold_seconds": 1})
    await hold(sales, house.id, 1, [0], [0] * 9)
    wanted = await house.version(hall(("A", NUMBERS[1:]), ("B", NUMBERS), areas={"Lawn": 5}))
    assert problem(await house.ask("", wanted)) == "places-in-the-way"
    await house.show.wait_for_holds_to_end()

    assert (await house.ask("/preview", wanted)).json()["is_possible"]
    assert (await house.ask("", wanted)).status_code == 200
    await house.verify()


async def test_new_seats_are_sold_and_removed_ones_are_not_by_every_process_at_once(
    house: House, sales: GroupCommit, rival_sales: GroupCommit
):
    booking = await sell(sales, house.id, 1, 2, 3)
    await rival_sales.submit(house.id, Expire())

    changed = await house.change(
        hall(("A", NUMBERS[1:]), ("B", NUMBERS), ("C", ["1", "2"]), areas={"Floor": 10, "Lawn": 2}, box="C"),
        prices={"Box": 9900},
    )

    for process in (sales, rival_sales):
        new = await hold(process, house.id, 5, [16 if process is sales else 17], [1])
        assert new.amounts == (9900, 2000)
        assert isinstance(await answer(process, house.id, Hold(new_id(house.id), 6, (0,))), SeatsBlocked)
        assert isinstance(await answer(process, house.id, Hold(new_id(house.id), 6, (18,))), InvalidInput)
    refused = await answer(sales, house.id, Hold(new_id(house.id), 6, (), (1,)))
    assert type(refused).__name__ == "AreasFull"
    document = await document_at(house.organizer.client, house.id, await version_of(house.show))
    assert (document["seat_map_id"], document["seat_count"]) == (changed["seat_map_id"], 18)
    assert states_of(document) == {0: "not_for_sale", 2: "sold", 3: "sold", 16: "held", 17: "held"}
    assert {each["category"]: each["free"] for each in document["categories"]} == {
        "Stalls": 13,
        "Box": 0,
        "Floor": 10,
    }
    # Who has a ticket has it for the same seat.
    places = await house.show.db.get(
        list, "SELECT array_agg(seat_id ORDER BY seat_id) FROM tickets WHERE booking_id = $1", booking.id
    )
    assert places == [2, 3]
    await house.verify()


async def test_the_answer_to_a_hold_shows_a_new_seat_and_an_old_booking_a_removed_one(
    house: House, sales: GroupCommit
):
    client, buyer = house.organizer.client, headers_of(await insert_user(house.show.db))
    wanted = {"event_id": house.id, "seat_ids": [0]}
    first = (await client.post("/bookings", json=wanted, headers=buyer)).json()
    await client.post(f"/bookings/{first['id']}/cancel", headers=buyer)

    await house.change(hall(("A", [*NUMBERS[1:], "9"]), ("B", NUMBERS)))

    new = await client.post("/bookings", json={"event_id": house.id, "seat_ids": [16]}, headers=buyer)
    assert [(place["row"], place["number"]) for place in new.json()["places"]] == [("A", "9")]
    old = (await client.get(f"/bookings/{first['id']}", headers=buyer)).json()
    assert [(place["row"], place["number"]) for place in old["places"]] == [("A", "1")]
    history = (await house.organizer.get(f"{house.path}/seats/0/history")).json()
    assert (history["number"], [item["state"] for item in history["items"]]) == (
        "1",
        ["HELD", "FREE", "BLOCKED"],
    )
    assert history["items"][-1]["words"] == "not there any more: taken out of the seat map"
    await house.verify()


async def test_a_seat_that_was_removed_comes_back_with_its_id_and_the_journal_tells_all_of_it(
    house: House, sales: GroupCommit
):
    await hold(sales, house.id, 1, [9])
    before = (await house.organizer.get(house.path)).json()["seat_map_id"]
    first = await house.change(hall(("A", NUMBERS[4:]), ("B", NUMBERS)))
    await hold(sales, house.id, 2, [4])
    second = await house.change(hall(("A", NUMBERS[2:]), ("B", NUMBERS), ("C", ["1"])))
    await hold(sales, house.id, 3, [2, 16])

    rows = {
        version: (await replay_event(house.show.db, house.id, at=None, version=version)).inventory
        for version in range(1, 6)
    }

    assert [rows[version].seat_map.id for version in range(1, 6)] == [
        before,
        first["seat_map_id"],
        first["seat_map_id"],
        second["seat_map_id"],
        second["seat_map_id"],
    ]
    assert [len(rows[version].seats) for version in range(1, 6)] == [16, 16, 16, 17, 17]
    assert [rows[version].seats[2] for version in (1, 2, 4)] == [FREE, BLOCKED, FREE]
    assert rows[5].seats[0] == BLOCKED
    history = (await house.organizer.get(f"{house.path}/seats/2/history")).json()
    assert [item["words"].split(" by ")[0].split(" until")[0] for item in history["items"]] == [
        "not there any more: taken out of the seat map",
        "free: back in the seat map",
        "held",
    ]
    entries = (await house.organizer.get(f"{house.path}/journal")).json()["items"]
    assert entries[1]["changes"][-1]["withdrawn_seat_ids"] == [0, 1, 2, 3]
    assert entries[3]["changes"][-1]["restored_seat_ids"] == [2, 3]
    await house.verify()


async def test_a_duplicate_shares_the_map_until_one_of_the_two_gets_another(house: House, sales: GroupCommit):
    wanted = hall(("A", NUMBERS[2:]), ("B", NUMBERS), areas={"Lawn": 5})
    shared = (await house.change(wanted))["seat_map_id"]
    made = await house.organizer.post(f"{house.path}/duplicate", {"starts_at": "2031-01-01T20:00:00Z"})
    assert made.json()["seat_map_id"] == shared
    draft = made.json()["id"]
    assert (await house.organizer.patch(f"/events/{draft}", {"title": "Again"})).status_code == 200
    copy = House(house.organizer, house.venue_id, made.json(), house.show.db)
    assert (await house.organizer.post(f"{copy.path}/publish")).status_code == 200

    await hold(sales, copy.id, 1, [2, 15])
    with pytest.raises(SeatsBlocked):
        await hold(sales, copy.id, 2, [0])
    await house.change(hall(("A", NUMBERS), ("B", NUMBERS[:4])))
    await hold(sales, copy.id, 2, [14])
    assert (await house.organizer.get(copy.path)).json()["seat_map_id"] == shared
    changed = await copy.change(hall(("A", NUMBERS), ("B", NUMBERS)))

    await hold(sales, copy.id, 3, [0])
    await hold(sales, house.id, 3, [0])
    for seat_map_id in (shared, changed["seat_map_id"]):
        assert (await house.organizer.get(f"{copy.path}/seat-maps/{seat_map_id}")).status_code == 200
    for each in (house, copy):
        await each.verify()


async def test_best_available_and_the_orphan_rule_sit_in_the_new_map(house: House, sales: GroupCommit):
    await house.organizer.patch(house.path, {"orphan_rule": "ENFORCE"})
    await hold(sales, house.id, 1, [11, 12])
    # What was windows and frontiers of the map before is forgotten: row B has an aisle in place of seat 3.
    wanted = hall(("A", NUMBERS), ("B", NUMBERS))
    del wanted["zones"][0]["rows"][1]["seats"][2]
    await house.change(wanted)

    chosen = await sales.submit(house.id, Hold(new_id(house.id), 2, best=BestAvailable(4)))
    alone = await answer(sales, house.id, Hold(new_id(house.id), 3, (8,)))
    both = await answer(sales, house.id, Hold(new_id(house.id), 3, (8, 9)))

    assert isinstance(chosen, Held)
    assert chosen.booking.seat_ids == (2, 3, 4, 5)
    assert isinstance(alone, SingleSeatLeft)
    assert alone.stranded_seat_ids == [9]
    assert isinstance(both, Held)
    await house.verify()


async def test_the_map_is_at_a_bare_address_for_now_and_at_its_own_for_ever(house: House):
    client = house.organizer.client
    before = await client.get(f"{house.path}/seat-map")
    first_id = (await house.organizer.get(house.path)).json()["seat_map_id"]

    changed = await house.change(hall(("A", NUMBERS[1:]), ("B", NUMBERS)))

    after = await client.get(f"{house.path}/seat-map", headers={"If-None-Match": before.headers["etag"]})
    assert after.status_code == 200
    assert after.headers["cache-control"] == "public, max-age=0, s-maxage=1"
    assert [seat["id"] for seat in after.json()["zones"][0]["rows"][0]["seats"]] == [1, 2, 3, 4, 5, 6, 7]
    assert [seat["id"] for seat in after.json()["withdrawn"]] == [0]
    for seat_map_id, body in ((first_id, before.json()), (changed["seat_map_id"], after.json())):
        kept = await client.get(f"{house.path}/seat-maps/{seat_map_id}")
        assert kept.json() == body
        assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    # The venue's version is not a map of this event, nor is one beyond all.
    for other in (changed["wanted_seat_map_id"], 2**62):
        assert (await client.get(f"{house.path}/seat-maps/{other}")).status_code == 404


async def test_who_changes_what_they_have_not_seen_is_told_and_twice_is_once(house: House):
    wanted = await house.version(hall(("A", NUMBERS[1:]), ("B", NUMBERS)))
    seen = await house.ask("/preview", wanted)
    await house.organizer.patch(house.path, {"title": "Another evening"})

    stale = await house.ask("", wanted, tag=seen.headers["etag"])

    assert (stale.status_code, problem(stale)) == (412, "event-has-changed")
    again = await house.ask("/preview", wanted)
    done = await house.ask("", wanted, tag=again.headers["etag"])
    assert done.status_code == 200
    assert done.json()["removed"]["count"] == 1
    twice = (await house.ask("", wanted)).json()
    assert (twice["seat_map_id"], twice["removed"]["count"]) == (done.json()["seat_map_id"], 0)
    assert await house.show.count("journal") == 1
    logged = (await house.organizer.get("/audit-log", event_id=house.id)).json()["items"]
    assert any((entry["after"] or {}).get("seat_map_id") == twice["seat_map_id"] for entry in logged)
    # The event's own map is no version of the venue's.
    listed = (await house.organizer.get(f"/venues/{house.venue_id}/seat-maps")).json()["items"]
    assert [version["version"] for version in listed] == [1, 2]


async def test_states_and_maps_that_fit_nothing_are_refused(house: House, app: Litestar, db: Database):
    draft = await house.organizer.has_draft()
    other = House(house.organizer, draft["venue"]["id"], draft, db)
    of_another_venue = await other.version(hall(("A", NUMBERS)))
    mine = await house.version(hall(("A", NUMBERS), ("B", NUMBERS), box="B"))

    assert problem(await other.ask("", of_another_venue)) == "seat-map-of-a-draft"
    stranger = await person(app, house.organizer.client, db, Role.ORGANIZER)
    theirs = await stranger.post(f"{house.path}/seat-map/preview", {"seat_map_id": mine})
    assert theirs.status_code == 404
    for body, pointer in (
        ({"seat_map_id": of_another_venue}, "/seat_map_id"),
        ({"seat_map_id": mine}, "/prices/Box"),
        ({"seat_map_id": mine, "prices": {"Box": 1, "Gallery": 1}}, "/prices/Gallery"),
        ({"seat_map_id": mine, "prices": {"Box": 1, "Stalls": 1}}, "/prices/Stalls"),
        ({"seat_map_id": mine, "prices": {"Box": -1}}, "/prices/Box"),
    ):
        refused = await house.organizer.post(f"{house.path}/seat-map", body)
        assert (refused.status_code, [error["pointer"] for error in refused.json()["errors"]]) == (
            422,
            [pointer],
        )
    await house.organizer.patch(house.path, {"ticket_types": [{"name": "Child", "category": "Stalls"}]})
    async with db.transaction() as tx:
        await tx.execute("UPDATE events SET archived_at = now() WHERE id = $1", house.id)
    assert problem(await house.ask("", mine, prices={"Box": 1})) == "event-is-archived"
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE events SET archived_at = NULL, state = 'CANCELLED', cancelled_at = now() WHERE id = $1",
            house.id,
        )
    assert problem(await house.ask("", mine, prices={"Box": 1})) == "event-is-cancelled"


async def test_a_viewers_stream_learns_of_it(
    house: House, app: Litestar, sales: GroupCommit, rival_sales: GroupCommit
):
    await hold(sales, house.id, 1, [3])
    async with watching(app, house.id) as stream:
        await stream.next("terms")
        changed = await house.change(hall(("A", NUMBERS[1:]), ("B", [*NUMBERS, "9"])))
        told = await stream.next("reset")
        await hold(rival_sales, house.id, 2, [16])
        new = await stream.next("delta")

    assert (told.id, told.data) == ("2", {"version": 2, "seat_map_id": changed["seat_map_id"]})
    assert new.data["held"] == [16]
    # Who comes back from before it, to a process that has not watched until now, is told as well.
    async with (
        running(Settings(jobs_inside=False), house.show.db.dsn) as other,
        watching(other, house.id, last_event_id="1") as there,
        watching(app, house.id, last_event_id="1") as here,
        watching(app, house.id, last_event_id="2") as after,
    ):
        for stream in (there, here):
            assert (await stream.next("reset")).data["seat_map_id"] == changed["seat_map_id"]
        assert (await after.next("delta")).data["held"] == [16]
