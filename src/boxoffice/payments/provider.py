"""What a payment provider has to be able to do, and the words we share with it."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from boxoffice.kit.errors import Refusal, Unavailable


class UnsignedReport(Refusal, status=401):
    """This report does not carry the provider's signature, or it is too old."""


class CheckoutGone(Refusal, status=409):
    """The provider does not know the checkout of this payment any more. Cancel the booking and hold anew."""


class ProviderFault(Unavailable):
    """The provider says that something is broken there, and may say so for a day to whoever asks it the same.

    What was asked for may be done or not.
    """


class NotCapturable(Exception):  # noqa: N818  a fact about money, not a fault
    """What was authorised can never be captured: the authorisation is over or was taken back."""


class NotRefundable(Exception):  # noqa: N818  a fact about money, not a fault
    """The provider has understood what is to be given back, and refuses; the message is its reason.

    It was not made, and whoever comes with the same key is told the same. A refusal that `passes` ends by
    itself: the bank has the money for now, or the balance is too low.
    """

    def __init__(self, reason: str, *, passes: bool = False) -> None:
        super().__init__(reason)
        self.passes = passes


class FactKind(StrEnum):
    """CAPTURED: the money is ours. AUTHORISED: it is ours for the asking, for some days.

    DECLINED: this attempt failed, the buyer may try again. CANCELLED: nobody can pay here any more.
    """

    AUTHORISED = "AUTHORISED"
    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"
    CANCELLED = "CANCELLED"


class Fact(msgspec.Struct, frozen=True):
    """One thing a provider reports. The same `provider_event_id` means the same report, sent again.

    `booking_id` and the provider's own `reference` are enough to write the payment down where it is not.
    """

    provider_event_id: str
    kind: FactKind
    payment_id: UUID
    amount: int
    currency: str
    booking_id: UUID | None = None
    reference: str | None = None


class DisputeState(StrEnum):
    """OPEN: the bank has the money until it decides. WON: it came back. LOST: the buyer has it."""

    OPEN = "OPEN"
    WON = "WON"
    LOST = "LOST"


class DisputeFact(msgspec.Struct, frozen=True):
    """How a dispute stands, by the provider's own ids of it and of the payment; reported in any order."""

    reference: str
    payment_reference: str
    state: DisputeState
    amount: int
    currency: str
    reason: str


class RefundFact(msgspec.Struct, frozen=True):
    """A refund as the provider has it, by its own ids of it and of the payment.

    `refund_id` is ours; None: somebody made it there by hand. With a `failure` its money has come back; when
    that `is_final`, whoever tries again will hear the same.
    """

    reference: str
    payment_reference: str
    amount: int
    currency: str
    refund_id: UUID | None = None
    failure: str | None = None
    is_final: bool = False


class ForeignMoney(msgspec.Struct, frozen=True):
    """Money that was paid to the same account for something that is not of this house."""

    reference: str
    amount: int
    currency: str


Report = Fact | DisputeFact | RefundFact | ForeignMoney


class Charge(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the buyer is asked to pay, in minor units, and until when the places are held.

    `reference` is the provider's own id of a checkout that is open already.
    """

    payment_id: UUID
    amount: int
    currency: str
    description: str
    hold_expires_at: datetime
    reference: str | None = None
    booking_id: UUID | None = None


class OpenCheckout(msgspec.Struct, frozen=True):
    """Where the buyer pays: an address of the provider, or a secret for its library in the shop's page.

    `reference` is the provider's own id of it.
    """

    reference: str
    url: str | None = None
    client_secret: str | None = None


class Asked(msgspec.Struct, frozen=True):
    """A payment we have asked for, as the provider has to know it; `reference` is the provider's id."""

    payment_id: UUID
    provider: str
    reference: str | None
    amount: int
    currency: str


class DueRefund(Asked, frozen=True):
    """A refund that is owed: `amount` of what was `captured`; nothing was, where it was only authorised.

    Each attempt has a key of its own: `attempt_id`, or, of the first, the refund's id.
    """

    refund_id: UUID
    captured: int
    attempt_id: UUID | None = None


class Listed(msgspec.Struct, frozen=True):
    """A payment as the provider's books have it, and what they say of it."""

    reference: str
    report: Fact | ForeignMoney


class Provider(Protocol):
    """A payment provider: it may authorise first, its reports can be lost, it keeps books of its own.

    Calls to it are never made inside a transaction. Every call may be repeated, also after we died in the
    middle of it, and raises `Unavailable` when there is no answer.
    """

    name: str

    async def open_checkout(self, charge: Charge) -> OpenCheckout:
        """Start a checkout; for one payment always the same. Raises `ProviderFault`."""
        ...

    def read_report(self, headers: Mapping[str, str], body: bytes) -> Report | None:
        """Verify a webhook on its raw bytes. None when it does not concern us.

        Raises `UnsignedReport` or `InvalidInput`.
        """
        ...

    async def ask(self, payment: Asked) -> Fact | None:
        """What has become of the payment; None while it is open."""
        ...

    async def capture(self, payment: Asked) -> None:
        """Take the money that was authorised. Raises `NotCapturable`."""
        ...

    async def give_back(self, refund: DueRefund) -> RefundFact | None:
        """Void the authorisation, or give the amount back: the same attempt once, and never what is there
        already of this refund. Raises `NotRefundable`.
        """
        ...

    async def close_checkout(self, payment: Asked) -> Fact | None:
        """See to it that nobody can pay there any more; the fact that this, or a buyer, has made."""
        ...

    async def list_money(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[Listed], str | None]:
        """Some payments with money, opened from `since` to before `until`, and where the next page begins."""
        ...

    async def list_disputes(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[DisputeFact], str | None]:
        """Some disputes, opened from `since` to before `until`, and where the next page begins."""
        ...

    async def ask_about_dispute(self, reference: str) -> DisputeFact | None:
        """How this dispute stands; None where the provider does not know it, or says nothing of money."""
        ...

    async def list_refunds(self, payment: Asked) -> list[RefundFact]:
        """All refunds of a payment, whoever made them, those that failed included."""
        ...

    async def list_refunds_made(
        self, since: datetime, until: datetime, after: str | None
    ) -> tuple[list[RefundFact], str | None]:
        """Some refunds made from `since` to before `until`, and where the next page begins."""
        ...


class Providers:
    """The providers of this installation, by name; the first is the one used when none is named."""

    def __init__(self, *providers: Provider) -> None:
        self._by_name = {provider.name: provider for provider in providers}

    @property
    def names(self) -> list[str]:
        """Their names, the house's first choice first."""
        return list(self._by_name)

    def __iter__(self) -> Iterator[Provider]:
        """Each of them."""
        return iter(self._by_name.values())

    def find(self, name: str) -> Provider | None:
        """The provider of this name."""
        return self._by_name.get(name)

    def get(self, name: str) -> Provider:
        """The provider of this name; raises `LookupError` for one that was switched off."""
        return self._by_name[name]
