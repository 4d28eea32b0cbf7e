"""The ledger: every movement balances, says the same as the tables, and is never changed."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import httpx
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments.disputes.facts import take_dispute
from boxoffice.payments.ledger import console as ledger_console
from boxoffice.payments.ledger.verification import verify_ledger
from boxoffice.payments.payouts.becoming_due import PAYOUT_DAYS, note_dues
from boxoffice.payments.provider import DisputeFact, DisputeState
from catalog.stage import Person, person
from payments.conftest import Holder
from payments.tampering import faults_after
from payments.test_payments import report, start, tell

SERVICE = {"name": "Service", "per": "TICKET", "mode": "ADDED", "amount": 150}
HOUSE = {"name": "House", "per": "TICKET", "mode": "ABSORBED", "basis_points": 1000}
VAT = {"name": "VAT", "mode": "ADDED", "basis_points": 1000}


@pytest.fixture
async def organizer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.ORGANIZER)


@pytest.fixture
async def buyer(app: Litestar, client: httpx.AsyncClient, db: Database) -> Person:
    return await person(app, client, db, Role.USER)


async def sell(
    client: httpx.AsyncClient, organizer: Person, buyer: Person, *, bookings: int = 1, **terms: Any
) -> dict[str, Any]:
    """An event with fees and a tax, and so many paid bookings of two seats at 10.00."""
    event = await organizer.has_event(
        **({"prices": {"Stalls": 1000, "Floor": 500}, "fees": [SERVICE, HOUSE], "tax": VAT} | terms)
    )
    for number in range(bookings):
        held = await buyer.post(
            "/bookings", {"event_id": event["id"], "seat_ids": [2 * number, 2 * number + 1]}
        )
        assert held.status_code == 201, held.text
        payment = await buyer.post(f"/bookings/{held.json()['id']}/payments", {})
        assert payment.status_code == 201, payment.text
        assert (await tell(client, report(payment.json()))).status_code == 204
    return event


def amounts(movement: dict[str, Any]) -> list[int]:
    """Gross, fees, taxes and net of a movement, or of a balance."""
    return [movement[part]["amount"] for part in ("gross", "fees", "taxes")]


async def test_a_sale_is_parted_into_what_is_the_organizers_the_houses_and_the_states(
    client: httpx.AsyncClient, organizer: Person, buyer: Person, db: Database
):
    event = await sell(client, organizer, buyer)

    statement = (await organizer.get("/organizers/me/statement")).json()["items"]
    # Twice 10.00 and 1.50, on both 10 % tax; of each price a tenth is the house's.
    assert [(line["kind"], *amounts(line), line["net"]["amount"]) for line in statement] == [
        ("CAPTURED", 2530, -500, -230, 1800)
    ]
    assert statement[0]["event_id"] == event["id"]
    (balance,) = (await organizer.get("/organizers/me/balance")).json()["items"]
    assert amounts(balance) == [2530, 500, 230]
    assert (balance["open"]["amount"], balance["due"]["amount"]) == (1800, 0)
    assert (await verify_ledger(db, event["id"])).faults == []


async def test_a_statement_is_read_in_pages_newest_first_and_is_ones_own(
    client: httpx.AsyncClient, organizer: Person, buyer: Person
):
    await sell(client, organizer, buyer, bookings=2, fees=[], tax=None)
    await sell(client, organizer, buyer, bookings=2)

    seen: list[dict[str, Any]] = []
    path: str | None = "/organizers/me/statement?limit=3"
    while path:
        answer = await organizer.get(path)
        assert answer.status_code == 200, answer.text
        seen += answer.json()["items"]
        link = answer.headers.get("link")
        path = None if link is None else link.partition(">")[0].removeprefix("</api/v1")

    assert len(seen) == 4
    assert [line["id"] for line in seen] == sorted({line["id"] for line in seen}, reverse=True)
    stranger = await buyer.get("/organizers/me/statement")
    assert stranger.status_code == 403
    assert (await organizer.get("/organizers/me/statement?cursor=x")).status_code == 422


async def test_a_statement_has_a_dispute_as_a_note_until_it_is_lost(
    client: httpx.AsyncClient, organizer: Person, buyer: Person, parts: Parts
):
    """Seen to fail, with 500, without `coalesce` for what has no entry on an account of the organizer's."""
    event = await sell(client, organizer, buyer)
    reference = await parts.db.get(str, "SELECT reference FROM payments WHERE event_id = $1", event["id"])
    for state in (DisputeState.OPEN, DisputeState.LOST):
        fact = DisputeFact("disputed", reference, state, 2530, "EUR", "fraudulent")
        await take_dispute(parts.desk, parts.sales, parts.providers, "sandbox", fact)

    answer = await organizer.get("/organizers/me/statement")
    assert answer.status_code == 200, answer.text
    assert [(line["kind"], line["gross"]["amount"]) for line in answer.json()["items"]] == [
        ("DISPUTE_LOST", -2530),
        ("DISPUTED", 0),
        ("CAPTURED", 2530),
    ]


async def test_money_that_bought_nothing_is_the_buyers_until_it_has_gone_back(
    client: httpx.AsyncClient, db: Database, basket: Holder
):
    held = await basket()
    first = await start(client, held)
    swapped = await client.post(
        f"/bookings/{held.booking_id}/exchange", json={"give": {"seat_ids": [4]}}, headers=held.headers
    )
    assert swapped.status_code == 200
    second = await start(client, held)
    for payment in (second, first):
        assert (await tell(client, report(payment))).status_code == 204

    owed = await db.get(
        int,
        "SELECT sum(amount)::bigint FROM ledger_entries WHERE event_id = $1 AND account = 'BUYER'",
        held.show.event_id,
    )

    assert owed == -5000
    assert (await verify_ledger(db, held.show.event_id)).faults == []


async def test_what_is_reported_ten_times_at_once_is_one_movement(
    client: httpx.AsyncClient, db: Database, basket: Holder
):
    held = await basket()
    body = report(await start(client, held))

    await asyncio.gather(*[tell(client, body) for _ in range(10)])

    movements = await db.get(
        int, "SELECT count(*) FROM ledger_movements WHERE event_id = $1", held.show.event_id
    )
    assert movements == 1


async def test_what_an_event_has_earned_is_due_some_days_after_it_began_and_once(
    client: httpx.AsyncClient, organizer: Person, buyer: Person, db: Database
):
    event = await sell(client, organizer, buyer, bookings=2)
    await note_dues(db)
    (balance,) = (await organizer.get("/organizers/me/balance")).json()["items"]
    assert (balance["open"]["amount"], balance["due"]["amount"]) == (3600, 0)

    async with db.transaction() as tx:
        await tx.execute(
            """
            UPDATE events
               SET starts_at = now() - $2 * interval '1 day' - interval '1 minute', sale_starts_at = NULL,
                   sale_ends_at = NULL
             WHERE id = $1
            """,
            event["id"],
            PAYOUT_DAYS,
        )
    await asyncio.gather(*[note_dues(db) for _ in range(4)])
    await note_dues(db)

    (balance,) = (await organizer.get("/organizers/me/balance")).json()["items"]
    assert (balance["open"]["amount"], balance["due"]["amount"]) == (0, 3600)
    statement = (await organizer.get("/organizers/me/statement")).json()["items"]
    assert [line["kind"] for line in statement] == ["PAYOUT_DUE", "CAPTURED", "CAPTURED"]
    assert (await verify_ledger(db, event["id"])).faults == []
    # Whoever made its id before the payout, and committed after it, is paid out with the next round.
    async with db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO ledger_movements (event_id, movement_id, kind, cause_id, currency, provider,
                                          organizer)
            VALUES ($1, $2, 'CAPTURED', $2, 'EUR', 1, -1)
            """,
            event["id"],
            UUID(int=UUID(statement[0]["id"]).int - 1),
        )
    await note_dues(db)
    (balance,) = (await organizer.get("/organizers/me/balance")).json()["items"]
    assert (balance["open"]["amount"], balance["due"]["amount"]) == (0, 3601)


async def test_a_movement_and_a_payout_never_change(owner_db: Database):
    """Whether there are any or not: a statement that would change them is refused."""
    for statement in (
        "UPDATE ledger_movements SET taxes = taxes + 1, fees = fees - 1",
        "DELETE FROM ledger_movements",
        "UPDATE payouts SET amount = amount + 1",
        "DELETE FROM payouts",
        "UPDATE payout_returns SET reason = ''",
        "DELETE FROM payout_returns",
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="only ever added to"):
            async with owner_db.transaction() as tx:
                await tx.execute(statement)


# What is no movement: its entries on PROVIDER, ORGANIZER, FEES, RESERVED, PROMISED, HOUSE_BANK; and why not.
NO_MOVEMENTS = (
    ("CAPTURED", (100, 0, 0, 0, 0, 0), "a_movement_adds_up_to_zero"),
    ("CAPTURED", (100, -90, -9, 0, 0, 0), "a_movement_adds_up_to_zero"),
    ("CAPTURED", (0, 0, 0, 0, 0, 0), "a_movement_is_of_something"),
    ("CAPTURED", (0, 0, 0, 100, -100, 0), "what_is_only_authorised_mixes_with_nothing"),
    ("AUTHORISED", (0, 0, 0, 100, -99, 0), "a_movement_adds_up_to_zero"),
    ("AUTHORISED", (0, -100, 0, 100, 0, 0), "a_movement_adds_up_to_zero"),
    ("AUTHORISED", (100, -100, 0, 100, -100, 0), "what_is_only_authorised_mixes_with_nothing"),
    ("BORROWED", (100, -100, 0, 0, 0, 0), "a_movement_is_of_a_kind_we_know"),
    ("CAPTURED", (100, 0, 0, 0, 0, -100), "only_payouts_are_paid_by_the_house"),
    ("PAID_OUT", (0, 100, 0, 0, 0, -100), "only_payouts_are_paid_by_the_house"),
)


async def test_what_is_no_movement_is_refused_whoever_writes_it(owner_db: Database):
    """Even by an owner who has switched triggers off."""
    for kind, entries, rule in NO_MOVEMENTS:
        with pytest.raises(asyncpg.CheckViolationError) as caught:
            async with owner_db.transaction() as tx:
                await tx.execute("SET LOCAL session_replication_role = replica")
                await tx.execute(
                    """
                    INSERT INTO ledger_movements (event_id, movement_id, cause_id, currency, kind, provider,
                                                  organizer, fees, reserved, promised, house_bank)
                    VALUES (1, gen_random_uuid(), gen_random_uuid(), 'EUR', $1, $2, $3, $4, $5, $6, $7)
                    """,
                    kind,
                    *entries,
                )
        assert getattr(caught.value, "constraint_name", "") == rule, (kind, entries)


# What is done to the tables, and what is said of it.
TAMPERING = {
    "an amount": (
        "UPDATE ledger_movements SET organizer = organizer + 1 WHERE event_id = $1",
        ["movement"],
    ),
    "two amounts that add up": (
        "UPDATE ledger_movements SET provider = provider + 1, organizer = organizer - 1 WHERE event_id = $1",
        ["captured payment"],
    ),
    "whose it is": (
        "UPDATE ledger_movements SET fees = taxes, taxes = fees WHERE event_id = $1",
        ["fees of booking", "taxes of booking"],
    ),
    "a movement is gone": (
        "DELETE FROM ledger_movements WHERE event_id = $1",
        ["captured payment", "fees of booking", "taxes of booking"],
    ),
    "a payment": (
        "UPDATE payments SET captured = captured - 1 WHERE event_id = $1",
        ["captured payment"],
    ),
    "a payment is not captured any more": (
        "UPDATE payments SET captured = 0, state = 'PENDING' WHERE event_id = $1",
        ["entry CAPTURED without a cause:", "payment of booking"],
    ),
    "a booking": (
        "UPDATE bookings SET total = total + 1 WHERE event_id = $1",
        ["payment of booking"],
    ),
    "a refund": (
        """
        INSERT INTO refunds (event_id, id, payment_id, amount, currency, reason, worth)
        SELECT event_id, gen_random_uuid(), id, 1, currency, 'none', 1 FROM payments WHERE event_id = $1
        """,
        ["payment of booking", "refund that is owed", "refunds of payment"],
    ),
    "the tax of a refund": (
        """
        INSERT INTO refunds (event_id, id, payment_id, amount, currency, reason, taxes)
        SELECT event_id, gen_random_uuid(), id, 2, currency, 'none', 1 FROM payments WHERE event_id = $1
        """,
        ["refund that is owed", "refunds of payment", "tax of refund", "taxes of booking"],
    ),
}


async def test_whatever_is_tampered_with_is_found(
    client: httpx.AsyncClient, organizer: Person, buyer: Person, owner_db: Database
):
    event = await sell(client, organizer, buyer)
    assert await faults_after(owner_db, event["id"]) == []
    for what, (statement, named) in TAMPERING.items():
        faults = await faults_after(owner_db, event["id"], statement)
        assert sorted(map(_named, faults)) == named, (what, faults)


async def test_the_command_says_what_it_has_found(
    client: httpx.AsyncClient,
    organizer: Person,
    buyer: Person,
    db: Database,
    dsn: str,
    capsys: pytest.CaptureFixture[str],
):
    event = await sell(client, organizer, buyer)
    assert await asyncio.to_thread(ledger_console.verify, dsn, event["id"])
    assert "1 events, 1 movements: every one adds up to zero" in capsys.readouterr().out
    async with db.transaction() as tx:
        await tx.execute("UPDATE payments SET captured = captured + 1 WHERE event_id = $1", event["id"])

    assert not await asyncio.to_thread(ledger_console.verify, dsn, event["id"])

    said = capsys.readouterr().out
    assert f"Event {event['id']}, captured payment " in said
    assert ": expected 2531 EUR, found 2530." in said


def _named(fault: str) -> str:
    """What a difference is about, without its id and amounts."""
    name, _, id_ = fault.partition(": expected")[0].rpartition(" ")
    UUID(id_)
    return name
