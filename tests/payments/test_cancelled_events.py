"""A cancelled event: nothing more is sold, every booking ends, and all money goes back once."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx
import msgspec
import pytest

from boxoffice.accounts.identity import Role
from boxoffice.inventory.batch import Decided
from boxoffice.inventory.calling_off import CALLED_OFF_AT_ONCE_MAX, call_off
from boxoffice.inventory.commands import CalledOff, Hold
from boxoffice.inventory.refusals import EventTakesPlace
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.ids import new_id
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.parts import Parts
from boxoffice.payments.provider import Asked
from boxoffice.payments.refunds import queries as refund_queries
from boxoffice.payments.refunds.owing import REFUNDS_PER_SECOND, RefundDue, carry_out_refund
from payments.audience import (
    cancel,
    job_of,
    payments_by_state,
    progress,
    refund_all,
    refunds_at_the_sandbox,
    sell,
)
from payments.conftest import headers_of
from shows import insert_user, open_show

SEATS = 2 * CALLED_OFF_AT_ONCE_MAX + 100


class Killed(Exception):  # noqa: N818  the end of a process, not an error
    """The process ends here."""


@asynccontextmanager
async def dying_before_its_commit(parts: Parts, *, batch: int) -> AsyncGenerator[None]:
    """Its batch number `batch` of called off bookings is written, and the process dies before the commit."""
    batches = 0

    async def die(_tx: Transaction, decided: Decided) -> None:
        nonlocal batches
        batches += any(isinstance(outcome, CalledOff) for outcome in decided.outcomes)
        if batches >= batch:
            raise Killed

    consequences = parts.sales._consequences  # pyright: ignore[reportPrivateUsage]
    parts.sales._consequences = [*consequences, die]  # pyright: ignore[reportPrivateUsage]
    yield
    parts.sales._consequences = consequences  # pyright: ignore[reportPrivateUsage]


async def test_some_hundreds_of_bookings_are_cancelled_and_refunded_once_though_the_job_dies_twice(
    client: httpx.AsyncClient, parts: Parts, rival: Parts
):
    show = await open_show(parts.db, seats=SEATS, areas=[10], places_per_buyer_max=2)
    sold = await sell(parts, show, SEATS - 10)
    assert await show.count("tickets") == SEATS - 10
    await parts.sales.submit(show.event_id, Hold(new_id(show.event_id), 1, (SEATS - 1,)))

    event = await cancel(client, show)
    assert event["state"] == "CANCELLED"
    assert (await progress(client, show))["bookings"] == {"total": SEATS - 9, "done": 0}

    async with dying_before_its_commit(parts, batch=2):
        with pytest.raises(Killed):
            await call_off(parts.db, parts.sales, job_of(show))
    half = await progress(client, show)
    assert half["bookings"] == {"total": SEATS - 9, "done": CALLED_OFF_AT_ONCE_MAX}
    assert half["refunds"] == {"total": CALLED_OFF_AT_ONCE_MAX, "done": 0, "failed": 0}
    assert half["finished_at"] is None

    # Another process goes on, and is ended right after its first batch; the first one begins again.
    going_on = asyncio.create_task(call_off(rival.db, rival.sales, job_of(show)))
    while (await progress(client, show))["bookings"]["done"] < 2 * CALLED_OFF_AT_ONCE_MAX:
        await asyncio.sleep(0.002)
    going_on.cancel()
    await asyncio.wait([going_on])
    for _ in range(2):
        await call_off(parts.db, parts.sales, job_of(show))

    assert Counter((await show.states()).values()) == {"CANCELLED": SEATS - 9}
    done = await progress(client, show)
    assert done["bookings"] == {"total": SEATS - 9, "done": SEATS - 9}
    assert done["finished_at"] is not None
    await refund_all(parts, show)
    assert await payments_by_state(parts.db, show.event_id) == {"REFUNDED": SEATS - 10}
    assert await refunds_at_the_sandbox(parts.db, sold) == SEATS - 10
    assert (await progress(client, show))["refunds"] == {"total": SEATS - 10, "done": SEATS - 10, "failed": 0}
    assert await show.claims() == {}
    await show.check_promises()


async def test_refunds_of_a_cancelled_event_are_spread_over_time_and_those_of_the_next_come_after_them(
    client: httpx.AsyncClient, parts: Parts
):
    first, second = await open_show(parts.db), await open_show(parts.db)
    await sell(parts, first, 20)
    await sell(parts, second, 20)
    ahead = await refund_queries.get_refunds_due(parts.db)

    for show in (first, second):
        await cancel(client, show)
        await call_off(parts.db, parts.sales, job_of(show))

    starts = sorted(
        [
            await parts.db.get(
                float,
                """
                SELECT extract(epoch FROM execute_after - created)::float
                  FROM pgqueuer WHERE entrypoint = 'refund' AND convert_from(payload, 'UTF8') LIKE $1
                """,
                f"%{payment_id}%",
            )
            for payment_id in await parts.db.list(
                UUID,
                "SELECT payment_id FROM refunds WHERE event_id = ANY ($1::bigint[])",
                [first.event_id, second.event_id],
            )
        ]
    )
    expected = [(ahead + place) / REFUNDS_PER_SECOND for place in range(40)]
    assert starts == pytest.approx(expected, abs=0.05)


async def test_nobody_holds_renews_pays_or_blocks_once_an_event_is_cancelled(
    client: httpx.AsyncClient, parts: Parts
):
    show = await open_show(parts.db)
    buyer, organizer = headers_of(await insert_user(parts.db)), headers_of(show.organizer_id, Role.ORGANIZER)
    body = {"event_id": show.event_id, "seat_ids": [1]}
    held = (await client.post("/bookings", json=body, headers=buyer)).json()
    blocks = f"/events/{show.event_id}/blocks"
    kept = {"name": "House", "kind": "HOUSE", "seat_ids": [7, 8]}
    assert (await client.post(blocks, json=kept, headers=organizer)).status_code == 201

    await cancel(client, show)

    booking = f"/bookings/{held['id']}"
    refused = {
        "hold": await client.post("/bookings", json=body | {"seat_ids": [2]}, headers=buyer),
        "renew": await client.post(f"{booking}/renew", headers=buyer),
        "exchange": await client.post(f"{booking}/exchange", json={"take": {"seat_ids": [3]}}, headers=buyer),
        "block": await client.post(blocks, json=kept | {"seat_ids": [9]}, headers=organizer),
    }
    assert {name: answer.json()["type"] for name, answer in refused.items()} == dict.fromkeys(
        refused, "/problems/event-cancelled"
    )
    paying = await client.post(f"{booking}/payments", json={}, headers=buyer)
    assert (paying.status_code, paying.json()["state"]) == (409, "CANCELLED")
    await call_off(parts.db, parts.sales, job_of(show))
    assert (await client.get(booking, headers=buyer)).json()["state"] == "CANCELLED"
    assert (await client.get(blocks, headers=organizer)).json() == []
    assert await show.claims() == {}
    await show.check_promises()


async def test_a_free_event_is_cancelled_without_refunds_and_one_that_nobody_wanted_at_once(
    client: httpx.AsyncClient, parts: Parts
):
    free, unwanted = await open_show(parts.db, price=0), await open_show(parts.db)
    await parts.sales.submit(free.event_id, Hold(new_id(free.event_id), 1, (1, 2)))
    assert await free.count("tickets") == 2

    for show in (free, unwanted):
        await cancel(client, show)
        await call_off(parts.db, parts.sales, job_of(show))

    assert Counter((await free.states()).values()) == {"CANCELLED": 1}
    assert await free.count("tickets") == await free.count("refunds") == 0
    assert (await progress(client, unwanted))["bookings"] == {"total": 0, "done": 0}
    assert (await progress(client, unwanted))["finished_at"] is not None
    await free.check_promises()


async def test_an_event_that_takes_place_is_not_called_off(parts: Parts):
    show = await open_show(parts.db)
    await sell(parts, show, 3)

    with pytest.raises(EventTakesPlace):
        await call_off(parts.db, parts.sales, job_of(show))

    assert await show.count("tickets") == 3


async def test_a_refund_that_fails_is_counted_and_tried_again(
    client: httpx.AsyncClient, parts: Parts, monkeypatch: pytest.MonkeyPatch
):
    show = await open_show(parts.db)
    sold = await sell(parts, show, 2)
    await cancel(client, show)
    await call_off(parts.db, parts.sales, job_of(show))

    async def fail(_payment: Asked) -> None:
        raise Unavailable("The provider is away.")

    assert parts.sandbox is not None
    with monkeypatch.context() as away:
        away.setattr(parts.sandbox, "give_back", fail)
        for _ in range(2):
            with pytest.raises(Unavailable):
                payload = msgspec.json.encode(RefundDue(sold[0].payment_id))
                await carry_out_refund(parts.db, parts.providers, Pace(1_000), payload)

    assert (await progress(client, show))["refunds"] == {"total": 2, "done": 0, "failed": 1}
    await refund_all(parts, show)
    assert (await progress(client, show))["refunds"] == {"total": 2, "done": 2, "failed": 0}


async def test_only_its_organizer_cancels_an_event_and_sees_how_far_it_has_come(
    client: httpx.AsyncClient, db: Database
):
    show, draft = await open_show(db), await open_show(db, state="DRAFT")
    path = f"/events/{show.event_id}"
    another = headers_of(await insert_user(db, "ORGANIZER"), Role.ORGANIZER)
    buyer = headers_of(await insert_user(db))
    own = headers_of(show.organizer_id, Role.ORGANIZER)

    assert (await client.post(f"{path}/cancel")).status_code == 401
    assert (await client.post(f"{path}/cancel", headers=buyer)).status_code == 403
    assert (await client.post(f"{path}/cancel", headers=another)).status_code == 404
    assert (await client.get(f"{path}/cancellation", headers=own)).status_code == 409
    refused = await client.post(
        f"/events/{draft.event_id}/cancel", headers=headers_of(draft.organizer_id, Role.ORGANIZER)
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "/problems/event-was-never-on-sale")

    first, second = await cancel(client, show), await cancel(client, show)
    assert first == second
    assert (await client.get(f"{path}/cancellation", headers=another)).status_code == 404
    assert (await client.get(f"{path}/cancellation", headers=buyer)).status_code == 403
    queued = await db.get(
        int,
        "SELECT count(*) FROM pgqueuer WHERE entrypoint = 'cancel-event' AND payload = $1",
        job_of(show),
    )
    assert queued == 1
