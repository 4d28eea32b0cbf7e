"""Short ways to sell in tests."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from boxoffice.inventory.commands import Booking, Command, Confirm, Held, Hold, Outcome, Payment
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.queries import lock_inventory
from boxoffice.kit.errors import Refusal
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.payments.queries import NewPaymentRow, insert_payments


async def hold(
    sales: GroupCommit,
    event_id: int,
    buyer_id: int,
    seat_ids: Sequence[int] = (),
    area_ids: Sequence[int] = (),
) -> Booking:
    """Hold places; raises the refusal."""
    outcome = await sales.submit(event_id, Hold(new_id(event_id), buyer_id, tuple(seat_ids), tuple(area_ids)))
    assert isinstance(outcome, Held)
    return outcome.booking


async def answer(sales: GroupCommit, event_id: int, command: Command) -> Outcome | Refusal:
    """The outcome, or the refusal as a value."""
    try:
        return await sales.submit(event_id, command)
    except Refusal as refusal:
        return refusal


def paid(booking: Booking, payment_id: UUID, *, amount: int | None = None, currency: str = "EUR") -> Confirm:
    """The command that a captured payment becomes."""
    given = booking.total if amount is None else amount
    return Confirm(booking.id, Payment(payment_id, given, currency, "sandbox", f"report-{payment_id}"))


async def new_payment(db: Database, booking: Booking) -> UUID:
    """A payment that was asked for: whatever is reported of it, late or not, has a row to be written to."""
    payment_id = new_id(booking.event_id)
    payment = NewPaymentRow(
        event_id=booking.event_id,
        id=payment_id,
        booking_id=booking.id,
        provider="sandbox",
        amount=booking.total,
        currency=booking.currency,
        checkout_url="http://localhost/pay",
        reference=None,
        ask_at=None,
    )
    await insert_payments(db, [payment])
    return payment_id


@asynccontextmanager
async def locked_by_somebody_else(db: Database, event_id: int) -> AsyncGenerator[None]:
    """While the block lasts, another process has the event's turn."""
    locked, done = asyncio.Event(), asyncio.Event()

    async def keep() -> None:
        async with db.transaction() as tx:
            await lock_inventory(tx, event_id)
            locked.set()
            await done.wait()

    keeper = asyncio.create_task(keep())
    await locked.wait()
    try:
        yield
    finally:
        done.set()
        await keeper
