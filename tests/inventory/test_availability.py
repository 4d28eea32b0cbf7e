"""The document: true, current, small, and no query of its own for anybody."""

import asyncio
import random
from collections.abc import Awaitable, Callable

import httpx
import pytest
from litestar import Litestar

from boxoffice.inventory import batch
from boxoffice.inventory.availability import live as live_availability
from boxoffice.inventory.availability.live import READ_SECONDS, LiveAvailability
from boxoffice.inventory.commands import Booking, Cancel, Expire, Held, Hold
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.state import FREE, HELD, Inventory
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from boxoffice.parts import Parts
from inventory.selling import answer, hold, new_payment, paid
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
        booking = bookings.pop(chance.randrange(len(bookings)))
        await answer(sales, event_id, paid(booking, await new_payment(show.db, booking)))
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
    assert document["categories"] == [
        {"category": "Any", "free": free, "all_in_price": price, "price": price}
    ]


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


async def _lose(db: Database, event_id: int, _monkeypatch: pytest.MonkeyPatch) -> None:
    async with db.transaction() as tx:
        await tx.execute("DELETE FROM journal WHERE event_id = $1 AND version = 2", event_id)


async def _garble(db: Database, event_id: int, _monkeypatch: pytest.MonkeyPatch) -> None:
    changes = '[{"type": "FROM_A_LATER_RELEASE"}]'
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE journal SET changes = $2 WHERE event_id = $1 AND version = 2", event_id, changes
        )


async def _fall_behind(_db: Database, _event_id: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "JOURNAL_ROWS_MAX", 2)


@pytest.mark.parametrize("spoil", [_lose, _garble, _fall_behind])
async def test_an_inventory_that_cannot_follow_the_journal_is_loaded_anew(
    db: Database,
    owner_db: Database,
    sales: GroupCommit,
    rival_sales: GroupCommit,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Database, int, pytest.MonkeyPatch], Awaitable[None]],
):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[0])
    await hold(rival_sales, show.event_id, 1, seat_ids=[1])
    await hold(rival_sales, show.event_id, 1, seat_ids=[2])
    await spoil(owner_db, show.event_id, monkeypatch)
    loads = _loads()

    inventory = await sales.observe(show.event_id)

    assert (inventory.version, list(inventory.seats[:4])) == (3, [HELD, HELD, HELD, FREE])
    assert _loads() == loads + 1
    await hold(sales, show.event_id, 1, seat_ids=[3])
    assert set(await show.claims()) == {0, 1, 2, 3}


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


async def test_while_a_read_takes_its_time_what_is_there_is_shown_for_a_second(
    app: Litestar, db: Database, monkeypatch: pytest.MonkeyPatch
):
    show = await open_show(db)
    shown: LiveAvailability = app.state["availability"]
    document = await shown.document(show.event_id)
    observe, answer_now = GroupCommit.observe, asyncio.Event()

    async def observe_slowly(self: GroupCommit, event_id: int) -> Inventory:
        await answer_now.wait()
        return await observe(self, event_id)

    monkeypatch.setattr(GroupCommit, "observe", observe_slowly)
    monkeypatch.setattr(live_availability, "READ_SECONDS", 0.0)
    first = asyncio.create_task(shown.document(show.event_id))
    await asyncio.sleep(0)

    assert await asyncio.wait_for(shown.document(show.event_id), PATIENCE_SECONDS) is document
    assert not first.done()
    monkeypatch.setattr(live_availability, "OLD_SECONDS", 0.0)
    second = asyncio.create_task(shown.document(show.event_id))
    await asyncio.sleep(0)
    assert not second.done()
    answer_now.set()
    assert await first is await second is document


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
