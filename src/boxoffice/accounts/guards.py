"""Who may call a handler: `guards=[signed_in]`, `[organizer]` or `[admin]`.

A guarded handler asks for `user: Identity` and gets who is asking. The guards are coroutines because
Litestar runs a plain function as a guard in a thread, at ten times the cost.
"""

from collections.abc import Iterable
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from boxoffice.accounts import queries
from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.errors import Refusal

_Connection = ASGIConnection[Any, Any, Any, Any]

_SCHEME = b"bearer "


class NotSignedIn(Refusal, status=401):
    """This needs a valid access token: send `Authorization: Bearer <access_token>`; log in or refresh."""


class NotAllowed(Refusal, status=403):
    """Your role does not allow this."""


async def signed_in(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Let everybody in who has an account."""
    _identify(connection)


async def organizer(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Let in who may sell events."""
    if _identify(connection).role is Role.USER:
        raise NotAllowed


async def admin(connection: _Connection, _handler: BaseRouteHandler) -> None:
    """Let in who runs the house, and still does: looked up each time, whatever the token says."""
    identity = _identify(connection)
    if identity.role is not Role.ADMIN:
        raise NotAllowed
    user = await queries.find_user(connection.app.state.db, identity.user_id)
    if user is None or user.suspended or user.role is not Role.ADMIN:
        raise NotAllowed


def provide_identity(request: Request[Identity, Any, Any]) -> Identity:
    """Who is asking. A handler without a guard must not ask: that is a bug and answers 500."""
    return request.user


def find_identity(headers: Iterable[tuple[bytes, bytes]], tokens: Tokens) -> Identity | None:
    """Who is asking, by the Authorization header; None for nobody, and for a token that is not valid."""
    for name, value in headers:
        if name == b"authorization":
            # The scheme's name is case-insensitive (RFC 9110, section 11.1).
            return tokens.identify(value[7:]) if value[:7].lower() == _SCHEME else None
    return None


def _identify(connection: _Connection) -> Identity:
    identity = find_identity(connection.scope["headers"], connection.app.state.tokens)
    if identity is None:
        raise NotSignedIn
    connection.scope["user"] = identity
    return identity
