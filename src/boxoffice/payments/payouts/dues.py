"""What is due to organizers, for whoever pays it."""

from datetime import datetime

import msgspec

from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Source
from boxoffice.payments.payouts import queries


class Due(msgspec.Struct, frozen=True):
    """What is due to an organizer in one currency, since when; below 0 they owe it."""

    organizer_id: int
    name: str
    email: str
    amount: Money
    since: datetime

    @property
    def position(self) -> tuple[int, str]:
        """Its place in the list."""
        return self.organizer_id, self.amount.currency


async def list_dues(source: Source, after: tuple[int, str] | None, limit: int) -> list[Due]:
    """What is due, by organizer and currency, from the next place on."""
    return [
        Due(row.organizer_id, row.name, row.email, Money(row.amount, row.currency), row.since)
        for row in await queries.list_dues(source, *(after or (0, "")), limit)
    ]
