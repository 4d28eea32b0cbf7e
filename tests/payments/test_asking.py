"""Which payments a provider is asked about, and that asking stands in nobody's way."""

import asyncio
from contextvars import Context
from datetime import UTC, datetime, timedelta
from uuid import UUID

from boxoffice.inventory.commands import Confirm, Payment
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments import queries
from boxoffice.payments.checkout import ASKED_BEFORE_EXPIRY
from boxoffice.payments.queries import DueToAsk, NewPaymentRow
from payments.conftest import Basket, Holder

# Nobody else asks it, now or in a minute.
_PROVIDER = "elsewhere"

# Far more than the other tests of a process leave behind.
_ALL = 10_000


async def _open_payment(db: Database, held: Basket) -> UUID:
    """A payment at a provider out of the house that is due to be asked about."""
    event_id = held.show.event_id
    payment = NewPaymentRow(
        event_id=event_id,
        id=new_id(event_id),
        booking_id=held.booking_id,
        provider=_PROVIDER,
        amount=5000,
        currency="EUR",
        checkout_url=None,
        reference="pi_1",
        ask_at=datetime.now(UTC) - timedelta(seconds=1),
    )
    await queries.insert_payments(db, [payment])
    return payment.id


async def _claim(db: Database) -> dict[UUID, DueToAsk]:
    async with db.transaction() as tx:
        found = await queries.claim_payments_to_ask_about(tx, [_PROVIDER], _ALL, 60, ASKED_BEFORE_EXPIRY)
    return {payment.payment_id: payment for payment in found}


async def test_whoever_asks_does_not_wait_for_a_payment_that_a_batch_is_writing(db: Database, basket: Holder):
    held = await basket()
    written, other = await _open_payment(db, held), await _open_payment(db, held)

    async with db.transaction() as tx, asyncio.timeout(5):
        await queries.update_declined(tx, held.show.event_id, [written])
        first = await asyncio.create_task(_claim(db), context=Context())
        # The batch goes on to what was claimed meanwhile: had we waited for it, both would wait for ever.
        await queries.update_declined(tx, held.show.event_id, [other])

    assert first.keys() & {written, other} == {other}
    assert (await _claim(db)).keys() & {written, other} == {written}


async def test_a_hold_that_was_renewed_is_asked_about_before_its_end_too(db: Database, basket: Holder):
    """By its payment's age it would be asked about an hour later."""
    held = await basket()
    payment_id = await _open_payment(db, held)
    old = "UPDATE payments SET created_at = now() - interval '2 hours' WHERE event_id = $1"
    async with db.transaction() as tx:
        await tx.execute(old, held.show.event_id)

    await _claim(db)

    before_its_end = """
        SELECT extract(epoch FROM expires_at - ask_at)::integer
          FROM bookings JOIN payments ON payments.booking_id = bookings.id
         WHERE payments.event_id = $1 AND payments.id = $2
        """
    seconds = await db.get(int, before_its_end, held.show.event_id, payment_id)
    assert seconds == ASKED_BEFORE_EXPIRY.total_seconds()


async def test_a_second_checkout_of_what_was_paid_for_an_hour_ago_is_abandoned(
    db: Database, basket: Holder, parts: Parts
):
    held = await basket()
    bought, second = await _open_payment(db, held), await _open_payment(db, held)
    event_id = held.show.event_id
    await parts.sales.submit(
        event_id,
        Confirm(held.booking_id, Payment(bought, 5000, "EUR", _PROVIDER, "evt_1", captured=True)),
    )

    assert not (await _claim(db))[second].is_abandoned
    async with db.transaction() as tx:
        await tx.execute(
            "UPDATE bookings SET changed_at = now() - interval '61 minutes' WHERE id = $1", held.booking_id
        )
        await tx.execute("UPDATE payments SET ask_at = now() WHERE id = $1", second)
    assert (await _claim(db))[second].is_abandoned
