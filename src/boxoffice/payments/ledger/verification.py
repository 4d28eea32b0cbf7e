"""`boxoffice ledger verify`: does the ledger balance, and do the tables say what it says?"""

import msgspec

from boxoffice.kit.errors import SetupError
from boxoffice.kit.postgres import Source
from boxoffice.payments.ledger import sum_queries
from boxoffice.payments.ledger import verification_queries as queries
from boxoffice.payments.ledger.verification_queries import Finding
from boxoffice.payments.payouts.verification_queries import list_false_payouts, list_organizers_with_payouts

# Each is one statement, so what it compares is of one moment.
_LOOKS = (
    queries.list_out_of_balance,
    queries.list_causes_without_movement,
    queries.list_refunds_without_movement,
    queries.list_false_bookings,
    queries.list_false_taxes,
    queries.list_false_authorisations,
    sum_queries.list_false_sums,
)


class Verified(msgspec.Struct, frozen=True):
    """How much was looked at, and what is wrong in words."""

    events: int
    movements: int
    faults: list[str]


async def verify_ledger(source: Source, event_id: int | None = None) -> Verified:
    """Compare one event or all, in seven looks, and the payouts to organizers; sales go on meanwhile.

    Raises `SetupError` for an event that is not there.
    """
    event_ids = await queries.list_events_with_payments(source, event_id)
    if event_id is not None and not event_ids and await queries.find_event_id(source, event_id) is None:
        raise SetupError(f"There is no event {event_id}: check its id.")
    movements, faults = 0, list[str]()
    for each in event_ids:
        movements += await queries.get_movement_count(source, each)
        for look in _LOOKS:
            faults += [_in_words(f"Event {each}", found) for found in await look(source, each)]
    for each in await list_organizers_with_payouts(source, event_id):
        faults += [_in_words(f"Organizer {each}", found) for found in await list_false_payouts(source, each)]
    return Verified(len(event_ids), movements, faults)


def _in_words(whose: str, found: Finding) -> str:
    return (
        f"{whose}, {found.what} {found.id}: expected {found.expected} {found.currency}, found {found.found}."
    )
