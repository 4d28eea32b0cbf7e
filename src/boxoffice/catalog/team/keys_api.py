"""HTTP of API keys."""

from typing import Annotated

from litestar import delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.schemas import ID_MAX
from boxoffice.catalog.team import keys
from boxoffice.catalog.team.keys import TooManyApiKeys
from boxoffice.catalog.team.schemas import ApiKeys, CreatedApiKey, NewApiKey
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents

_Id = Annotated[int, PathParameter(ge=1, le=ID_MAX)]


@post(
    "/api-keys",
    operation_id="CreateApiKey",
    summary="Make a key for a program or a device",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, NotAllowed, TooManyApiKeys),
)
async def create_key(
    data: JSONBody[NewApiKey], user: NamedDependency[Identity], db: NamedDependency[Database]
) -> CreatedApiKey:
    """Make a key that opens what its role opens, for all of your events or for one.

    Send it as `Authorization: Bearer <key>`. It opens no account: no bookings, no tickets of people, no
    teams and no other keys. It is shown only now.
    """
    return await keys.create_key(db, user, data)


@get(
    "/api-keys",
    operation_id="ListApiKeys",
    summary="List your API keys",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed),
)
async def list_keys(user: NamedDependency[Identity], db: NamedDependency[Database]) -> ApiKeys:
    """List your keys by their prefixes, with when each was used last."""
    return await keys.list_keys(db, user)


@delete(
    "/api-keys/{key_id:int}",
    operation_id="DeleteApiKey",
    summary="Delete an API key",
    tags=["Team"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound),
)
async def delete_key(key_id: _Id, user: NamedDependency[Identity], db: NamedDependency[Database]) -> None:
    """Have a key of yours open nothing from now on."""
    await keys.delete_key(db, user, key_id)


routes: list[ControllerRouterHandler] = [create_key, list_keys, delete_key]
