"""Gates without a connection: what they have to know, and what they say once they have one."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextvars import Context
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar

from boxoffice.accounts.identity import Identity, Role
from boxoffice.kit.ids import new_id
from boxoffice.kit.paging import UnknownCursor, encode_cursor
from boxoffice.kit.postgres import Database
from boxoffice.tickets.check_in import check_in
from boxoffice.tickets.code import TicketKeys, read_code
from boxoffice.tickets.gates import following
from boxoffice.tickets.gates.following import list_changes
from boxoffice.tickets.gates.queries import GateTicket
from boxoffice.tickets.gates.rules import Decided, decide
from boxoffice.tickets.gates.schemas import (
    CHECK_INS_AT_ONCE_MAX,
    OfflineCheckIn,
    OfflineCheckIns,
    TicketChanges,
)
from boxoffice.tickets.gates.taking import take_check_ins
from boxoffice.tickets.queries import update_tickets_to_void
from boxoffice.tickets.schemas import CheckInResult, TicketState
from boxoffice.tickets.signing_keys import publish_key
from catalog.stage import Person, pointers
from tickets.sales import Sale, open_sale

KEYS = TicketKeys("the secret of these tests, 32 characters and more")

NOW = datetime(2030, 5, 3, 20, tzinfo=UTC)
EVENT = 7


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


@pytest.fixture
async def other_process(dsn: str) -> AsyncGenerator[Database]:
    """A second pool to the same database, as a second process has."""
    database = Database(dsn, connections_max=20)
    await database.open()
    # Who connects first comes late.
    await database.get(int, "SELECT 1")
    yield database
    await database.close()


def gate_of(sale: Sale) -> Identity:
    return Identity(sale.organizer_id, Role.ORGANIZER)


async def sell(sale: Sale, count: int) -> list[UUID]:
    """Sell admissions to the floor; their tickets."""
    booking_id = await sale.sell(area_ids=(0,) * count)
    return [ticket.id for ticket in await sale.tickets(booking_id)]


def scan(event_id: int, ticket_id: UUID, *, at: datetime = NOW, generation: int = 1) -> OfflineCheckIn:
    return OfflineCheckIn(uuid4(), KEYS.code_of(event_id, ticket_id, generation), at)


def judged(
    *scans: OfflineCheckIn, tickets: list[GateTicket], known: dict[UUID, CheckInResult] | None = None
) -> Decided:
    codes = [read_code(each.code) for each in scans]
    return decide(EVENT, scans, codes, {ticket.id: ticket for ticket in tickets}, known or {})


def ticket(state: TicketState = TicketState.VALID, admitted_at: datetime | None = None) -> GateTicket:
    return GateTicket(new_id(EVENT), state, 1, admitted_at, NOW)


def test_each_check_in_comes_to_what_the_gate_would_have_been_told():
    good, void, used = ticket(), ticket(TicketState.VOID), ticket(admitted_at=NOW)
    replaced = ticket()
    scans = [
        scan(EVENT, good.id),
        scan(EVENT, good.id),
        scan(EVENT, void.id),
        scan(EVENT, used.id),
        scan(EVENT, replaced.id, generation=2),
        scan(EVENT + 1, new_id(EVENT + 1)),
        scan(EVENT, new_id(EVENT)),
        OfflineCheckIn(uuid4(), "nothing", NOW),
    ]

    decided = judged(*scans, tickets=[good, void, used, replaced])

    assert [each.result.value for each in decided.results] == [
        "ADMITTED", "ALREADY_ADMITTED", "VOID", "ALREADY_ADMITTED", "REPLACED", "WRONG_EVENT", "UNKNOWN",
        "BAD_CODE",
    ]  # fmt: skip
    assert list(decided.admitted) == [good.id]
    assert decided.new.ids == [each.id for each in scans]
    assert decided.results[1].admitted_at == decided.admitted[good.id]


def test_what_was_taken_before_is_not_judged_again():
    used = ticket(admitted_at=NOW)
    again = scan(EVENT, used.id)

    decided = judged(again, tickets=[used], known={again.id: CheckInResult.ADMITTED})

    assert [(each.result, each.admitted_at) for each in decided.results] == [(CheckInResult.ADMITTED, NOW)]
    assert (decided.admitted, decided.new.ids) == ({}, [])


@pytest.mark.parametrize(
    ("by_the_gate", "kept"),
    [
        (timedelta(minutes=-5), timedelta(minutes=-5)),
        (timedelta(days=400), timedelta(0)),
        (timedelta(days=-40_000), timedelta(minutes=-10)),
    ],
)
def test_a_gate_whose_clock_is_wrong_is_believed_within_the_life_of_the_ticket(
    by_the_gate: timedelta, kept: timedelta
):
    milliseconds = int((NOW - timedelta(minutes=10)).timestamp() * 1000)
    issued = GateTicket(UUID(int=milliseconds << 80), TicketState.VALID, 1, None, NOW)

    decided = judged(scan(EVENT, issued.id, at=NOW + by_the_gate), tickets=[issued])

    assert decided.admitted == {issued.id: NOW + kept}


@pytest.mark.parametrize(
    ("count", "fits"), [(CHECK_INS_AT_ONCE_MAX, True), (CHECK_INS_AT_ONCE_MAX + 1, False)]
)
def test_a_gate_sends_so_many_at_once(count: int, fits: bool):  # noqa: FBT001  a column of the table
    body = {"check_ins": [{"id": str(uuid4()), "code": "x", "admitted_at": "2030-05-03T20:00:00Z"}] * count}

    try:
        msgspec.convert(body, OfflineCheckIns, strict=False)
    except msgspec.ValidationError:
        assert not fits
    else:
        assert fits


async def test_a_gate_is_without_a_connection_for_a_while(
    app: Litestar, client: httpx.AsyncClient, sale: Sale
):
    """It fetches what not to admit, lets people in by itself, and says so when it can."""
    await publish_key(sale.db, KEYS)
    organizer = Person(client, gate_of(sale), app.state.tokens.issue(sale.organizer_id, Role.ORGANIZER))
    answer = await organizer.post("/api-keys", {"name": "Gate", "role": "SCANNER"})
    gate = Person(client, None, answer.json()["key"])
    event = f"/events/{sale.event_id}"
    booking_id = await sale.sell(seat_ids=(3,))
    (void,) = await sale.tickets(booking_id)
    tickets = await sell(sale, 3)
    await sale.apply(sale.cancelled(booking_id))
    await check_in(sale.db, KEYS, gate_of(sale), sale.event_id, scan(sale.event_id, tickets[0]).code)

    known = (await gate.get(f"{event}/ticket-changes")).json()
    body: dict[str, Any] = {
        "check_ins": msgspec.to_builtins(
            [scan(sale.event_id, each, at=datetime.now(UTC)) for each in (*tickets[:2], void.id)]
        )
    }
    sent = await gate.post(f"{event}/offline-check-ins", body)
    again = await gate.post(f"{event}/offline-check-ins", body)
    following = (await gate.get(f"{event}/ticket-changes", cursor=known["cursor"])).json()
    conflicts = await organizer.get(f"{event}/check-in-conflicts", limit=1)
    rest = await organizer.get(f"{event}/check-in-conflicts", cursor=conflicts.json()["next_cursor"])
    counts = (await organizer.get(f"{event}/check-ins")).json()

    assert (known["void"], known["admitted"]) == ([str(void.id)], [str(tickets[0])])
    assert known["is_complete"] is True
    results = [each["result"] for each in sent.json()["items"]]
    assert results == ["ALREADY_ADMITTED", "ADMITTED", "VOID"]
    assert (sent.status_code, again.json()) == (200, sent.json())
    assert str(tickets[1]) in following["admitted"]
    listed = {each["id"]: each for each in conflicts.json()["items"] + rest.json()["items"]}
    assert {each["result"] for each in listed.values()} == {"ALREADY_ADMITTED", "VOID"}
    twice = listed[body["check_ins"][0]["id"]]
    assert (twice["ticket_id"], twice["place"]["label"]) == (str(tickets[0]), "Floor")
    assert (twice["user_id"], twice["key_id"]) == (sale.organizer_id, answer.json()["about"]["id"])
    assert twice["first_admitted_at"] < twice["admitted_at"]
    assert (counts["admitted"], counts["conflicts"]) == (2, 2)

    body["check_ins"][0] |= {"code": body["check_ins"][2]["code"]}
    assert pointers(await gate.post(f"{event}/offline-check-ins", body)) == ["/check_ins/0/id"]
    twins = {
        "check_ins": [body["check_ins"][1], body["check_ins"][1] | {"admitted_at": "0001-01-01T00:00:00Z"}]
    }
    assert pointers(await gate.post(f"{event}/offline-check-ins", twins)) == [
        "/check_ins/1/admitted_at",
        "/check_ins/1/id",
    ]


async def test_of_two_gates_that_let_one_ticket_in_one_admitted_it_and_both_are_told(
    sale: Sale, other_process: Database
):
    """Seen to fail without FOR UPDATE in `lock_tickets`: both are told ADMITTED."""
    tickets = await sell(sale, 10)
    gates = [[scan(sale.event_id, each, at=datetime.now(UTC)) for each in tickets] for _ in range(2)]
    gates[1].reverse()

    answers = await asyncio.gather(
        take_check_ins(sale.db, KEYS, gate_of(sale), sale.event_id, gates[0]),
        take_check_ins(other_process, KEYS, gate_of(sale), sale.event_id, gates[1]),
    )

    results = Counter(each.result for answer in answers for each in answer)
    assert results == {CheckInResult.ADMITTED: 10, CheckInResult.ALREADY_ADMITTED: 10}


async def test_what_a_gate_sends_twice_at_once_is_taken_once(sale: Sale, other_process: Database):
    """Seen to fail without FOR UPDATE in `lock_tickets`: one of the two is told to send it again."""
    sent = [scan(sale.event_id, each, at=datetime.now(UTC)) for each in await sell(sale, 10)]

    first, second = await asyncio.gather(
        *(
            take_check_ins(database, KEYS, gate_of(sale), sale.event_id, sent)
            for database in (sale.db, other_process)
        )
    )

    assert first == second
    assert {each.result for each in first} == {CheckInResult.ADMITTED}
    kept = "SELECT count(*) FROM offline_check_ins WHERE event_id = $1"
    assert await sale.db.get(int, kept, sale.event_id) == 10


async def test_what_commits_late_is_not_missed(sale: Sale, monkeypatch: pytest.MonkeyPatch):
    """Seen to fail when the next round begins after the last ticket that was shown."""
    gate, db = gate_of(sale), sale.db
    slow_booking, tickets = await sale.sell(area_ids=(0,)), await sell(sale, 5)
    (slow,) = await sale.tickets(slow_booking)
    for each in tickets[:2]:
        await check_in(db, KEYS, gate, sale.event_id, scan(sale.event_id, each).code)
    monkeypatch.setattr(following, "CHANGES_MAX", 2)

    async def meanwhile() -> tuple[TicketChanges, TicketChanges]:
        for each in tickets[2:]:
            await check_in(db, KEYS, gate, sale.event_id, scan(sale.event_id, each).code)
        first = await list_changes(db, gate, sale.event_id, None)
        return first, await list_changes(db, gate, sale.event_id, first.cursor)

    async with db.transaction() as tx:
        await update_tickets_to_void(tx, sale.event_id, [slow_booking])
        first, second = await asyncio.create_task(meanwhile(), context=Context())
    rest = await list_changes(db, gate, sale.event_id, second.cursor)
    later = await list_changes(db, gate, sale.event_id, rest.cursor)

    assert (first.is_complete, second.is_complete, rest.is_complete) == (False, False, True)
    assert {*first.admitted, *second.admitted, *rest.admitted} == set(tickets)
    assert slow.id not in {*first.void, *second.void, *rest.void}
    assert slow.id in later.void


async def test_a_cursor_from_another_life_of_the_database_begins_anew(sale: Sale):
    (ticket_id,) = await sell(sale, 1)
    await check_in(sale.db, KEYS, gate_of(sale), sale.event_id, scan(sale.event_id, ticket_id).code)
    from_elsewhere = encode_cursor((2**62, 2**62, UUID(int=0)))

    known = await list_changes(sale.db, gate_of(sale), sale.event_id, from_elsewhere)

    assert known.admitted == [ticket_id]
    for broken in ("!", encode_cursor((-1, 0, UUID(int=0))), encode_cursor((1, 2**63, UUID(int=0)))):
        with pytest.raises(UnknownCursor):
            await list_changes(sale.db, gate_of(sale), sale.event_id, broken)
