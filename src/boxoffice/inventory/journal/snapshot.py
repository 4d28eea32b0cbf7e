"""An inventory as it was at a moment, counted and spelt out for a person."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.journal import queries
from boxoffice.inventory.journal.replay import Replay, replay_event
from boxoffice.inventory.journal.seat_changes import SeatState
from boxoffice.inventory.state import BLOCKED, FREE, HELD, SOLD
from boxoffice.kit.postgres import Source

_STATES = {
    FREE: SeatState.FREE,
    HELD: SeatState.HELD,
    SOLD: SeatState.SOLD,
    BLOCKED: SeatState.BLOCKED,
}


class SeatCounts(msgspec.Struct, frozen=True):
    """How many seats are how; `held_but_over` of the held ones would be free to the next buyer."""

    free: int
    held: int
    sold: int
    blocked: int
    held_but_over: int


class AreaSnapshot(msgspec.Struct, frozen=True):
    """An area and how many of its places are held, sold or blocked."""

    area_id: int
    name: str
    capacity: int
    taken: int


class SeatSnapshot(msgspec.Struct, frozen=True):
    """A seat that is not free, and which booking, or block, has it."""

    seat_id: int
    zone: str
    row: str
    number: str
    state: SeatState
    booking_id: UUID | None
    held_until: datetime | None


class Snapshot(msgspec.Struct, frozen=True):
    """The inventory after journal row `version`, which is the last one at the time `at`.

    `pending_but_over` of the pending bookings had run out by then and were not tidied up.
    """

    event_id: int
    title: str
    at: datetime
    version: int
    changed_at: datetime | None
    seats: SeatCounts
    areas: list[AreaSnapshot]
    pending_bookings: int
    pending_but_over: int
    taken_seats: list[SeatSnapshot] | None = None


async def take_snapshot(
    source: Source, event_id: int, *, at: datetime | None, version: int | None, with_seats: bool
) -> Snapshot:
    """Replay the journal up to a time or a version, else up to now.

    Raises `NotFound`, `UnknownVersion` and `Impossible`.
    """
    if at is None and version is None:
        at = await queries.get_now(source)
    replay = await replay_event(source, event_id, at=at, version=version)
    # Before the first row there is no time but that of the question.
    moment = at or replay.at or await queries.get_now(source)
    inventory = replay.inventory
    over = [held for held in inventory.pending.values() if held.expires_at <= moment]
    return Snapshot(
        event_id=event_id,
        title=inventory.terms.title,
        at=moment,
        version=inventory.version,
        changed_at=replay.at,
        seats=SeatCounts(
            free=inventory.seats.count(FREE),
            held=inventory.seats.count(HELD),
            sold=inventory.seats.count(SOLD),
            blocked=inventory.seats.count(BLOCKED),
            held_but_over=sum(len(held.seat_ids) for held in over),
        ),
        areas=[
            AreaSnapshot(area.id, area.name, area.capacity, taken)
            for area, taken in zip(inventory.seat_map.areas, inventory.area_taken, strict=True)
        ],
        pending_bookings=len(inventory.pending),
        pending_but_over=len(over),
        taken_seats=_taken_seats(replay) if with_seats else None,
    )


def _taken_seats(replay: Replay) -> list[SeatSnapshot]:
    inventory = replay.inventory
    found: list[SeatSnapshot] = []
    for seat_id, code in enumerate(inventory.seats):
        if code == FREE:
            continue
        label = inventory.seat_map.label_of(seat_id)
        booking_id = replay.owner_of.get(seat_id)
        held = None if booking_id is None else inventory.pending.get(booking_id)
        block = None if booking_id is None else inventory.blocks.get(booking_id)
        found.append(
            SeatSnapshot(
                seat_id=seat_id,
                zone=label.zone,
                row=label.row,
                number=label.number,
                state=_STATES[code],
                booking_id=booking_id,
                held_until=held.expires_at if held else block.released_at if block else None,
            )
        )
    return found
