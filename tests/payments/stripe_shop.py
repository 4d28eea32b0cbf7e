"""A shop that is paid through Stripe, as its buyer, Stripe and its own background work see it."""

from typing import Any
from uuid import UUID

import httpx
import msgspec

from boxoffice.accounts.identity import Role
from boxoffice.kit.pace import Pace
from boxoffice.parts import Parts
from boxoffice.payments.asking import ask_providers
from boxoffice.payments.captures import CaptureDue, carry_out_capture
from boxoffice.payments.refunds.owing import RefundDue, carry_out_refund
from payments.baskets import Basket, headers_of
from payments.stripe_peer import WEBHOOK_SECRET, StripePeer, signed
from shows import insert_user, open_show


class Shop:
    """The application as a buyer and Stripe reach it, and its background work done by hand."""

    def __init__(self, client: httpx.AsyncClient, peer: StripePeer, parts: Parts) -> None:
        self.client = client
        self.peer = peer
        self.parts = parts

    async def hold(self, *, hold_seconds: int = 600, price: int = 2500, currency: str = "EUR") -> Basket:
        """Two seats for a new buyer."""
        show = await open_show(self.parts.db, price=price, hold_seconds=hold_seconds, currency=currency)
        buyer_id = await insert_user(self.parts.db)
        headers = headers_of(buyer_id)
        answer = await self.client.post(
            "/bookings", json={"event_id": show.event_id, "seat_ids": [3, 4]}, headers=headers
        )
        assert answer.status_code == 201, answer.text
        return Basket(show, buyer_id, UUID(answer.json()["id"]), headers)

    async def try_to_start(self, held: Basket) -> httpx.Response:
        """Start a payment."""
        return await self.client.post(
            f"/bookings/{held.booking_id}/payments", json={"provider": "stripe"}, headers=held.headers
        )

    async def start(self, held: Basket) -> str:
        """The id of a payment that was started."""
        answer = await self.try_to_start(held)
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    async def tell(self, event: dict[str, Any], *, age: int = 0, secret: str = WEBHOOK_SECRET) -> int:
        """Deliver a webhook; the status it is answered."""
        body, signature = signed(event, age=age, secret=secret)
        answer = await self.client.post(
            "/payment-events/stripe", content=body, headers={"Stripe-Signature": signature}
        )
        return answer.status_code

    async def states(self, held: Basket, payment_id: str) -> tuple[str, str]:
        """The states of the booking and of the payment."""
        booking = await self.client.get(f"/bookings/{held.booking_id}", headers=held.headers)
        payment = await self.client.get(f"/payments/{payment_id}", headers=held.headers)
        return booking.json()["state"], payment.json()["state"]

    async def capture(self, payment_id: str) -> None:
        """The job that takes what was authorised."""
        payload = msgspec.json.encode(CaptureDue(payment_id=UUID(payment_id)))
        await carry_out_capture(self.parts.db, self.parts.sales, self.parts.providers, payload)

    async def try_to_refund(self, held: Basket, **wanted: int) -> httpx.Response:
        """The organizer wants to give so much back, or all of it."""
        headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
        return await self.client.post(f"/bookings/{held.booking_id}/refunds", json=wanted, headers=headers)

    async def give_back(self, payment_id: str, refund_id: UUID | None = None) -> None:
        """The job that gives back: what came for nothing or is all that is left, or one refund of several."""
        payload = msgspec.json.encode(RefundDue(UUID(payment_id), refund_id))
        await carry_out_refund(self.parts.db, self.parts.providers, Pace(1_000), payload)

    async def ask(self, payment_id: str) -> None:
        """Ask Stripe, as if the time for this payment had come."""
        async with self.parts.db.transaction() as tx:
            await tx.execute(
                "UPDATE payments SET ask_at = now() WHERE id = $1 AND ask_at IS NOT NULL", UUID(payment_id)
            )
        await ask_providers(self.parts.desk, self.parts.sales, self.parts.providers)

    async def queued(self, job: str, payment_id: str) -> int:
        """How many jobs of this kind wait for the payment."""
        payloads = await self.parts.db.list(
            str, "SELECT convert_from(payload, 'UTF8') FROM pgqueuer WHERE entrypoint = $1", job
        )
        return sum(payment_id in payload for payload in payloads)
