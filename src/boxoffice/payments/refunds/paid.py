"""What was paid for bookings and is left of it, as far as it is known under the lock of their payments."""

from collections.abc import Mapping, Sequence
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import decode_levies
from boxoffice.inventory.parting import Part
from boxoffice.kit.postgres import Transaction
from boxoffice.payments.refunds.paid_queries import PaidRow, list_paid
from boxoffice.payments.refunds.tax_shares import Paid, Returned, shares_of_places

_decoder = msgspec.json.Decoder(list[Returned])


async def know_paid(
    tx: Transaction,
    event_id: int,
    booking_ids: Sequence[UUID],
    gone: Mapping[UUID, Sequence[Part]] | None = None,
) -> dict[UUID, Paid]:
    """By booking; the payments must be locked. `gone` are places that they lose in this very transaction."""
    rows = await list_paid(tx, event_id, booking_ids)
    return {row.id: _paid(row, (gone or {}).get(row.id, ())) for row in rows}


def _paid(row: PaidRow, gone: Sequence[Part]) -> Paid:
    levies = None if row.levies is None else decode_levies(row.levies)
    returned = [] if row.returned is None else _decoder.decode(row.returned)
    parts = [*gone, *(each.part for each in returned if each.part is not None)]
    return Paid(
        [
            shares_of_places(row.amounts, levies),
            *(shares_of_places(part.amounts, part.levies) for part in parts),
        ],
        returned,
        total=row.total,
        fees=sum(each.sum for each in levies.fees) if levies else 0,
        moved=row.taxes,
    )
