"""The rules of keeping places for the house, and of giving them up. Pure, like `rules`."""

from datetime import datetime
from uuid import UUID

from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.changes import PlacesBlocked, PlacesReleased
from boxoffice.inventory.commands import Block, BlockedPlaces, ChangeBlock, Release
from boxoffice.inventory.draft import Draft
from boxoffice.inventory.offer import Places, unknown_places
from boxoffice.inventory.refusals import (
    AreaLeft,
    AreasFull,
    EventCancelled,
    NotInThisBlock,
    SeatsTaken,
    TooManyBlocks,
)
from boxoffice.kit.errors import NotFound, Refusal, invalid

# Enough for a hall whose every row is somebody's; each is a row that a cold load reads.
BLOCKS_MAX = 1_000


def decide_block(
    draft: Draft, command: Block | ChangeBlock | Release, now: datetime
) -> BlockedPlaces | Refusal:
    """Make a block, change it, or give some or all of its places up: all of it or nothing."""
    match command:
        case Block():
            return _decide_block(draft, command, now)
        case ChangeBlock():
            return _decide_change(draft, command, now)
        case Release():
            return _decide_release(draft, command)


def _decide_block(draft: Draft, command: Block, now: datetime) -> BlockedPlaces | Refusal:
    """Keep every place for the house or none; what somebody holds or has cannot be kept."""
    if refusal := _blocking_refusal(draft, command, now):
        return refusal
    change = PlacesBlocked(
        block_id=command.block_id,
        name=command.name,
        kind=command.kind,
        seat_ids=command.seat_ids,
        areas=command.areas,
        released_at=command.released_at,
        channel_id=command.channel_id,
    )
    draft.keep(change)
    return draft.blocks[command.block_id]


def _decide_change(draft: Draft, command: ChangeBlock, now: datetime) -> BlockedPlaces | Refusal:
    """Let go and keep again in one step, so that nobody can have the places in between."""
    block = _block(draft, command.block_id)
    if isinstance(block, Refusal):
        return block
    if refusal := _release_refusal(draft, command, now, block.channel_id):
        return refusal
    release_all(draft, block)
    draft.keep(
        PlacesBlocked(
            block_id=block.id,
            name=command.name,
            kind=block.kind,
            seat_ids=block.seat_ids,
            areas=block.areas,
            released_at=command.released_at,
            channel_id=command.channel_id,
        )
    )
    return draft.blocks[block.id]


def _decide_release(draft: Draft, command: Release) -> BlockedPlaces | Refusal:
    """Give places of a block up, all of them when none is named."""
    block = _block(draft, command.block_id)
    if isinstance(block, Refusal):
        return block
    if not command.seat_ids and not command.areas:
        release_all(draft, block)
        return draft.blocks[block.id]
    counts, seats = dict(block.areas), set(block.seat_ids)
    missing_seats = [seat_id for seat_id in command.seat_ids if seat_id not in seats]
    missing_areas = [area_id for area_id, count in command.areas if counts.get(area_id, 0) < count]
    if missing_seats or missing_areas:
        return NotInThisBlock(seat_ids=missing_seats, area_ids=missing_areas)
    _release(draft, block, command.seat_ids, command.areas)
    return draft.blocks[block.id]


def _block(draft: Draft, block_id: UUID) -> BlockedPlaces | Refusal:
    block = draft.block(block_id)
    return NotFound() if block is None or not (block.seat_ids or block.areas) else block


def release_all(draft: Draft, block: BlockedPlaces) -> None:
    """Give all places of a block up; what its channel has sold stays sold."""
    _release(draft, block, block.seat_ids, block.areas)


def _release(
    draft: Draft, block: BlockedPlaces, seat_ids: tuple[int, ...], areas: tuple[tuple[int, int], ...]
) -> None:
    taken = tuple([seat_id for seat_id in seat_ids if draft.blocked_in(seat_id) is None])
    draft.let_go(PlacesReleased(block.id, seat_ids, areas, taken))


def _blocking_refusal(draft: Draft, command: Block, now: datetime) -> Refusal | None:
    """Whether the house may keep these places: they are there, free, and kept until some time to come."""
    if draft.inventory.terms.state is EventState.CANCELLED:
        return EventCancelled()
    area_ids = tuple([area_id for area_id, _ in command.areas])
    if refusal := unknown_places(draft, Places(command.seat_ids, area_ids, accessible=True)):
        return refusal
    if refusal := _release_refusal(draft, command, now):
        return refusal
    if sum(bool(block.seat_ids or block.areas) for block in draft.all_blocks()) >= BLOCKS_MAX:
        return TooManyBlocks(limit=BLOCKS_MAX)
    if gone := [seat_id for seat_id in command.seat_ids if not draft.is_free(seat_id)]:
        return SeatsTaken(seat_ids=gone)
    full = [
        AreaLeft(area_id=area_id, places_left=draft.places_left(area_id))
        for area_id, count in command.areas
        if draft.places_left(area_id) < count
    ]
    return AreasFull(areas=full) if full else None


def _release_refusal(
    draft: Draft, command: Block | ChangeBlock, now: datetime, channel_before: int | None = None
) -> Refusal | None:
    """Whether a block may be kept until then, and for this channel.

    The channel that it was for before may have been withdrawn since: then nobody sells from it.
    """
    if command.released_at is not None and command.released_at <= now:
        return invalid(
            "/released_at", "This is in the past: leave it out to keep the places until you release them."
        )
    known = {channel.id for channel in draft.inventory.terms.channels.values()} | {channel_before, None}
    if command.channel_id not in known:
        return invalid("/channel_id", f"This event has no channel {command.channel_id}.")
    return None
