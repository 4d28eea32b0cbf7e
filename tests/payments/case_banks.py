"""The two banks of the cases, Stripe's peer and the sandbox: what happens there, and what their books say."""

from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

import msgspec

from boxoffice.kit.ids import event_of, new_id
from boxoffice.kit.postgres import Transaction
from boxoffice.payments.provider import DisputeState, FactKind, Provider
from boxoffice.payments.sandbox import queries
from boxoffice.payments.sandbox.queries import CheckoutState
from boxoffice.payments.sandbox.reports import Report, reference_of
from payments.stripe_shop import Shop
from payments.test_payments import tell


class Books(msgspec.Struct, frozen=True):
    """What a bank has had of a payment, in minor units.

    `taken` is in the hands of the buyer's bank, which disputes it; `waits` is only authorised.
    """

    received: int = 0
    back: int = 0
    taken: int = 0
    waits: int = 0


class Bank(Protocol):
    """Where a buyer pays. Whatever happens there is news, until it is told."""

    provider: Provider

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        """The buyer pays."""
        ...

    async def decline(self, payment_id: str) -> Any:
        """The buyer cannot pay like this."""
        ...

    async def let_go(self, payment_id: str) -> Any:
        """What was authorised is gone."""
        ...

    async def dispute(self, payment_id: str, state: DisputeState, amount: int | None) -> Any:
        """The buyer's bank disputes all, or so much, or has decided."""
        ...

    def about_nothing(self, news: Any, payment_id: str, booking_id: str) -> Any:
        """The same news, of a payment and a booking that are not ours."""
        ...

    async def tell(self, news: Any) -> int:
        """Report it to us; how it is answered."""
        ...

    async def books(self, payment_id: str) -> Books:
        """What became of the money, by the bank's own books."""
        ...

    async def opened_at(self, payment_id: str) -> datetime:
        """When the bank first knew of the payment."""
        ...

    def reference(self, payment_id: str) -> str:
        """The bank's own name for it."""
        ...


class AtStripe:
    """Stripe's peer."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.provider = shop.parts.providers.get("stripe")

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        method = "card" if kind is FactKind.AUTHORISED else "customer_balance"
        return self.shop.peer.pay(payment_id, method=method, amount=amount, currency=currency.lower())

    async def decline(self, payment_id: str) -> Any:
        return self.shop.peer.decline(payment_id)

    async def let_go(self, payment_id: str) -> Any:
        return self.shop.peer.expire_authorisation(payment_id)

    async def dispute(self, payment_id: str, state: DisputeState, amount: int | None) -> Any:
        status = "needs_response" if state is DisputeState.OPEN else state.lower()
        return self.shop.peer.dispute(payment_id, status, amount=amount)

    def about_nothing(self, news: Any, payment_id: str, booking_id: str) -> Any:
        # As the event tells it; the peer's books keep what they were opened with.
        metadata = {"boxoffice_payment_id": payment_id, "boxoffice_booking_id": booking_id}
        return {**news, "data": {"object": {**news["data"]["object"], "metadata": metadata}}}

    async def tell(self, news: Any) -> int:
        return await self.shop.tell(news)

    async def books(self, payment_id: str) -> Books:
        peer = self.shop.peer
        intent = peer.intent_of(payment_id)
        refunds = [
            each["amount"]
            for each in peer.refunds
            if each["payment_intent"] == intent["id"] and each["status"] == "succeeded"
        ]
        dispute = peer.disputes.get(intent["id"], {"status": "won"})
        return Books(
            intent["amount_received"],
            sum(refunds),
            0 if dispute["status"] == "won" else dispute["amount"],
            intent["amount_capturable"],
        )

    async def opened_at(self, payment_id: str) -> datetime:
        return datetime.fromtimestamp(self.shop.peer.intent_of(payment_id)["created"], UTC)

    def reference(self, payment_id: str) -> str:
        return self.shop.peer.intent_of(payment_id)["id"]


class AtTheSandbox:
    """The sandbox's books. Its reports come through us, at the moment that the case wants."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.provider = shop.parts.providers.get("sandbox")

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        id_ = UUID(payment_id)
        state = CheckoutState.AUTHORISED if kind is FactKind.AUTHORISED else CheckoutState.PAID
        booking_id = await self._booking_of(id_)
        async with self.shop.parts.db.transaction() as tx:
            await queries.insert_checkout(tx, id_, booking_id, amount, currency)
            await queries.update_paid(tx, id_, state, uuid4(), amount, currency, timedelta(0))
        return _report(id_, amount, currency, kind, booking_id)

    async def decline(self, payment_id: str) -> Any:
        return _report(UUID(payment_id), 0, "EUR", FactKind.DECLINED)

    async def let_go(self, payment_id: str) -> Any:
        id_ = UUID(payment_id)
        async with self.shop.parts.db.transaction() as tx:
            await queries.update_state(tx, id_, CheckoutState.CLOSED)
        return _report(id_, 0, "EUR", FactKind.CANCELLED)

    async def dispute(self, payment_id: str, state: DisputeState, amount: int | None) -> Any:
        id_ = UUID(payment_id)
        async with self.shop.parts.db.transaction() as tx:
            gone = await queries.get_gone(tx, id_)
            dispute_id = gone.open_dispute_id or await self._open(tx, id_, amount)
            if state is not DisputeState.OPEN:
                await queries.update_dispute_closed(tx, id_, state)
            row = await queries.find_dispute(tx, dispute_id)
        assert row is not None
        return msgspec.json.encode(Report(str(row.id), id_, row.amount, row.currency, dispute=state))

    def about_nothing(self, news: Any, payment_id: str, booking_id: str) -> Any:
        report = msgspec.json.decode(news, type=Report)
        changes = {"payment_id": UUID(payment_id), "booking_id": UUID(booking_id)}
        return msgspec.json.encode(msgspec.structs.replace(report, **changes))

    async def tell(self, news: Any) -> int:
        return (await tell(self.shop.client, news)).status_code

    async def books(self, payment_id: str) -> Books:
        found = await self.shop.parts.db.find(
            Books,
            """
            SELECT CASE WHEN state IN ('PAID', 'REFUNDED') THEN amount ELSE 0 END AS received,
                   CASE WHEN state = 'AUTHORISED' THEN amount ELSE 0 END AS waits,
                   (SELECT coalesce(sum(refund.amount), 0)::bigint
                      FROM sandbox_refunds AS refund
                     WHERE refund.payment_id = checkout.payment_id) AS back,
                   (SELECT coalesce(sum(dispute.amount), 0)::bigint
                      FROM sandbox_disputes AS dispute
                     WHERE dispute.payment_id = checkout.payment_id AND dispute.state <> 'WON') AS taken
              FROM sandbox_checkouts AS checkout
             WHERE payment_id = $1
            """,
            UUID(payment_id),
        )
        return found or Books()

    async def opened_at(self, payment_id: str) -> datetime:
        opened = "SELECT opened_at FROM sandbox_checkouts WHERE payment_id = $1"
        return await self.shop.parts.db.get(datetime, opened, UUID(payment_id))

    def reference(self, payment_id: str) -> str:
        return reference_of(UUID(payment_id))

    async def _booking_of(self, payment_id: UUID) -> UUID:
        """The first of its event: a checkout carries it, also where we have forgotten the payment."""
        first = "SELECT id FROM bookings WHERE event_id = $1 ORDER BY created_at LIMIT 1"
        return await self.shop.parts.db.get(UUID, first, event_of(payment_id))

    async def _open(self, tx: Transaction, payment_id: UUID, amount: int | None) -> UUID:
        row = await queries.lock_checkout(tx, payment_id)
        assert row is not None
        dispute_id = new_id(event_of(payment_id))
        await queries.insert_dispute(tx, dispute_id, payment_id, row.amount if amount is None else amount)
        return dispute_id


def _report(
    payment_id: UUID, amount: int, currency: str, kind: FactKind, booking_id: UUID | None = None
) -> bytes:
    reference = reference_of(payment_id)
    report = Report(
        str(uuid4()), payment_id, amount, currency, kind, booking_id=booking_id, reference=reference
    )
    return msgspec.json.encode(report)
