"""Setting cancellation policies, between two batches: what is booked before has the one before."""

from collections.abc import Mapping
from datetime import datetime

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.cancellation_policy import CancellationPolicy, faults_of_policy
from boxoffice.catalog.event_changes import EventIsCancelled, lock_own_event, renew_terms
from boxoffice.catalog.events import get_any_event, keep_policy
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.series.nights import list_on_sale, lock_nights
from boxoffice.catalog.series.schemas import Nights
from boxoffice.inventory import batch
from boxoffice.kit.errors import InvalidInput, Unavailable
from boxoffice.kit.postgres import Database, Transaction


async def put_policy(
    db: Database, user: Identity, event_id: int, policy: CancellationPolicy
) -> CancellationPolicy:
    """Have this policy for bookings from now on. Raises `NotFound`, `InvalidInput`, `EventIsCancelled`."""
    _check(policy)
    async with db.transaction() as tx:
        on_sale = (await get_any_event(tx, event_id)).state is EventState.PUBLISHED
        turns = await _take_turns(tx, [event_id] if on_sale else [])
        event = await lock_own_event(tx, user, event_id)
        if event.state == EventState.CANCELLED:
            raise EventIsCancelled
        await _keep(tx, {event_id: EventState(event.state)}, turns, event.now, policy)
    return policy


async def put_policy_of_series(
    db: Database, user: Identity, series_id: int, policy: CancellationPolicy
) -> Nights:
    """The same for every event of a series that is neither cancelled nor begun; all of their sales wait for
    it, some milliseconds for each. Raises `NotFound`, `InvalidInput`.
    """
    _check(policy)
    async with db.transaction() as tx:
        turns = await _take_turns(tx, await list_on_sale(tx, user, series_id))
        nights, now = await lock_nights(tx, user, series_id)
        await _keep(tx, {night.id: night.state for night in nights}, turns, now, policy)
    return Nights([night.id for night in nights])


def _check(policy: CancellationPolicy) -> None:
    if faults := list(faults_of_policy(policy)):
        raise InvalidInput(errors=faults)


async def _take_turns(tx: Transaction, event_ids: list[int]) -> dict[int, datetime]:
    """The turns of events on sale, by id, and what time it is in each; before the lock of any event, as a
    batch that changes a seat map has it.

    Batches tell the time under this lock: a booking is clearly before the policy or after it.
    """
    return {event_id: (await batch.lock_event(tx, event_id)).now for event_id in event_ids}


async def _keep(
    tx: Transaction,
    states: Mapping[int, EventState],
    turns: Mapping[int, datetime],
    now: datetime,
    policy: CancellationPolicy,
) -> None:
    if any(state is EventState.PUBLISHED and event_id not in turns for event_id, state in states.items()):
        raise Unavailable("This was put on sale a moment ago. Try again shortly.")
    await keep_policy(tx, {event_id: turns.get(event_id, now) for event_id in states}, policy)
    await renew_terms(tx, *states)
