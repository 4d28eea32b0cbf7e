"""HTTP of accounts for admins."""

from typing import Annotated, Any

from litestar import Request, Response, get, patch
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts import people
from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.people import NotYourself
from boxoffice.accounts.schemas import ID_MAX, User, UserChange
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, Page, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.text import LINE_CHARACTERS_MAX, LINE_PATTERN

_UserId = Annotated[int, PathParameter(ge=1, le=ID_MAX)]

_ADMIN = (NotSignedIn, NotAllowed)


@get(
    "/users",
    operation_id="ListUsers",
    summary="Find accounts",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*_ADMIN, InvalidInput, UnknownCursor),
)
async def list_users(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    q: Annotated[
        str | None,
        QueryParameter(
            max_length=LINE_CHARACTERS_MAX,
            pattern=LINE_PATTERN,
            description="Part of the address or the name.",
        ),
    ] = None,
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[Page[User]]:
    """List accounts, oldest first. For admins."""
    page = await people.list_users(db, q, cursor=cursor, limit=limit)
    return Response(page, headers=link_headers(request, page))


@get(
    "/users/{user_id:int}",
    operation_id="GetUser",
    summary="See an account",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*_ADMIN, NotFound),
)
async def get_user(user_id: _UserId, db: NamedDependency[Database]) -> User:
    """Show an account. For admins."""
    return await people.get_user(db, user_id)


@patch(
    "/users/{user_id:int}",
    operation_id="ChangeUser",
    summary="Change a role, suspend an account",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, *_ADMIN, NotFound, NotYourself),
)
async def change_user(
    user_id: _UserId,
    data: JSONBody[UserChange],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
) -> User:
    """Change what an account may do; what is left out stays. For admins, but not for their own account.

    Suspending ends every session, and so does a role with fewer rights; access tokens end with them.
    """
    return await people.change_user(db, user, user_id, data)


routes: list[ControllerRouterHandler] = [list_users, get_user, change_user]
