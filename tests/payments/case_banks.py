"""The two banks of the cases, Stripe's peer and the sandbox: what happens there, and what their books say."""

from typing import Any, Protocol
from uuid import UUID, uuid4

import msgspec

from boxoffice.payments.provider import FactKind
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
    """Where a buyer pays. What happens there is news until it is told."""

    name: str

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        """The buyer pays; the news of it."""
        ...

    async def decline(self, payment_id: str) -> Any:
        """The buyer cannot pay like this; the news of it."""
        ...

    async def tell(self, news: Any) -> int:
        """Report it to us; how it is answered."""
        ...

    async def books(self, payment_id: str) -> Books:
        """What became of the money, by the bank's own books."""
        ...


class AtStripe:
    """Stripe's peer: a card is authorised first, all else is captured at once."""

    name = "stripe"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        method = "card" if kind is FactKind.AUTHORISED else "customer_balance"
        return self.shop.peer.pay(payment_id, method=method, amount=amount, currency=currency.lower())

    async def decline(self, payment_id: str) -> Any:
        return self.shop.peer.decline(payment_id)

    async def tell(self, news: Any) -> int:
        return await self.shop.tell(news)

    async def books(self, payment_id: str) -> Books:
        peer = self.shop.peer
        intent = peer.intent_of(payment_id)
        refunds = [each["amount"] for each in peer.refunds if each["payment_intent"] == intent["id"]]
        dispute = peer.disputes.get(intent["id"], {"status": "won"})
        return Books(
            intent["amount_received"],
            sum(refunds),
            0 if dispute["status"] == "won" else dispute["amount"],
            intent["amount_capturable"],
        )


class AtTheSandbox:
    """The sandbox, which captures at once. Its reports come through us, at the moment that the case wants."""

    name = "sandbox"

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    async def pay(self, payment_id: str, amount: int, currency: str, kind: FactKind) -> Any:
        async with self.shop.parts.db.transaction() as tx:
            await tx.execute(
                """
                INSERT INTO sandbox_checkouts (payment_id, amount, currency, state, charge, paid_at)
                VALUES ($1, $2, $3, 'PAID', $1, now())
                """,
                UUID(payment_id),
                amount,
                currency,
            )
        return _report(payment_id, amount, currency, kind)

    async def decline(self, payment_id: str) -> Any:
        return _report(payment_id, 0, "EUR", FactKind.DECLINED)

    async def tell(self, news: Any) -> int:
        return (await tell(self.shop.client, news)).status_code

    async def books(self, payment_id: str) -> Books:
        found = await self.shop.parts.db.find(
            Books,
            """
            SELECT amount AS received,
                   (SELECT coalesce(sum(refund.amount), 0)::bigint
                      FROM sandbox_refunds AS refund
                     WHERE refund.payment_id = checkout.payment_id) AS back
              FROM sandbox_checkouts AS checkout
             WHERE payment_id = $1
            """,
            UUID(payment_id),
        )
        return found or Books()


def _report(payment_id: str, amount: int, currency: str, kind: FactKind) -> bytes:
    news = {
        "id": str(uuid4()),
        "kind": kind,
        "payment_id": payment_id,
        "amount": amount,
        "currency": currency,
    }
    return msgspec.json.encode(news)
