"""The document: true, current, small, and no query of its own for anybody."""

import asyncio
import base64
import gzip
import random
from typing import get_args
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from boxoffice.catalog.seat_map import get_seat_map
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory import live_availability
from boxoffice.inventory.availability import Picture, pack_codes, picture_of, render_document
from boxoffice.inventory.changes import Change
from boxoffice.inventory.commands import Booking, Cancel, Expire, Held, Hold
from boxoffice.inventory.deltas import step_of
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.live_availability import READ_SECONDS, LiveAvailability
from boxoffice.inventory.state import Inventory
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from inventory.selling import answer, hold, paid
from inventory.test_race import repairs
from inventory.watching import (
    PATIENCE_SECONDS,
    area_counts,
    document_at,
    set_terms,
    states_in_tables,
    states_of,
    version_of,
)
from shows import Show, open_show


async def random_step(show: Show, sales: GroupCommit, chance: random.Random, bookings: list[Booking]) -> None:
    """Somebody holds, cancels or pays, or the tidying comes by."""
    event_id, dice = show.event_id, chance.random()
    if dice < 0.6 or not bookings:
        seats = tuple(chance.sample(range(60), chance.randint(1, 3)))
        areas = tuple(chance.choices([0, 1], k=chance.randint(0, 2)))
        held = await answer(sales, event_id, Hold(new_id(event_id), 1, seats, areas))
        if isinstance(held, Held):
            bookings.append(held.booking)
    elif dice < 0.75:
        booking = bookings.pop(chance.randrange(len(bookings)))
        await answer(sales, event_id, Cancel(booking.id, booking.buyer_id))
    elif dice < 0.95:
        await answer(sales, event_id, paid(bookings.pop(chance.randrange(len(bookings))), uuid4()))
    else:
        await answer(sales, event_id, Expire())


async def assert_document_is_true(client: httpx.AsyncClient, show: Show) -> None:
    """It says what the tables say. Looked at again when something happened in between."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            version = await version_of(show)
            document = await document_at(client, show.event_id, version)
            states, taken = await states_in_tables(show), await area_counts(show)
            if document["version"] == version == await version_of(show):
                break
    assert states_of(document) == states
    assert [area["places_left"] for area in document["areas"]] == [30 - taken[0], 5 - taken[1]]
    free = 60 - len(states) + 35 - sum(taken)
    price = {"amount": 2500, "currency": "EUR"}
    assert document["categories"] == [{"category": "Any", "free": free, "price": price}]


async def test_the_document_is_what_the_tables_say_whoever_changed_them(
    client: httpx.AsyncClient, db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=60, areas=[30, 5], hold_seconds=1)
    chance = random.Random(11)
    bookings: list[Booking] = []
    for number in range(12):
        for _ in range(10):
            await random_step(show, chance.choice([sales, rival_sales]), chance, bookings)
        if number % 4 == 3:
            await show.wait_for_holds_to_end()

        await assert_document_is_true(client, show)

    assert set((await show.states()).values()) >= {"CONFIRMED", "EXPIRED", "CANCELLED"}
    await show.check_promises()


async def test_those_who_look_and_those_who_book_share_an_inventory_without_harm(
    db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=60, areas=[30, 5])
    before = repairs()
    chance = random.Random(5)
    bookings: list[Booking] = []
    booking = True

    async def look(process: GroupCommit) -> None:
        version = -1
        while booking:
            inventory = await process.observe(show.event_id)
            assert inventory.version >= version, "time does not run backwards"
            version = inventory.version

    async def book() -> None:
        for _ in range(60):
            await random_step(show, chance.choice([sales, rival_sales]), chance, bookings)

    looking = [asyncio.create_task(look(process)) for process in (sales, sales, rival_sales)]
    await asyncio.gather(*[book() for _ in range(8)])
    booking = False
    await asyncio.gather(*looking)

    assert repairs() == before, "no inventory and no batch had to be done again"
    inventory, rival = [await process.observe(show.event_id) for process in (sales, rival_sales)]
    assert inventory.version == rival.version == await version_of(show)
    for each in (inventory, rival):
        states = {seat: ("", "held", "sold")[code] for seat, code in enumerate(each.seats) if code}
        assert states == await states_in_tables(show)
        assert each.area_taken == await area_counts(show)
    await show.check_promises()


async def test_who_has_the_document_gets_304_until_something_changes(
    client: httpx.AsyncClient, db: Database, sales: GroupCommit
):
    show = await open_show(db)
    path = f"/events/{show.event_id}/availability"
    await hold(sales, show.event_id, 1, seat_ids=[3])
    first = await client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await client.get(path, headers={"Accept-Encoding": "identity"})

    again = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    weak = await client.get(path, headers={"If-None-Match": f'"other", W/{plain.headers["etag"]}'})

    assert (first.headers["etag"], plain.headers["etag"]) == ('"v1-r1-gzip"', '"v1-r1"')
    assert (first.headers["content-encoding"], first.headers["vary"]) == ("gzip", "accept-encoding")
    assert first.headers["cache-control"] == "public, max-age=0, s-maxage=1"
    assert "content-encoding" not in plain.headers
    assert first.json() == plain.json()
    assert (again.status_code, again.content) == (304, b"")
    assert weak.status_code == 304
    await hold(sales, show.event_id, 1, seat_ids=[4])
    await document_at(client, show.event_id, 2)
    changed = await client.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.headers["etag"]) == (200, '"v2-r1-gzip"')


async def test_a_change_of_the_event_changes_the_document_too(client: httpx.AsyncClient, db: Database):
    show = await open_show(db)
    before = await document_at(client, show.event_id, 0)
    await set_terms(db, show.event_id, price=9900)

    async with asyncio.timeout(PATIENCE_SECONDS):
        while (after := await document_at(client, show.event_id, 0))["revision"] == before["revision"]:
            await asyncio.sleep(0.01)

    assert after["categories"][0]["price"]["amount"] == 9900
    assert after["version"] == before["version"]


async def test_a_cancelled_event_can_still_be_looked_at(client: httpx.AsyncClient, db: Database):
    show = await open_show(db, state="CANCELLED")

    assert (await document_at(client, show.event_id, 0))["state"] == "CANCELLED"


async def test_what_is_not_there_is_404_and_leaves_nothing_behind(
    app: Litestar, client: httpx.AsyncClient, db: Database
):
    draft = await open_show(db, state="DRAFT")
    before = _kept(app)

    answers = [
        await client.get(f"/events/{event_id}/availability{way}")
        for event_id in (draft.event_id, 4294967295, 4294967296, 0)
        for way in ("", "/stream")
    ]

    assert {each.status_code for each in answers} == {404}
    assert answers[0].headers["content-type"] == "application/problem+json"
    assert _kept(app) == before


async def test_a_thousand_requests_read_the_journal_a_handful_of_times(
    client: httpx.AsyncClient, db: Database
):
    show = await open_show(db)
    await document_at(client, show.event_id, 0)
    before, loop = _reads(), asyncio.get_running_loop()
    began = loop.time()

    for _ in range(10):
        answers = await asyncio.gather(
            *[client.get(f"/events/{show.event_id}/availability") for _ in range(100)]
        )
        assert {each.status_code for each in answers} == {200}

    assert _reads() - before <= (loop.time() - began) / READ_SECONDS + 1


async def test_a_rush_on_an_event_nobody_has_looked_at_loads_it_once(client: httpx.AsyncClient, db: Database):
    show = await open_show(db)
    before = _loads()

    answers = await asyncio.gather(*[client.get(f"/events/{show.event_id}/availability") for _ in range(200)])

    assert {each.status_code for each in answers} == {200}
    assert _loads() - before == 1


async def test_looking_has_a_hold_that_is_over_tidied_up_and_then_writes_nothing(
    client: httpx.AsyncClient, db: Database, sales: GroupCommit
):
    show = await open_show(db, hold_seconds=1)
    await hold(sales, show.event_id, 1, seat_ids=[3])
    assert states_of(await document_at(client, show.event_id, 1)) == {3: "held"}
    await show.wait_for_holds_to_end()

    assert states_of(await document_at(client, show.event_id, 2)) == {}

    row = "SELECT xmin::text || ctid::text FROM inventories WHERE event_id = $1"
    written = await db.get(str, row, show.event_id)
    before = _reads()
    async with asyncio.timeout(PATIENCE_SECONDS):
        while _reads() < before + 3:
            await document_at(client, show.event_id, 2)
            await asyncio.sleep(0.01)
    assert await db.get(str, row, show.event_id) == written


async def test_only_so_many_events_are_kept(
    app: Litestar, client: httpx.AsyncClient, db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live_availability, "EVENTS_KEPT_MAX", 3)
    shows = [await open_show(db) for _ in range(5)]
    for show in shows:
        await document_at(client, show.event_id, 0)

    assert _kept(app)[0] == [show.event_id for show in shows[2:]]


async def test_without_postgresql_the_answer_is_503_and_not_an_old_document(dsn: str, db: Database):
    show = await open_show(db)
    away = Parts(Settings(), dsn)
    await away.db.open()
    assert (await away.availability.document(show.event_id)).body
    await away.db.close()
    async with asyncio.timeout(PATIENCE_SECONDS):
        with pytest.raises(Unavailable):
            while True:
                await away.availability.document(show.event_id)
                await asyncio.sleep(0.01)


async def test_fifty_thousand_seats_in_any_state_fit_in_16_kilobytes(db: Database):
    show = await open_show(db, seats=60)
    picture = await _picture(db, show)
    codes = bytes(random.Random(3).choices(range(4), k=50_000))
    full = Picture(123_456, picture.terms, picture.seat_map, codes, picture.category_left, ())

    document = render_document(full)

    assert len(document.packed) < 13_000
    assert gzip.decompress(document.packed) == document.body
    assert len(document.body) < 17_500


@pytest.mark.parametrize("seats", [0, 1, 2, 3, 4, 5, 257])
def test_seats_are_packed_as_the_api_says(seats: int):
    codes = bytes(random.Random(seats).choices(range(4), k=seats))

    packed = base64.b64decode(base64.b64encode(pack_codes(codes)))

    assert len(packed) == (seats + 3) // 4
    assert bytes(packed[seat >> 2] >> 2 * (seat & 3) & 3 for seat in range(seats)) == codes


async def test_a_picture_made_from_the_one_before_counts_like_one_made_anew(db: Database):
    show = await open_show(db, seats=60, areas=[30, 5])
    terms = await find_sale_terms(db, show.event_id)
    assert terms
    inventory = Inventory(terms, await get_seat_map(db, terms.seat_map_id), 0, bytes(32))
    chance = random.Random(2)
    picture = picture_of(inventory)
    for version in range(1, 50):
        inventory.version = version
        for seat_id in chance.sample(range(60), 7):
            inventory.seats[seat_id] = chance.randrange(4)
        inventory.area_taken = [chance.randint(0, 30), chance.randint(0, 5)]

        picture = picture_of(inventory, picture)

        assert picture == picture_of(inventory)


def test_every_kind_of_change_names_its_places_in_fields_that_a_step_knows():
    """A new field with seats or areas in it must be added to `step_of`, or nobody is told of them."""
    known = {
        *("seat_ids", "area_ids", "freed_seat_ids", "freed_area_ids", "taken_seat_ids", "taken_area_ids"),
    }
    named = {
        field
        for kind in get_args(Change)
        for field in kind.__struct_fields__
        if "seat" in field or "area" in field
    }

    assert named == known
    assert step_of(5, ()).seat_ids == ()


async def _picture(db: Database, show: Show) -> Picture:
    terms = await find_sale_terms(db, show.event_id)
    assert terms
    return picture_of(Inventory(terms, await get_seat_map(db, terms.seat_map_id), 0, bytes(32)))


def _reads() -> float:
    """How often this process has read a journal for those who look."""
    return next(iter(metrics.JOURNAL_READS.collect())).samples[0].value


def _loads() -> float:
    """How often this process has loaded an inventory for the first time."""
    return next(
        sample.value
        for sample in next(iter(metrics.INVENTORY_LOADS.collect())).samples
        if sample.name.endswith("_total") and sample.labels["reason"] == "cold"
    )


def _kept(app: Litestar) -> tuple[list[int], list[int], list[int]]:
    """The events of which the application keeps a picture, an inventory, or is reading the journal."""
    shown: LiveAvailability = app.state["availability"]
    lines = shown._sales._lines  # pyright: ignore[reportPrivateUsage]  memory cannot be seen from outside
    return list(shown._shown), list(lines), list(shown._reads)  # pyright: ignore[reportPrivateUsage]
