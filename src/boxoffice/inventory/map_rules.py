"""The rule of changing the seat map of an event that is on sale. Pure, like `rules`."""

from boxoffice.catalog.event_changes import EventHasChanged
from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.changes import SeatMapChanged
from boxoffice.inventory.commands import BookingState, ChangeSeatMap
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.refusals import (
    AreaInTheWay,
    EventCancelled,
    InTheWay,
    PlacesInTheWay,
    SeatInTheWay,
)
from boxoffice.inventory.state import SOLD
from boxoffice.kit.errors import Refusal

# More than anybody looks through one by one; how many there are is said as well.
IN_THE_WAY_LISTED_MAX = 100


def decide_seat_map(draft: Draft, command: ChangeSeatMap) -> SeatMapChanged | Refusal:
    """Sell another map, if every place that it takes away is free; all of it or nothing."""
    inventory, change = draft.inventory, command.change
    if inventory.terms.state is EventState.CANCELLED:
        return EventCancelled()
    if (inventory.terms.revision, inventory.seat_map.id) != (command.revision, change.before_id):
        return EventHasChanged(revision=inventory.terms.revision)
    seat_ids = [seat_id for seat_id in change.withdrawn_seat_ids if not draft.is_free(seat_id)]
    areas = _areas_in_the_way(draft, change)
    if seat_ids or areas:
        return PlacesInTheWay(
            seats=[_seat_in_the_way(draft, seat_id) for seat_id in seat_ids[:IN_THE_WAY_LISTED_MAX]],
            seat_count=len(seat_ids),
            areas=areas,
        )
    draft.change_seat_map(command)
    return change


def _areas_in_the_way(draft: Draft, change: SeatMapChanged) -> list[AreaInTheWay]:
    areas = draft.inventory.seat_map.areas
    taken = [area.capacity - draft.places_left(area.id) for area in areas]
    return [
        AreaInTheWay(area_id=area_id, name=areas[area_id].name, capacity=capacity, taken=taken[area_id])
        for area_id, capacity in change.areas
        if area_id < len(areas) and capacity < taken[area_id]
    ]


def _seat_in_the_way(draft: Draft, seat_id: int) -> SeatInTheWay:
    label = draft.inventory.seat_map.label_of(seat_id)
    return SeatInTheWay(
        seat_id=seat_id, zone=label.zone, row=label.row, number=label.number, state=_state(draft, seat_id)
    )


def _state(draft: Draft, seat_id: int) -> InTheWay:
    if draft.blocked_in(seat_id) is not None:
        return InTheWay.BLOCKED
    holder = draft.claimed.get(seat_id)
    if holder is not None and holder in draft.held:
        is_sold = draft.held[holder][1] is BookingState.CONFIRMED
    else:
        is_sold = draft.inventory.seats[seat_id] == SOLD
    return InTheWay.SOLD if is_sold else InTheWay.HELD
