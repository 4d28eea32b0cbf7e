"""Keeping places for the house and giving them up: from an organizer's words to the event's next batch."""

from collections.abc import Sequence
from uuid import UUID

from msgspec import UNSET

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.schemas import EventState
from boxoffice.catalog.terms import find_sale_terms
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.inventory import commands
from boxoffice.inventory.blocks.queries import list_blocks
from boxoffice.inventory.blocks.schemas import AreaPlaces, Block, BlockChange, NewBlock, ReleasedPlaces
from boxoffice.inventory.commands import BlockedPlaces, ChangeBlock, Command, Release
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.kit.errors import NotFound, Refusal, invalid
from boxoffice.kit.idempotency import Once
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database


class EventIsDraft(Refusal, status=409):
    """Places can be kept once the event is published; set `sale_starts_at` so that nobody buys before."""


async def keep_places(
    db: Database,
    sales: GroupCommit,
    user: Identity,
    event_id: int,
    wanted: NewBlock,
    once: Once | None = None,
) -> Block:
    """Keep every place or none. Raises what `decide_block` refuses with, `EventIsDraft`, `InvalidInput`."""
    await refuse_foreign(db, user, event_id)
    terms = await find_sale_terms(db, event_id)
    if terms is None or terms.state is EventState.DRAFT:
        raise EventIsDraft
    if not wanted.seat_ids and not wanted.areas:
        raise invalid("/seat_ids", "Name at least one seat in `seat_ids`, or an area in `areas`.")
    _check(wanted.seat_ids, wanted.areas)
    _check_moment(wanted)
    return await _ask(
        sales,
        event_id,
        commands.Block(
            block_id=new_id(event_id),
            name=wanted.name,
            kind=wanted.kind,
            seat_ids=tuple(wanted.seat_ids),
            areas=_pairs(wanted.areas),
            released_at=wanted.released_at,
            channel_id=wanted.channel_id,
        ),
        once,
    )


async def change_block(
    db: Database, sales: GroupCommit, user: Identity, event_id: int, block_id: UUID, change: BlockChange
) -> Block:
    """Change what is given. Raises `NotFound`, `InvalidInput`."""
    await refuse_foreign(db, user, event_id)
    _check_moment(change)
    now = await _get_block(db, event_id, block_id)
    return await _ask(
        sales,
        event_id,
        ChangeBlock(
            block_id=block_id,
            name=now.name if change.name is UNSET else change.name,
            released_at=now.released_at if change.released_at is UNSET else change.released_at,
            channel_id=now.channel_id if change.channel_id is UNSET else change.channel_id,
        ),
    )


async def release_places(
    db: Database, sales: GroupCommit, user: Identity, event_id: int, block_id: UUID, given: ReleasedPlaces
) -> Block:
    """Give places up. Raises `NotFound`, `NotInThisBlock`, `InvalidInput`."""
    await refuse_foreign(db, user, event_id)
    _check(given.seat_ids, given.areas)
    await _get_block(db, event_id, block_id)
    return await _ask(sales, event_id, Release(block_id, tuple(given.seat_ids), _pairs(given.areas)))


async def list_own_blocks(db: Database, user: Identity, event_id: int) -> list[Block]:
    """The event's blocks, the oldest first; those whose time is over, too, until they are tidied up."""
    await refuse_foreign(db, user, event_id)
    return [_view(row.places()) for row in await list_blocks(db, event_id)]


async def _get_block(db: Database, event_id: int, block_id: UUID) -> BlockedPlaces:
    """The block as it is stored; asked before the event's line, which would open an inventory for nothing."""
    for row in await list_blocks(db, event_id):
        if row.id == block_id:
            return row.places()
    raise NotFound


async def _ask(sales: GroupCommit, event_id: int, command: Command, once: Once | None = None) -> Block:
    outcome = await sales.submit(event_id, command, once)
    if not isinstance(outcome, BlockedPlaces):
        raise TypeError(f"a block was expected, not {outcome!r}")
    return _view(outcome)


def _check(seat_ids: Sequence[int], areas: Sequence[AreaPlaces]) -> None:
    if len(set(seat_ids)) < len(seat_ids):
        raise invalid("/seat_ids", "A seat is named twice.")
    if len({area.area_id for area in areas}) < len(areas):
        raise invalid("/areas", "An area is named twice.")


def _check_moment(given: NewBlock | BlockChange) -> None:
    if given.released_at is not UNSET and not is_storable(given.released_at):
        raise invalid("/released_at", f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")


def _pairs(areas: Sequence[AreaPlaces]) -> tuple[tuple[int, int], ...]:
    return tuple([(area.area_id, area.quantity) for area in areas])


def _view(block: BlockedPlaces) -> Block:
    return Block(
        id=block.id,
        name=block.name,
        kind=block.kind,
        seat_ids=list(block.seat_ids),
        areas=[AreaPlaces(area_id=area_id, quantity=count) for area_id, count in block.areas],
        released_at=block.released_at,
        channel_id=block.channel_id,
    )
