"""Another seat map for an event on sale: say what it would change, or change it."""

from collections import Counter
from collections.abc import Sequence

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.event_changes import EventHasChanged
from boxoffice.catalog.events import get_any_event
from boxoffice.catalog.schemas import Event
from boxoffice.catalog.seat_maps.of_events import Plan, forget_seat_map, plan_seat_map, store_seat_map
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.inventory.changes import SeatMapChanged
from boxoffice.inventory.commands import ChangeSeatMap
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.refusals import PlacesInTheWay
from boxoffice.inventory.rules import decide
from boxoffice.inventory.seat_map_changes.schemas import (
    SEATS_LISTED_MAX,
    AreaChange,
    CategoryMove,
    SeatList,
    SeatMapDifference,
    SeatSpot,
    WantedSeatMap,
)
from boxoffice.kit.errors import InvalidInput, Refusal
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database

# Stands for the map that a preview does not store.
_NOT_STORED = 0


async def preview_seat_map(
    db: Database,
    sales: GroupCommit,
    user: Identity,
    event_id: int,
    wanted: WantedSeatMap,
    if_match: str | None,
) -> tuple[SeatMapDifference, Event]:
    """What the change would do, and whether it would be made at this moment. Nothing is written.

    Raises what `plan_seat_map` raises.
    """
    plan = await plan_seat_map(db, user, event_id, wanted.seat_map_id, wanted.prices, if_match)
    try:
        await _refuse_what_is_in_the_way(sales, plan)
    except PlacesInTheWay as refusal:
        return _difference(plan, plan.event, refusal), plan.event
    return _difference(plan, plan.event), plan.event


async def change_seat_map(
    db: Database,
    sales: GroupCommit,
    user: Identity,
    event_id: int,
    wanted: WantedSeatMap,
    if_match: str | None,
) -> tuple[SeatMapDifference, Event]:
    """Have the event sell the wanted map from now on; twice is the same as once.

    Raises what `plan_seat_map` raises, `PlacesInTheWay`, `EventHasChanged`, `EventCancelled`.
    """
    plan = await plan_seat_map(db, user, event_id, wanted.seat_map_id, wanted.prices, if_match)
    if plan.is_done:
        return _difference(plan, plan.event), plan.event
    if plan.unpriced:
        raise InvalidInput(errors=plan.unpriced)
    # Asked beforehand, so that nothing is stored for a change that is refused. What counts is the answer
    # under the lock.
    await _refuse_what_is_in_the_way(sales, plan)
    seat_map_id = await store_seat_map(db, plan)
    # Read while nobody waits: the next batch needs it under the event's lock.
    await get_seat_map(db, seat_map_id)
    try:
        outcome = await sales.submit(event_id, command_from(plan, seat_map_id))
    except Refusal:
        # Only then: after an `Unavailable` nobody knows, and a map that no event has harms nobody.
        await forget_seat_map(db, event_id, seat_map_id)
        raise
    if not isinstance(outcome, SeatMapChanged):
        raise TypeError(f"a change of the seat map was expected, not {outcome!r}")
    event = await get_any_event(db, event_id)
    return _difference(plan, event), event


async def _refuse_what_is_in_the_way(sales: GroupCommit, plan: Plan) -> None:
    """Decide it over the inventory as it is committed, with the rule that decides under the lock."""
    inventory = await sales.observe(plan.event.id)
    if (inventory.terms.revision, inventory.seat_map.id) != (plan.event.revision, plan.event.seat_map_id):
        raise EventHasChanged(revision=inventory.terms.revision)
    command = command_from(plan, _NOT_STORED)
    for outcome in decide(inventory, [command], {}, inventory.looked_at).outcomes:
        if isinstance(outcome, Refusal):
            raise outcome


def command_from(plan: Plan, seat_map_id: int) -> ChangeSeatMap:
    """What the event's next batch is asked."""
    merged = plan.merged
    return ChangeSeatMap(
        change=SeatMapChanged(
            before_id=plan.event.seat_map_id,
            seat_map_id=seat_map_id,
            seat_count=merged.document.seat_count,
            withdrawn_seat_ids=tuple(merged.removed),
            restored_seat_ids=tuple(merged.restored),
            areas=tuple([(area.id, area.capacity) for area in merged.document.areas]),
        ),
        revision=plan.event.revision,
        prices=plan.prices,
    )


def _difference(plan: Plan, event: Event, in_the_way: PlacesInTheWay | None = None) -> SeatMapDifference:
    merged = plan.merged
    return SeatMapDifference(
        event_id=event.id,
        revision=event.revision,
        seat_map_id=event.seat_map_id,
        wanted_seat_map_id=plan.wanted_id,
        is_possible=in_the_way is None and not plan.unpriced,
        kept=merged.kept,
        moved=_listed(plan, merged.moved),
        added=_listed(plan, merged.added),
        removed=_listed(plan, merged.removed),
        categories=_categories(plan),
        areas=[
            AreaChange(area.id, area.name, area.capacity_before, area.capacity)
            for area in merged.areas
            if area.capacity_before != area.capacity
        ],
        seats_in_the_way=in_the_way.seats if in_the_way else [],
        seats_in_the_way_count=in_the_way.seat_count if in_the_way else 0,
        areas_in_the_way=in_the_way.areas if in_the_way else [],
        errors=plan.unpriced,
    )


def _listed(plan: Plan, seat_ids: Sequence[int]) -> SeatList:
    listed = [SeatSpot(seat_id, *plan.merged.written[seat_id]) for seat_id in seat_ids[:SEATS_LISTED_MAX]]
    return SeatList(len(seat_ids), listed)


def _categories(plan: Plan) -> list[CategoryMove]:
    merged, prices, currency = plan.merged, plan.all_prices, plan.event.currency
    pairs = Counter((before, merged.category_of[seat]) for seat, before in merged.category_before.items())
    return [
        CategoryMove(
            before, category, count, _price(prices, before, currency), _price(prices, category, currency)
        )
        for (before, category), count in pairs.items()
    ]


def _price(prices: dict[str, int], category: str, currency: str) -> Money | None:
    return Money(prices[category], currency) if category in prices else None
