"""The stream: what a viewer is told, what one that was away has missed, and who is turned away."""

import asyncio
import random
from uuid import uuid4

import httpx
import pytest
from litestar import Litestar

from boxoffice.inventory.availability import deltas, viewers
from boxoffice.inventory.availability import live as live_availability
from boxoffice.inventory.availability.deltas import Recent, Step
from boxoffice.inventory.availability.live import LiveAvailability
from boxoffice.inventory.commands import Booking, Cancel
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.postgres import Database
from boxoffice.kit.settings import Settings
from inventory.selling import hold, paid
from inventory.test_availability import random_step
from inventory.watching import (
    PATIENCE_SECONDS,
    document_at,
    set_terms,
    states_in,
    states_in_tables,
    states_of,
    version_of,
    watching,
)
from shows import open_show
from web import running


async def test_a_stream_tells_of_what_another_process_did_within_a_second(
    app: Litestar, db: Database, rival_sales: GroupCommit
):
    show = await open_show(db, areas=[5])
    async with watching(app, show.event_id) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        assert (await stream.next("terms")).data["state"] == "PUBLISHED"

        booking = await hold(rival_sales, show.event_id, 1, seat_ids=[7, 3], area_ids=[0])
        async with asyncio.timeout(1):
            held = await stream.next("delta")
        await rival_sales.submit(show.event_id, paid(booking, uuid4()))
        sold = await stream.next("delta")
        cancelled = await hold(rival_sales, show.event_id, 1, seat_ids=[9])
        await stream.next("delta")
        await rival_sales.submit(show.event_id, Cancel(cancelled.id, 1))
        freed = await stream.next("delta")

    price = {"amount": 2500, "currency": "EUR"}
    assert held.id == "1"
    assert held.data == {
        "version": 1,
        "held": [3, 7],
        "categories": [{"category": "Any", "free": 42, "all_in_price": price, "price": price}],
        "areas": [{"area_id": 0, "places_left": 4}],
    }
    assert (sold.id, states_in(sold)) == ("2", {3: "sold", 7: "sold"})
    assert (freed.id, states_in(freed)) == ("4", {9: "free"})


async def test_a_document_and_the_deltas_after_it_are_the_event_as_it_is(
    app: Litestar, client: httpx.AsyncClient, db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db, seats=60, areas=[30, 5])
    chance = random.Random(17)
    bookings: list[Booking] = []
    for _ in range(20):
        await random_step(show, sales, chance, bookings)
    document = await document_at(client, show.event_id, 10)
    for _ in range(10):
        await random_step(show, rival_sales, chance, bookings)

    async with watching(app, show.event_id, after=document["version"]) as stream:
        for _ in range(60):
            await random_step(show, chance.choice([sales, rival_sales]), chance, bookings)
        states = states_of(document) | await stream.until(await version_of(show))

    taken = {seat: state for seat, state in states.items() if state != "free"}
    assert taken == await states_in_tables(show)


async def test_who_comes_back_is_told_exactly_what_it_missed(
    app: Litestar, db: Database, sales: GroupCommit, rival_sales: GroupCommit
):
    show = await open_show(db)
    first = await hold(sales, show.event_id, 1, seat_ids=[1, 2])
    async with watching(app, show.event_id) as stream:
        await stream.next("terms")
        await hold(sales, show.event_id, 1, seat_ids=[3])
        last = await stream.next("delta")
    await sales.submit(show.event_id, Cancel(first.id, 1))
    await hold(rival_sales, show.event_id, 2, seat_ids=[5, 6])

    async with watching(app, show.event_id, last_event_id=last.id) as stream:
        missed = await stream.until(4)
    async with watching(app, show.event_id, last_event_id=last.id) as stream:
        at_once = await stream.next("delta")
        terms = await stream.next("terms")
    async with watching(app, show.event_id, last_event_id="4") as stream:
        nothing = await stream.until(4)

    assert last.id == "2"
    assert missed == {1: "free", 2: "free", 5: "held", 6: "held"}
    assert (at_once.id, states_in(at_once), terms.data["version"]) == ("4", missed, 4)
    assert nothing == {}


async def test_a_process_that_never_watched_the_event_reads_what_was_missed_from_the_journal(
    dsn: str, db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(live_availability, "ROWS_BACK_MAX", 4)
    show = await open_show(db)
    for seat in range(6):
        await hold(sales, show.event_id, 1, seat_ids=[seat])

    async with running(Settings(jobs_inside=False), dsn) as new:
        streams = [watching(new, show.event_id, last_event_id="2", after=0) for _ in range(20)]
        opened = await asyncio.gather(*[stream.__aenter__() for stream in streams])
        missed = [await stream.next("delta") for stream in opened]
        async with watching(new, show.event_id, after=0) as stream:
            everything = await stream.next("delta")
        await asyncio.gather(*[stream.__aexit__(None, None, None) for stream in streams])

    assert [states_in(each) for each in missed] == [dict.fromkeys((2, 3, 4, 5), "held")] * 20
    assert states_in(everything) == dict.fromkeys(range(6), "held")


async def test_an_outage_while_it_reads_back_is_not_remembered(
    app: Litestar, db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[1])

    async def away(*_arguments: object) -> list[str]:
        raise Unavailable

    with monkeypatch.context() as patch:
        patch.setattr(live_availability, "list_changes_between", away)
        async with watching(app, show.event_id, after=0) as refused:
            assert refused.status == 503

    async with watching(app, show.event_id, after=0) as stream:
        assert states_in(await stream.next("delta")) == {1: "held"}


async def test_what_happens_while_a_stream_begins_is_told_after_what_was_missed(
    app: Litestar, db: Database, sales: GroupCommit
):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[1])
    async with (
        watching(app, show.event_id) as quick,
        watching(app, show.event_id, after=0, slow=True) as slow,
    ):
        await quick.next("terms")
        await hold(sales, show.event_id, 1, seat_ids=[2])
        await quick.next("delta")
        slow.taking.set()

        versions = [(await slow.next("delta")).data["version"] for _ in range(2)]

    assert versions == [1, 2]


@pytest.mark.parametrize("nonsense", ["17", "9" * 40, "-1", "abc", "", "\u00b2"])
async def test_an_id_that_no_journal_has_is_answered_with_a_reset(
    app: Litestar, db: Database, sales: GroupCommit, nonsense: str
):
    show = await open_show(db)
    await hold(sales, show.event_id, 1, seat_ids=[1])

    async with watching(app, show.event_id, last_event_id=nonsense) as stream:
        reset = await stream.next("reset")
        await hold(sales, show.event_id, 1, seat_ids=[2])
        assert states_in(await stream.next("delta")) == {2: "held"}

    assert (reset.id, reset.data["version"]) == ("1", 1)


async def test_a_version_that_only_another_process_knows_yet_is_not_nonsense(
    app: Litestar, db: Database, rival_sales: GroupCommit
):
    show = await open_show(db)
    async with watching(app, show.event_id) as stream:
        await stream.next("terms")
        await hold(rival_sales, show.event_id, 1, seat_ids=[1])

        async with watching(app, show.event_id, last_event_id="1") as ahead:
            assert await ahead.until(1) == {1: "held"}


async def test_what_is_longer_than_the_document_is_a_reset(
    app: Litestar, db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(deltas, "DELTA_SEATS_MAX", 3)
    monkeypatch.setattr(viewers, "DELTA_SEATS_MAX", 3)
    show = await open_show(db)
    async with watching(app, show.event_id) as stream:
        await stream.next("terms")
        await hold(sales, show.event_id, 1, seat_ids=[1, 2, 3])
        assert (await stream.next("delta")).id == "1"
        await hold(sales, show.event_id, 1, seat_ids=[4, 5, 6, 7])
        assert (await stream.next("reset")).id == "2"

    async with watching(app, show.event_id, after=1) as stream:
        assert (await stream.next("reset")).data["version"] == 2
    async with watching(app, show.event_id, after=2) as stream:
        assert (await stream.next("terms")).data["version"] == 2


async def test_a_new_price_is_told_too(app: Litestar, db: Database):
    show = await open_show(db)
    async with watching(app, show.event_id) as stream:
        await stream.next("terms")

        await set_terms(db, show.event_id, price=9900)

        terms = await stream.next("terms")
    assert (terms.data["revision"], terms.data["categories"][0]["price"]["amount"]) == (2, 9900)


async def test_a_viewer_that_does_not_take_what_it_is_sent_is_let_go(
    app: Litestar, db: Database, sales: GroupCommit, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(viewers, "BUFFER_BYTES_MAX", 400)
    show = await open_show(db)
    dropped = _dropped("slow")
    async with watching(app, show.event_id) as slow, watching(app, show.event_id) as quick:
        await slow.next("terms")
        slow.taking.clear()
        for seat in range(8):
            await hold(sales, show.event_id, 1, seat_ids=[seat])
            assert states_in(await quick.next("delta")) == {seat: "held"}
            if _dropped("slow") > dropped:
                break

        await asyncio.wait_for(_until_viewers(1), PATIENCE_SECONDS)
    assert _dropped("slow") == dropped + 1
    assert _open() == 0


async def test_a_silent_stream_has_a_heartbeat(app: Litestar, db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_availability, "HEARTBEAT_SECONDS", 0.3)
    show = await open_show(db)
    async with watching(app, show.event_id) as stream:
        assert 1000 <= (await stream.next("retry")).data <= 4000
        await stream.next(":")
        await stream.next(":")


async def test_there_is_room_for_so_many_viewers_and_no_more(
    app: Litestar, db: Database, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(viewers, "STREAMS_MAX", 2)
    show, other = await open_show(db), await open_show(db)
    async with watching(app, show.event_id), watching(app, other.event_id):
        async with watching(app, show.event_id) as refused:
            assert (refused.status, refused.headers["retry-after"]) == (503, "15")
        assert _open() == 2
    async with watching(app, show.event_id) as welcome:
        assert welcome.status == 200
    assert _open() == 0


async def test_only_so_many_events_are_watched(app: Litestar, db: Database, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(live_availability, "EVENTS_WATCHED_MAX", 1)
    await asyncio.wait_for(_until_nothing_is_watched(app), PATIENCE_SECONDS)
    show, other = await open_show(db), await open_show(db)
    async with watching(app, show.event_id) as stream, watching(app, other.event_id) as refused:
        assert (stream.status, refused.status) == (200, 503)
        async with watching(app, show.event_id) as another:
            assert another.status == 200


async def test_an_event_that_is_watched_is_not_put_out_by_others_that_are_looked_at(
    app: Litestar,
    client: httpx.AsyncClient,
    db: Database,
    sales: GroupCommit,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr(live_availability, "EVENTS_KEPT_MAX", 1)
    show = await open_show(db)
    async with watching(app, show.event_id) as stream:
        for _ in range(3):
            await document_at(client, (await open_show(db)).event_id, 0)

        await hold(sales, show.event_id, 1, seat_ids=[1])

        assert states_in(await stream.next("delta")) == {1: "held"}


async def test_streams_end_with_their_server_and_none_begins_after(dsn: str, db: Database):
    show = await open_show(db)
    async with (
        running(Settings(jobs_inside=False), dsn) as stopping,
        watching(stopping, show.event_id) as stream,
        watching(stopping, show.event_id) as stalled,
    ):
        await stream.next("terms")
        stalled.taking.clear()

        stopping.state["availability"].close()

        await asyncio.wait_for(stream.ended.wait(), PATIENCE_SECONDS)
        async with watching(stopping, show.event_id) as late:
            assert late.status == 503
    assert _open() == 0


def test_recent_steps_are_forgotten_from_the_oldest_on():
    recent = Recent(10)
    for version in range(11, 11 + deltas.STEPS_KEPT_MAX):
        recent.add(Step(version, (version % 7,), ()))
    assert recent.floor == 10
    recent.add(Step(2_000, (1, 2), (3,)))

    assert recent.floor == 11
    assert recent.since(10) is None
    assert recent.since(1_500) == ({1, 2}, {3})
    assert recent.since(2_000) == (set(), set())


def test_steps_with_many_seats_are_forgotten_sooner():
    recent = Recent(0)
    recent.add(Step(1, tuple(range(deltas.DELTA_SEATS_MAX)), ()))
    assert recent.floor == 0
    recent.add(Step(2, (1,), ()))
    assert recent.floor == 1
    recent.add(Step(3, tuple(range(deltas.DELTA_SEATS_MAX + 1)), ()))

    assert recent.floor == 3
    assert recent.since(3) == (set(), set())
    assert not recent.add_before(Step(3, tuple(range(deltas.DELTA_SEATS_MAX + 1)), ()))
    assert recent.add_before(Step(3, (4,), ()))
    assert recent.since(2) == ({4}, set())


async def _until_viewers(count: int) -> None:
    while _open() != count:
        await asyncio.sleep(0.01)


async def _until_nothing_is_watched(app: Litestar) -> None:
    """An event is watched until its next read after the last viewer has gone."""
    shown: LiveAvailability = app.state["availability"]
    while shown._watched:  # pyright: ignore[reportPrivateUsage]
        await asyncio.sleep(0.01)


def _open() -> float:
    """How many streams are open in this process."""
    return next(iter(metrics.VIEWERS.collect())).samples[0].value


def _dropped(reason: str) -> float:
    """How many streams the server has ended for this reason."""
    return next(
        (
            sample.value
            for sample in next(iter(metrics.VIEWERS_DROPPED.collect())).samples
            if sample.name.endswith("_total") and sample.labels["reason"] == reason
        ),
        0.0,
    )
