"""HTTP of one's own sessions and password."""

from typing import Annotated, Any

from litestar import Request, delete, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter
from litestar.types import ControllerRouterHandler

from boxoffice.accounts.confirmation import CONFIRMATION_REFUSALS
from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity
from boxoffice.accounts.limits import count_confirmation
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.schemas import ID_MAX, PasswordChange, Sessions
from boxoffice.accounts.second_factor.codes import SecondFactors
from boxoffice.accounts.sessions import logging_in as sessions
from boxoffice.accounts.sessions.cookies import find_cookie
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.settings import Settings

_SessionId = Annotated[int, PathParameter(ge=1, le=ID_MAX)]


@get(
    "/auth/sessions",
    operation_id="ListSessions",
    summary="Where am I logged in?",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn),
)
async def list_sessions(
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    settings: NamedDependency[Settings],
) -> Sessions:
    """List the sessions of your account, newest first; there are 20 at most."""
    return await sessions.list_sessions(db, user.user_id, find_cookie(settings, request))


@delete(
    "/auth/sessions/{session_id:int}",
    operation_id="EndSession",
    summary="Log out one device",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn, NotFound),
)
async def end_session(
    session_id: _SessionId, user: NamedDependency[Identity], db: NamedDependency[Database]
) -> None:
    """End a session of yours, and its access tokens with it."""
    await sessions.end_session(db, user.user_id, session_id)


@delete(
    "/auth/sessions",
    operation_id="EndAllSessions",
    summary="Log out everywhere",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn),
)
async def end_all_sessions(user: NamedDependency[Identity], db: NamedDependency[Database]) -> None:
    """End every session of yours, this one too, and their access tokens."""
    await sessions.end_all_sessions(db, user.user_id)


@post(
    "/auth/password",
    status_code=204,
    operation_id="ChangePassword",
    summary="Change the password",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(*BODY_REFUSALS, NotSignedIn, *CONFIRMATION_REFUSALS),
)
async def change_password(
    data: JSONBody[PasswordChange],
    request: Request[Any, Any, Any],
    user: NamedDependency[Identity],
    db: NamedDependency[Database],
    settings: NamedDependency[Settings],
    passwords: NamedDependency[Passwords],
    second_factors: NamedDependency[SecondFactors],
) -> None:
    """Change your password; every session but that of this request's cookie ends."""
    presented = find_cookie(settings, request)
    await count_confirmation(request, user.user_id)
    await sessions.change_password(db, passwords, second_factors, user.user_id, data, presented)


routes: list[ControllerRouterHandler] = [list_sessions, end_session, end_all_sessions, change_password]
