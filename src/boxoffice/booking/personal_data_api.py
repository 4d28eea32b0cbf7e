"""HTTP of what we know about a person."""

from typing import Annotated, Any

from litestar import Request, Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.confirmation import CONFIRMATION_REFUSALS
from boxoffice.accounts.guards import NotAllowed, NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.limits import count_confirmation
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.schemas import ID_MAX, Confirmation
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.booking import personal_data
from boxoffice.booking.personal_data import StillResponsible
from boxoffice.booking.schemas import PersonalData
from boxoffice.kit.errors import InvalidInput, NotFound
from boxoffice.kit.paging import PAGE_ITEMS, Cursor, Limit, UnknownCursor, link_headers
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents


@get(
    "/me/personal-data",
    operation_id="ExportPersonalData",
    summary="What do you know about me?",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, InvalidInput, UnknownCursor),
)
async def export(
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    cursor: Cursor = None,
    limit: Limit = PAGE_ITEMS,
) -> Response[PersonalData]:
    """Hand over everything about your account; of your bookings a page, newest first."""
    data = await personal_data.export(db, user, cursor=cursor, limit=limit)
    return Response(data, headers={"Cache-Control": "no-store", **link_headers(request, data)})


@post(
    "/me/erase",
    status_code=204,
    operation_id="EraseMe",
    summary="Erase my account",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, StillResponsible, *CONFIRMATION_REFUSALS),
)
async def erase_me(
    data: JSONBody[Confirmation],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    passwords: NamedDependency[Passwords],
    second_factors: NamedDependency[SecondFactors],
) -> None:
    """Erase your name, address, password, sessions, second factor, teams and keys, for good.

    Bookings, payments and tickets stay in the books, without anything that says they were yours; the
    codes of your tickets are good, so keep them. There is no way back.
    """
    await count_confirmation(request, user.user_id)
    await personal_data.erase(db, passwords, second_factors, user, data)


@delete(
    "/users/{user_id:int}",
    operation_id="EraseUser",
    summary="Erase an account",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotAllowed, NotFound, StillResponsible),
)
async def erase_user(
    user_id: Annotated[int, PathParameter(ge=1, le=ID_MAX)], db: NamedDependency[Database]
) -> None:
    """Erase somebody's account as `/me/erase` does, when they ask you to. For admins."""
    await personal_data.erase_user(db, user_id)


routes: list[ControllerRouterHandler] = [export, erase_me, erase_user]
