"""An audience that has paid at the sandbox, made by the hundred, and an organizer who cancels."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import msgspec

from boxoffice.accounts.identity import Role
from boxoffice.catalog.cancelling import CancelledEvent
from boxoffice.inventory.commands import Booking, Confirm, Held, Hold, Payment
from boxoffice.kit.ids import new_id
from boxoffice.kit.pace import Pace
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments.refunds.owing import RefundDue, carry_out_refund
from inventory.selling import new_payment
from payments.conftest import headers_of
from shows import Show

# So many buyers come at once: fewer than a line takes.
AT_ONCE = 1_000


class Sold(msgspec.Struct, frozen=True):
    """A booking and the payment for it."""

    booking: Booking
    payment_id: UUID

    def report(self, *, captured: bool = True) -> Confirm:
        """What the provider says about it."""
        return Confirm(
            self.booking.id,
            Payment(
                self.payment_id,
                self.booking.total,
                self.booking.currency,
                "sandbox",
                f"report-{self.payment_id}",
                captured=captured,
            ),
        )


async def hold_and_start_to_pay(parts: Parts, show: Show, seat_id: int) -> Sold:
    """A buyer of one seat, who has paid at the sandbox; the report of it is on its way."""
    held = await parts.sales.submit(show.event_id, Hold(new_id(show.event_id), seat_id + 1, (seat_id,)))
    assert isinstance(held, Held)
    return Sold(held.booking, await new_payment(parts.db, held.booking))


async def pay_at_the_sandbox(db: Database, sold: list[Sold]) -> None:
    """The money is at the sandbox, whose books say so."""
    async with db.transaction() as tx:
        await tx.execute(
            """
            INSERT INTO sandbox_checkouts (payment_id, amount, currency, state, charge)
            SELECT payment_id, amount, 'EUR', 'PAID', payment_id
              FROM unnest($1::uuid[], $2::bigint[]) AS paid (payment_id, amount)
            """,
            [each.payment_id for each in sold],
            [each.booking.total for each in sold],
        )


async def sell(parts: Parts, show: Show, seats: int) -> list[Sold]:
    """Sell seats 0 to `seats`, one to each buyer; all are paid."""
    sold: list[Sold] = []
    for first in range(0, seats, AT_ONCE):
        chunk = await asyncio.gather(
            *[hold_and_start_to_pay(parts, show, seat) for seat in range(first, min(first + AT_ONCE, seats))]
        )
        await pay_at_the_sandbox(parts.db, chunk)
        await asyncio.gather(*[parts.sales.submit(show.event_id, each.report()) for each in chunk])
        sold += chunk
    return sold


async def payments_by_state(db: Database, event_id: int) -> dict[str, int]:
    """How many payments of the event are in each state."""
    rows = await db.list(
        _Count,
        "SELECT state, count(*) AS count FROM payments WHERE event_id = $1 GROUP BY state",
        event_id,
    )
    return {row.state: row.count for row in rows}


async def refunds_at_the_sandbox(db: Database, sold: list[Sold]) -> int:
    """How many of these payments the sandbox has given back."""
    return await db.get(
        int,
        "SELECT count(*) FROM sandbox_checkouts WHERE payment_id = ANY ($1::uuid[]) AND state = 'REFUNDED'",
        [each.payment_id for each in sold],
    )


async def cancel(client: httpx.AsyncClient, show: Show) -> dict[str, Any]:
    """Cancel the show as its organizer."""
    headers = headers_of(show.organizer_id, Role.ORGANIZER)
    answer = await client.post(f"/events/{show.event_id}/cancel", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def progress(client: httpx.AsyncClient, show: Show) -> dict[str, Any]:
    """How far it has come, as its organizer sees it."""
    headers = headers_of(show.organizer_id, Role.ORGANIZER)
    answer = await client.get(f"/events/{show.event_id}/cancellation", headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def job_of(show: Show) -> bytes:
    """The job that cancelling has enqueued."""
    return msgspec.json.encode(CancelledEvent(show.event_id))


async def refund_all(parts: Parts, show: Show) -> None:
    """Do the refund jobs of this event by hand, each twice."""
    due = await parts.db.list(
        UUID, "SELECT payment_id FROM refunds WHERE event_id = $1 AND state = 'DUE'", show.event_id
    )
    pace = Pace(100_000)
    for payment_id in due * 2:
        await carry_out_refund(parts.db, parts.providers, pace, msgspec.json.encode(RefundDue(payment_id)))


class _Count(msgspec.Struct, frozen=True):
    state: str
    count: int
