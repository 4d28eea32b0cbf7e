"""HTTP of accounts."""

from typing import Any

from litestar import Request, Response, get, post
from litestar.datastructures import CacheControlHeader
from litestar.di import NamedDependency
from litestar.params import JSONBody
from litestar.types import ControllerRouterHandler

from boxoffice.accounts import queries
from boxoffice.accounts.guards import NotSignedIn
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.limits import REGISTER, count_login, forgive_logins
from boxoffice.accounts.passwords import Passwords
from boxoffice.accounts.register import register as make_account
from boxoffice.accounts.schemas import Credentials, NewAccount, Registered, SignedIn, User
from boxoffice.accounts.second_factor.codes import FACTOR_REFUSALS, SecondFactors
from boxoffice.accounts.sessions import logging_in as sessions
from boxoffice.accounts.sessions.cookies import WrongOrigin, find_cookie, make_cookie, refuse_other_origin
from boxoffice.accounts.sessions.logging_in import (
    AccountSuspended,
    Device,
    Session,
    SessionEnded,
    WrongCredentials,
)
from boxoffice.accounts.sessions.refresh_tokens import RefreshTokens
from boxoffice.accounts.signing_keys import PublicKeySet
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.client_address import client_address
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import BODY_REFUSALS, documents
from boxoffice.kit.rate_limits import limited
from boxoffice.kit.settings import Settings

# Enough to recognise a browser by; the rest is version numbers.
USER_AGENT_CHARACTERS_MAX = 200


@post(
    "/auth/register",
    guards=[limited(REGISTER)],
    operation_id="Register",
    summary="Make an account",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS),
)
async def register(
    data: JSONBody[NewAccount], db: NamedDependency[Database], passwords: NamedDependency[Passwords]
) -> Registered:
    """Make an account for this address. The answer is the same when it has one already: log in to see.

    An existing account is left as it is, its name and password too. A letter goes to the address either way.
    """
    return await make_account(db, passwords, data)


@post(
    "/auth/login",
    status_code=200,
    operation_id="LogIn",
    summary="Log in",
    tags=["Accounts"],
    responses=documents(*BODY_REFUSALS, WrongCredentials, *FACTOR_REFUSALS, AccountSuspended, WrongOrigin),
)
async def log_in(
    data: JSONBody[Credentials],
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    settings: NamedDependency[Settings],
    passwords: NamedDependency[Passwords],
    tokens: NamedDependency[Tokens],
    refresh_tokens: NamedDependency[RefreshTokens],
    second_factors: NamedDependency[SecondFactors],
) -> Response[SignedIn]:
    """Answer with an access token, and a refresh token in a cookie that scripts cannot read.

    The session lasts for 30 days unless the operator chose otherwise. The 21st session of an account
    ends its oldest one. An account with a second factor also needs a `code`; five wrong ones within a
    quarter of an hour are the limit.
    """
    refuse_other_origin(settings, request)
    async with passwords.turn() as hasher:
        await count_login(request, data.email)
        session = await sessions.log_in(db, hasher, refresh_tokens, second_factors, data, _device_of(request))
    await forgive_logins(request, data.email)
    return _answer(settings, tokens, session)


@post(
    "/auth/refresh",
    status_code=200,
    operation_id="Refresh",
    summary="Stay logged in",
    tags=["Accounts"],
    responses=documents(SessionEnded, WrongOrigin),
)
async def refresh(
    request: Request[Any, Any, Any],
    db: NamedDependency[Database],
    settings: NamedDependency[Settings],
    tokens: NamedDependency[Tokens],
    refresh_tokens: NamedDependency[RefreshTokens],
) -> Response[SignedIn]:
    """Use up the cookie's refresh token: the answer is that of a login, with the next one.

    A refresh token works once. When a used one comes back, the whole session ends, except within ten
    seconds, in which the same successor is given again in case the first answer was lost.
    """
    refuse_other_origin(settings, request)
    presented = find_cookie(settings, request)
    return _answer(settings, tokens, await sessions.refresh(db, refresh_tokens, presented))


@post(
    "/auth/logout",
    status_code=204,
    operation_id="LogOut",
    summary="Log out",
    tags=["Accounts"],
    responses=documents(WrongOrigin),
)
async def log_out(
    request: Request[Any, Any, Any], db: NamedDependency[Database], settings: NamedDependency[Settings]
) -> Response[None]:
    """End the cookie's session and clear the cookie; without one there is nothing to do.

    Its access tokens end with it.
    """
    refuse_other_origin(settings, request)
    await sessions.log_out(db, find_cookie(settings, request))
    return Response(None, status_code=204, cookies=[make_cookie(settings, "", 0)])


@get(
    "/me",
    operation_id="GetMe",
    summary="Who am I?",
    tags=["Accounts"],
    security=[{"access_token": []}],
    responses=documents(NotSignedIn),
)
async def get_me(user: NamedDependency[Identity], db: NamedDependency[Database]) -> User:
    """Show the account of the access token as it is now; its role may be newer than the token's."""
    account = await queries.find_user(db, user.user_id)
    if account is None:
        raise NotSignedIn
    return account


@get(
    "/.well-known/jwks.json",
    operation_id="ListSigningKeys",
    summary="Check access tokens yourself",
    tags=["Accounts"],
    cache_control=CacheControlHeader(public=True, max_age=300),
    sync_to_thread=False,
)
def list_signing_keys(tokens: NamedDependency[Tokens]) -> PublicKeySet:
    """Answer with the public keys (RFC 7517) that a good access token may be signed with (ES256)."""
    return tokens.keys.shown


def _device_of(request: Request[Any, Any, Any]) -> Device:
    agent = request.headers.get("user-agent", "")[:USER_AGENT_CHARACTERS_MAX]
    printable = "".join(character if character.isprintable() else " " for character in agent)
    return Device(printable, client_address(request.scope))


def _answer(settings: Settings, tokens: Tokens, session: Session) -> Response[SignedIn]:
    user = session.user
    held_back = settings.second_factor_required and not user.second_factor
    return Response(
        SignedIn(
            access_token=tokens.issue(user.id, Role.USER if held_back else user.role, session.id),
            expires_in=tokens.seconds,
            user=user,
        ),
        cookies=[make_cookie(settings, session.token.text(), session.seconds)],
        headers={"Cache-Control": "no-store"},
    )


well_known_routes: list[ControllerRouterHandler] = [list_signing_keys]
routes: list[ControllerRouterHandler] = [register, log_in, refresh, log_out, get_me]
