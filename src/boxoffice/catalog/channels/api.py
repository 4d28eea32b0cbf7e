"""HTTP of sales channels."""

from typing import Annotated

from litestar import Response, delete, get, patch, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.catalog.channels import selling as channels
from boxoffice.catalog.channels.selling import ChannelNameTaken, TooManyChannels
from boxoffice.catalog.event_changes import EventIsArchived
from boxoffice.catalog.schemas import Channel, ChannelChange, ChannelWithKey, NewChannel
from boxoffice.kit.errors import NotFound
from boxoffice.kit.paths import EventIdInPath
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_ChannelId = Annotated[int, PathParameter(ge=1, le=2**31 - 1)]

_ORGANIZER = (NotSignedIn, NotAllowed, NotFound)

# A key is a secret: no cache on the way may keep the answer that has it.
_SECRET = {"Cache-Control": "no-store"}


@post(
    "/events/{event_id:int}/channels",
    operation_id="CreateChannel",
    summary="Make a sales channel",
    tags=["Channels"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, ChannelNameTaken, TooManyChannels, EventIsArchived, *BODY_REFUSALS),
)
async def create(
    data: JSONBody[NewChannel],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
) -> Response[ChannelWithKey]:
    """Make a channel and its key, which is shown this once.

    Bookings name it as `channel_key`; an event shows the channel's prices to who sends it in `X-Channel-Key`.
    """
    return Response(await channels.create_channel(db, user, event_id, data), headers=_SECRET)


@get(
    "/events/{event_id:int}/channels",
    operation_id="ListChannels",
    summary="List an event's sales channels",
    tags=["Channels"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def list_all(
    db: NamedDependency[Database], user: NamedDependency[Identity], event_id: EventIdInPath
) -> list[Channel]:
    """List the channels of an event of one's own, without their keys."""
    return await channels.list_channels(db, user, event_id)


@patch(
    "/events/{event_id:int}/channels/{channel_id:int}",
    operation_id="UpdateChannel",
    summary="Change a sales channel",
    tags=["Channels"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER, EventIsArchived, *BODY_REFUSALS),
)
async def change(
    data: JSONBody[ChannelChange],
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    channel_id: _ChannelId,
) -> Channel:
    """Change its sale window and its prices; what is left out stays, and so does its key."""
    return await channels.change_channel(db, user, event_id, channel_id, data)


@post(
    "/events/{event_id:int}/channels/{channel_id:int}/rotate",
    operation_id="RotateChannelKey",
    summary="Give a sales channel another key",
    tags=["Channels"],
    security=[{"access_token": []}],
    status_code=200,
    responses=documents(*_ORGANIZER),
)
async def rotate(
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    channel_id: _ChannelId,
) -> Response[ChannelWithKey]:
    """Make another key, which is shown this once. The one before is refused from now on."""
    answer = await channels.rotate_key(db, user, event_id, channel_id)
    return Response(answer, status_code=200, headers=_SECRET)


@delete(
    "/events/{event_id:int}/channels/{channel_id:int}",
    operation_id="WithdrawChannel",
    summary="Withdraw a sales channel",
    tags=["Channels"],
    security=[{"access_token": []}],
    responses=documents(*_ORGANIZER),
)
async def withdraw(
    db: NamedDependency[Database],
    user: NamedDependency[Identity],
    event_id: EventIdInPath,
    channel_id: _ChannelId,
) -> None:
    """Sell nothing more through it. What was sold stays sold; its blocks are kept until they are released."""
    await channels.withdraw_channel(db, user, event_id, channel_id)


routes: list[ControllerRouterHandler] = [create, list_all, change, rotate, withdraw]
