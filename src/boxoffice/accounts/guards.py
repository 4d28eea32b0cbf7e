"""Who is asking, by the Authorization header. What they may do is said in `permissions.py`."""

from collections.abc import Iterable
from typing import Any

from litestar import Request

from boxoffice.accounts.identity import Identity
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.errors import Refusal

_SCHEME = b"bearer "


class NotSignedIn(Refusal, status=401):
    """This needs a valid access token: send `Authorization: Bearer <access_token>`; log in or refresh."""


class NotAllowed(Refusal, status=403):
    """Your role, or your API key, does not allow this.

    The organizer can give you another role or key for an event, an admin the role ORGANIZER.
    """


def provide_identity(request: Request[Identity, Any, Any]) -> Identity:
    """Who is asking. A handler for anybody must not ask: that is a bug and answers 500."""
    return request.user


def bearer_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """What the Authorization header shows: empty if it is of another scheme, None without the header."""
    for name, value in headers:
        if name == b"authorization":
            # The scheme's name is case-insensitive (RFC 9110, section 11.1).
            return value[7:] if value[:7].lower() == _SCHEME else b""
    return None


def find_identity(headers: Iterable[tuple[bytes, bytes]], tokens: Tokens) -> Identity | None:
    """Who is asking with an access token; None for nobody, and for a token that is not valid."""
    bearer = bearer_of(headers)
    return None if bearer is None else tokens.identify(bearer)


class IdentityOf:
    """Who is asking, found once for a request and kept in its scope."""

    _PLACE = "boxoffice.identity"

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def __call__(self, scope: Any) -> Identity | None:
        """Who is asking; None for nobody."""
        if self._PLACE not in scope:
            scope[self._PLACE] = find_identity(scope["headers"], self._tokens)
        return scope[self._PLACE]

    def account(self, scope: Any) -> str | None:
        """What an account's requests are counted by."""
        identity = self(scope)
        return None if identity is None else str(identity.user_id)
