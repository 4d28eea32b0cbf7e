"""What a payment provider has to be able to do, and the words we share with it."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID

import msgspec

from boxoffice.kit.errors import Refusal


class UnsignedReport(Refusal, status=401):
    """This report does not carry the provider's signature, or it is too old."""


class FactKind(StrEnum):
    """CAPTURED: the money is ours. DECLINED: this attempt failed, the buyer may try again."""

    CAPTURED = "CAPTURED"
    DECLINED = "DECLINED"


class Fact(msgspec.Struct, frozen=True):
    """One thing a provider reports. The same `provider_event_id` means the same report, sent again."""

    provider_event_id: str
    kind: FactKind
    payment_id: UUID
    amount: int
    currency: str


class Charge(msgspec.Struct, frozen=True):
    """What the buyer is asked to pay, in minor units, and until when the places are held."""

    payment_id: UUID
    amount: int
    currency: str
    description: str
    hold_expires_at: datetime


class Provider(Protocol):
    """A payment provider. Calls that leave the house are never made inside a transaction."""

    name: str

    async def open_checkout(self, charge: Charge) -> str:
        """Start a checkout and give the address to send the buyer to; repeatable for one payment."""
        ...

    def read_report(self, headers: Mapping[str, str], body: bytes) -> Fact:
        """Verify a webhook on its raw bytes. Raises `UnsignedReport` or `InvalidInput`."""
        ...

    async def refund(self, payment_id: UUID, amount: int) -> None:
        """Give the money back; repeatable: the same payment is refunded once."""
        ...


class Providers:
    """The providers of this installation, by name; the first is the one used when none is named."""

    def __init__(self, *providers: Provider) -> None:
        self._by_name = {provider.name: provider for provider in providers}

    @property
    def names(self) -> list[str]:
        """Their names, the house's first choice first."""
        return list(self._by_name)

    def find(self, name: str) -> Provider | None:
        """The provider of this name."""
        return self._by_name.get(name)

    def get(self, name: str) -> Provider:
        """The provider of this name; raises `LookupError` for one that was switched off."""
        return self._by_name[name]
