"""A buyer sees the tickets of their own bookings, and nobody else's."""

import pytest

from boxoffice.accounts.identity import Identity, Role
from boxoffice.kit.errors import NotFound
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.tickets.code import TicketKeys, read_code
from boxoffice.tickets.qr import QrFormat
from boxoffice.tickets.schemas import TicketPlace, TicketState
from boxoffice.tickets.show import TicketIsVoid, draw_ticket, get_ticket, list_booking_tickets
from tickets.qr_reader import modules_of_png, modules_of_svg, read_qr
from tickets.sales import Sale, insert_user, open_sale


@pytest.fixture
async def sale(db: Database) -> Sale:
    return await open_sale(db)


@pytest.fixture
def keys() -> TicketKeys:
    return TicketKeys("the secret of these tests, 32 characters and more")


def buyer_of(sale: Sale) -> Identity:
    return Identity(user_id=sale.buyer_id, role=Role.USER)


async def test_the_tickets_of_a_booking_are_in_the_order_of_its_places(sale: Sale, keys: TicketKeys):
    booking_id = await sale.sell(seat_ids=(12, 0), area_ids=(1,))

    tickets = (await list_booking_tickets(sale.db, keys, buyer_of(sale), booking_id)).items

    assert [ticket.place for ticket in tickets] == [
        TicketPlace(label="Block A, row 2, seat 3", zone="Block A", row="2", number="3", seat_id=12),
        TicketPlace(label="Block A, row 1, seat 1", zone="Block A", row="1", number="1", seat_id=0),
        TicketPlace(label="Gallery", area="Gallery", area_id=1),
    ]
    assert {(t.event_id, t.event_title, t.state) for t in tickets} == {
        (sale.event_id, "An evening", TicketState.VALID)
    }
    for ticket in tickets:
        assert ticket.code is not None
        code = read_code(ticket.code)
        assert code is not None
        assert (code.ticket_id, code.generation) == (ticket.id, 1)
        assert await get_ticket(sale.db, keys, buyer_of(sale), ticket.id) == ticket


async def test_the_qr_codes_of_a_ticket_read_as_its_code(sale: Sale, keys: TicketKeys):
    booking_id = await sale.sell(seat_ids=(5,))
    (ticket,) = (await list_booking_tickets(sale.db, keys, buyer_of(sale), booking_id)).items

    svg = await draw_ticket(sale.db, keys, buyer_of(sale), ticket.id, QrFormat.SVG)
    png = await draw_ticket(sale.db, keys, buyer_of(sale), ticket.id, QrFormat.PNG)

    assert read_qr(modules_of_svg(svg)) == read_qr(modules_of_png(png)) == ticket.code


async def test_a_key_is_stored_before_the_first_code_it_signed_is_shown(sale: Sale):
    keys = TicketKeys(f"the secret of this very test {sale.event_id}")
    booking_id = await sale.sell(seat_ids=(5,))

    await list_booking_tickets(sale.db, keys, buyer_of(sale), booking_id)

    assert (
        await sale.db.find(bytes, "SELECT public_key FROM ticket_keys WHERE key_id = $1", keys.key_id)
        == keys.public_key
    )


async def test_a_void_ticket_has_no_code_and_no_qr_code(sale: Sale, keys: TicketKeys):
    booking_id = await sale.sell(seat_ids=(5,))
    await sale.apply(sale.cancelled(booking_id))

    (ticket,) = (await list_booking_tickets(sale.db, keys, buyer_of(sale), booking_id)).items

    assert (ticket.state, ticket.code) == (TicketState.VOID, None)
    with pytest.raises(TicketIsVoid):
        await draw_ticket(sale.db, keys, buyer_of(sale), ticket.id, QrFormat.SVG)


async def test_a_booking_that_is_not_confirmed_has_no_tickets_yet(sale: Sale, keys: TicketKeys):
    async with sale.db.transaction() as tx:
        pending = await sale.booking(tx, seat_ids=(1,))
        await tx.execute(
            """
            UPDATE bookings SET state = 'PENDING', expires_at = now(), ticket_count = 0
             WHERE event_id = $1 AND id = $2
            """,
            sale.event_id,
            pending.booking_id,
        )

    assert (await list_booking_tickets(sale.db, keys, buyer_of(sale), pending.booking_id)).items == []


async def test_other_peoples_bookings_and_tickets_are_not_there(sale: Sale, keys: TicketKeys):
    booking_id = await sale.sell(seat_ids=(5,))
    (ticket,) = await sale.tickets(booking_id)
    stranger = Identity(user_id=await insert_user(sale.db), role=Role.USER)
    organizer = Identity(user_id=sale.organizer_id, role=Role.ORGANIZER)

    for somebody in (stranger, organizer):
        with pytest.raises(NotFound):
            await list_booking_tickets(sale.db, keys, somebody, booking_id)
        with pytest.raises(NotFound):
            await get_ticket(sale.db, keys, somebody, ticket.id)
        with pytest.raises(NotFound):
            await draw_ticket(sale.db, keys, somebody, ticket.id, QrFormat.SVG)


async def test_what_was_never_sold_is_not_there(sale: Sale, keys: TicketKeys):
    for nothing in (new_id(sale.event_id), new_id(2**32 - 1)):
        with pytest.raises(NotFound):
            await list_booking_tickets(sale.db, keys, buyer_of(sale), nothing)
        with pytest.raises(NotFound):
            await get_ticket(sale.db, keys, buyer_of(sale), nothing)
