"""HTTP of blocks."""

from uuid import UUID

from litestar import Response, get, patch, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.once import ONCE
from boxoffice.inventory.blocks import keeping
from boxoffice.inventory.blocks.keeping import EventIsDraft
from boxoffice.inventory.blocks.schemas import Block, BlockChange, NewBlock, ReleasedPlaces
from boxoffice.inventory.group_commit import GroupCommit
from boxoffice.inventory.refusals import AreasFull, EventCancelled, NotInThisBlock, SeatsTaken, TooManyBlocks
from boxoffice.kit import idempotency
from boxoffice.kit.errors import NotFound
from boxoffice.kit.idempotency import Once
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)


@post(
    "/events/{event_id:int}/blocks",
    operation_id="KeepPlaces",
    summary="Keep places for the house",
    tags=["Blocks"],
    security=[{"access_token": []}],
    responses=documents(
        *_ORGANIZER,
        EventIsDraft,
        EventCancelled,
        SeatsTaken,
        AreasFull,
        TooManyBlocks,
        *BODY_REFUSALS,
        *idempotency.REFUSALS,
    ),
    dependencies=ONCE,
)
async def create(
    data: JSONBody[NewBlock],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    once: NamedDependency[Once | None],
    event_id: EventIdInPath,
) -> Response[Block]:
    """Keep seats and admissions out of the sale: every one or none. 409 names those that somebody has."""
    return idempotency.respond(await keeping.keep_places(db, sales, user, event_id, data, once), once)


@get(
    "/events/{event_id:int}/blocks",
    operation_id="ListBlocks",
    summary="List an event's blocks",
    tags=["Blocks"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def list_all(
    db: NamedDependency[Database], user: NamedDependency[Identity], event_id: EventIdInPath
) -> list[Block]:
    """List the blocks of an event of one's own, the oldest first."""
    return await keeping.list_own_blocks(db, user, event_id)


@patch(
    "/events/{event_id:int}/blocks/{block_id:uuid}",
    operation_id="ChangeBlock",
    summary="Change a block",
    tags=["Blocks"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, *BODY_REFUSALS),
)
async def change(
    data: JSONBody[BlockChange],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    block_id: FromPath[UUID],
) -> Block:
    """Change the name, the release time or the channel; nobody can have the places in between."""
    return await keeping.change_block(db, sales, user, event_id, block_id, data)


@post(
    "/events/{event_id:int}/blocks/{block_id:uuid}/release",
    operation_id="ReleasePlaces",
    summary="Give places of a block up",
    tags=["Blocks"],
    security=[{"access_token": []}],
    status_code=200,
    responses=documents(*_ORGANIZER, NotInThisBlock, *BODY_REFUSALS),
)
async def release(
    data: JSONBody[ReleasedPlaces],
    db: NamedDependency[Database],
    sales: NamedDependency[GroupCommit],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    block_id: FromPath[UUID],
) -> Block:
    """Sell these places like all others from now on; all of the block's when none is named."""
    return await keeping.release_places(db, sales, user, event_id, block_id, data)


routes: list[ControllerRouterHandler] = [create, list_all, change, release]
