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
    """Your role, or your API key, does not allow this."""


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
