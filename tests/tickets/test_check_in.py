"""A ticket lets one person in, once, and the gate is told why not otherwise."""

import asyncio
import base64
from collections import Counter
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from boxoffice.accounts.identity import Identity, Role
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.tickets.check_in import check_in
from boxoffice.tickets.code import TicketKeys, key_id_of
from boxoffice.tickets.schemas import CheckIn, CheckInResult
from boxoffice.tickets.signing_keys import publish_key, show_ticket_keys
from tickets.sales import Sale, insert_user, open_sale

SECRET = "the secret of these tests, 32 characters and more"


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


@pytest.fixture
async def other_process(dsn: str) -> AsyncGenerator[Database]:
    """A second pool to the same database, as a second process has."""
    database = Database(dsn, connections_max=20)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
def keys() -> TicketKeys:
    return TicketKeys(SECRET)


def gate_of(sale: Sale) -> Identity:
    return Identity(user_id=sale.organizer_id, role=Role.ORGANIZER)


async def scan(sale: Sale, keys: TicketKeys, code: str) -> CheckIn:
    return await check_in(sale.db, keys, gate_of(sale), sale.event_id, code)


async def sell_one(sale: Sale, seat_id: int = 12) -> tuple[UUID, UUID]:
    """Sell a seat; the booking's and the ticket's id."""
    booking_id = await sale.sell(seat_ids=(seat_id,))
    return booking_id, (await sale.tickets(booking_id))[0].id


async def admissions(sale: Sale) -> list[datetime]:
    return await sale.db.list(
        datetime,
        "SELECT admitted_at FROM tickets WHERE event_id = $1 AND admitted_at IS NOT NULL",
        sale.event_id,
    )


async def test_a_ticket_admits_once_and_then_says_when_it_did(sale: Sale, keys: TicketKeys):
    booking_id, ticket_id = await sell_one(sale)
    code = keys.code_of(sale.event_id, ticket_id, 1)

    first = await scan(sale, keys, code)
    second = await scan(sale, keys, code)

    assert first.result is CheckInResult.ADMITTED
    assert first.detail == "Admit to Block A, row 2, seat 3."
    assert first.ticket is not None
    assert (first.ticket.id, first.ticket.booking_id) == (ticket_id, booking_id)
    assert (first.ticket.place.zone, first.ticket.place.row, first.ticket.place.number) == (
        "Block A",
        "2",
        "3",
    )
    assert first.ticket.holder.startswith("Guest ")
    assert first.admitted_at is not None
    assert abs(first.admitted_at - datetime.now(UTC)) < timedelta(minutes=1)
    assert second.result is CheckInResult.ALREADY_ADMITTED
    assert second.admitted_at == first.admitted_at
    assert second.ticket == first.ticket
    assert await admissions(sale) == [first.admitted_at]


async def test_the_gate_reads_the_time_of_the_first_admission_on_its_own_clock(sale: Sale, keys: TicketKeys):
    _, ticket_id = await sell_one(sale)
    async with sale.db.transaction() as tx:
        await tx.execute(
            """
            UPDATE tickets SET admitted_at = '2030-05-03 17:04:31+00', admitted_by = $2
             WHERE event_id = $1
            """,
            sale.event_id,
            sale.organizer_id,
        )

    answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket_id, 1))

    assert answer.detail == "This ticket was admitted at 19:04:31 on 3 May 2030. Do not admit."


async def test_an_area_ticket_names_its_area(sale: Sale, keys: TicketKeys):
    booking_id = await sale.sell(area_ids=(1,))
    (ticket,) = await sale.tickets(booking_id)

    answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket.id, 1))

    assert answer.detail == "Admit to Gallery."
    assert answer.ticket is not None
    assert (answer.ticket.place.area, answer.ticket.place.zone) == ("Gallery", None)


async def test_of_fifty_scans_at_once_exactly_one_is_admitted(
    sale: Sale, other_process: Database, keys: TicketKeys
):
    """Seen to fail without `AND admitted_at IS NULL` in `claim_admission`: all fifty are ADMITTED."""
    _, ticket_id = await sell_one(sale)
    code = keys.code_of(sale.event_id, ticket_id, 1)
    gate = gate_of(sale)

    answers = await asyncio.gather(
        *(
            check_in(database, keys, gate, sale.event_id, code)
            for _ in range(25)
            for database in (sale.db, other_process)
        )
    )

    assert Counter(answer.result for answer in answers) == {
        CheckInResult.ADMITTED: 1,
        CheckInResult.ALREADY_ADMITTED: 49,
    }
    assert {answer.admitted_at for answer in answers} == set(await admissions(sale))


async def test_a_ticket_that_is_voided_while_it_is_scanned_is_admitted_before_or_not_at_all(
    sale: Sale, other_process: Database, keys: TicketKeys
):
    """Seen to fail without `state = 'VALID'` in `claim_admission`."""
    for seat_id in range(20):
        booking_id, ticket_id = await sell_one(sale, seat_id)
        answer, _ = await asyncio.gather(
            check_in(
                other_process, keys, gate_of(sale), sale.event_id, keys.code_of(sale.event_id, ticket_id, 1)
            ),
            sale.apply(sale.cancelled(booking_id)),
        )
        assert [t.state for t in await sale.tickets(booking_id)] == ["VOID"]
        assert answer.result in {CheckInResult.ADMITTED, CheckInResult.VOID}
        assert (answer.admitted_at is not None) == (answer.result is CheckInResult.ADMITTED)


async def test_a_void_ticket_is_not_admitted(sale: Sale, keys: TicketKeys):
    booking_id, ticket_id = await sell_one(sale)
    await sale.apply(sale.cancelled(booking_id))

    answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket_id, 1))

    assert answer.result is CheckInResult.VOID
    detail = "This ticket is void: its booking was cancelled, or its place given back. Do not admit."
    assert answer.detail == detail
    assert answer.ticket is not None
    assert answer.ticket.id == ticket_id
    assert await admissions(sale) == []


async def test_only_the_current_generation_is_admitted(sale: Sale, keys: TicketKeys):
    _, ticket_id = await sell_one(sale)
    async with sale.db.transaction() as tx:
        await tx.execute("UPDATE tickets SET generation = 2 WHERE event_id = $1", sale.event_id)

    for generation in (1, 3):
        answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket_id, generation))
        assert answer.result is CheckInResult.REPLACED
    answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket_id, 2))
    assert answer.result is CheckInResult.ADMITTED


async def test_a_ticket_for_another_event_is_sent_there(sale: Sale, keys: TicketKeys):
    other = await open_sale(sale.db, title="Tomorrow's show")
    _, ticket_id = await sell_one(other)

    answer = await scan(sale, keys, keys.code_of(other.event_id, ticket_id, 1))

    assert answer.result is CheckInResult.WRONG_EVENT
    assert answer.detail == (
        "This ticket is for “Tomorrow's show”, which starts at 20:00:00 on 3 May 2030. Do not admit here."
    )
    assert answer.ticket is None
    assert await admissions(other) == []


async def test_a_ticket_for_an_event_that_is_gone_is_for_another_event(sale: Sale, keys: TicketKeys):
    answer = await scan(sale, keys, keys.code_of(2**32 - 1, new_id(2**32 - 1), 1))

    assert answer.result is CheckInResult.WRONG_EVENT
    assert answer.detail == "This ticket is for another event. Do not admit here."


async def test_a_signed_code_without_a_ticket_is_unknown(sale: Sale, keys: TicketKeys):
    answer = await scan(sale, keys, keys.code_of(sale.event_id, new_id(sale.event_id), 1))

    assert (answer.result, answer.ticket) == (CheckInResult.UNKNOWN, None)


async def test_a_code_for_this_event_with_another_events_ticket_is_unknown(sale: Sale, keys: TicketKeys):
    """We never sign such a code; if we did, it would still let nobody in."""
    other = await open_sale(sale.db)
    _, ticket_id = await sell_one(other)

    answer = await scan(sale, keys, keys.code_of(sale.event_id, ticket_id, 1))

    assert answer.result is CheckInResult.UNKNOWN


async def test_no_code_with_a_flipped_byte_is_admitted(sale: Sale, keys: TicketKeys):
    _, ticket_id = await sell_one(sale)
    content = base64.b32decode(keys.code_of(sale.event_id, ticket_id, 1) + "======")

    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 0xFF
        answer = await scan(sale, keys, base64.b32encode(flipped).decode().rstrip("="))
        assert answer.result is CheckInResult.BAD_CODE

    assert await admissions(sale) == []


@pytest.mark.parametrize("garbage", ["", "\x00", "hello", "\ud800", "A" * 146, "A" * 100_000, "ß" * 146])
async def test_whatever_a_scanner_reads_is_answered(sale: Sale, keys: TicketKeys, garbage: str):
    answer = await scan(sale, keys, garbage)

    assert (answer.result, answer.detail) == (
        CheckInResult.BAD_CODE,
        "This is not one of our tickets. Do not admit.",
    )


async def test_a_stranger_cannot_sign_for_us_even_with_our_key_id(sale: Sale, keys: TicketKeys):
    _, ticket_id = await sell_one(sale)
    forger = TicketKeys("a forger's secret of thirty-two characters")

    unknown_key = await scan(sale, keys, forger.code_of(sale.event_id, ticket_id, 1))
    forger.key_id = keys.key_id
    our_key_id = await scan(sale, keys, forger.code_of(sale.event_id, ticket_id, 1))

    assert unknown_key.result is our_key_id.result is CheckInResult.BAD_CODE


async def test_codes_outlive_the_secret_they_were_signed_under(sale: Sale):
    before = TicketKeys(f"{SECRET} {sale.event_id}")
    await publish_key(sale.db, before)
    _, ticket_id = await sell_one(sale)
    code = before.code_of(sale.event_id, ticket_id, 1)

    after = TicketKeys(f"{SECRET} {sale.event_id} changed")
    answers = [await scan(sale, after, code), await scan(sale, after, code)]

    assert [answer.result for answer in answers] == [CheckInResult.ADMITTED, CheckInResult.ALREADY_ADMITTED]
    assert before.key_id != after.key_id


async def test_the_same_ticket_under_two_secrets_admits_once(sale: Sale):
    before, after = TicketKeys(f"{SECRET} {sale.event_id}"), TicketKeys(SECRET)
    await publish_key(sale.db, before)
    _, ticket_id = await sell_one(sale)

    first = await scan(sale, after, before.code_of(sale.event_id, ticket_id, 1))
    second = await scan(sale, after, after.code_of(sale.event_id, ticket_id, 1))

    assert (first.result, second.result) == (CheckInResult.ADMITTED, CheckInResult.ALREADY_ADMITTED)


async def test_published_keys_are_listed_once_as_jwks_the_newest_first(db: Database):
    before, after = TicketKeys(f"{SECRET} before {new_id(1)}"), TicketKeys(f"{SECRET} after {new_id(1)}")
    await publish_key(db, before)
    await publish_key(db, TicketKeys(SECRET))
    shown = await show_ticket_keys(db, after)
    again = await show_ticket_keys(db, after)

    assert shown == again
    assert (shown.keys[0].kty, shown.keys[0].crv, shown.keys[0].kid) == ("OKP", "Ed25519", after.key_id.hex())
    kids = [key.kid for key in shown.keys]
    assert kids.index(after.key_id.hex()) < kids.index(before.key_id.hex())
    assert len(set(kids)) == len(kids)
    for key in shown.keys:
        assert key_id_of(base64.urlsafe_b64decode(key.x + "=")).hex() == key.kid


async def test_only_the_events_organizer_and_admins_are_its_gate(sale: Sale, keys: TicketKeys):
    _, ticket_id = await sell_one(sale)
    code = keys.code_of(sale.event_id, ticket_id, 1)
    stranger = Identity(user_id=await insert_user(sale.db, "ORGANIZER"), role=Role.ORGANIZER)
    admin = Identity(user_id=await insert_user(sale.db, "ADMIN"), role=Role.ADMIN)

    with pytest.raises(NotFound):
        await check_in(sale.db, keys, stranger, sale.event_id, code)
    with pytest.raises(NotFound):
        await check_in(sale.db, keys, admin, 2**32 - 1, code)
    assert await admissions(sale) == []
    assert (await check_in(sale.db, keys, admin, sale.event_id, code)).result is CheckInResult.ADMITTED
    assert (
        await sale.db.get(int, "SELECT admitted_by FROM tickets WHERE event_id = $1", sale.event_id)
        == admin.user_id
    )
