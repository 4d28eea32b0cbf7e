"""Access tokens: short-lived JWTs that say who asks, so that most requests need no query for it."""

import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Literal

import jwt
import msgspec
from msgspec import Meta

from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.signing_keys import ALGORITHM, SigningKeys

_ISSUER = "boxoffice"

# Ours have about 360; whatever is longer is not even looked at.
TOKEN_BYTES_MAX = 1_000

# The buyers of one sale that come back to one process, at about 0.7 kB each.
CACHED_TOKENS_MAX = 20_000


_Seconds = Annotated[int, Meta(ge=0, le=2**53)]


class _Claims(msgspec.Struct, frozen=True):
    sub: Annotated[str, Meta(pattern=r"^[0-9]{1,19}(?![\s\S])")]
    role: Role
    iat: _Seconds
    exp: _Seconds
    iss: Literal["boxoffice"]
    aud: Literal["boxoffice"]


class Tokens:
    """Issues and checks access tokens. Not for several threads: one event loop has one.

    A token is checked once in a process and then remembered: checking its signature takes 0.1 ms.
    """

    def __init__(self, secret: str, minutes: int, other_secrets: Sequence[str] = ()) -> None:
        self.seconds = minutes * 60
        self.keys = SigningKeys(secret, other_secrets)
        # Oldest first, and all live equally long: what is dropped when it is full would expire first.
        self._checked: OrderedDict[bytes, tuple[Identity, int]] = OrderedDict()

    def issue(self, user_id: int, role: Role) -> str:
        """A token that says so for `seconds` from now."""
        now = int(time.time())
        claims = {
            "sub": str(user_id),
            "role": role,
            "iat": now,
            "exp": now + self.seconds,
            "iss": _ISSUER,
            "aud": _ISSUER,
        }
        key = self.keys.current
        return jwt.encode(claims, key.private_key, algorithm=ALGORITHM, headers={"kid": key.kid})

    def identify(self, token: bytes) -> Identity | None:
        """Who the token says is asking; None when it is not one of ours or is over.

        Only tokens that were ours get into the cache, so strangers cannot fill it, and each hit is
        checked against the token's expiry.
        """
        found = self._checked.get(token)
        if found is None:
            found = self._check(token)
            if found is None:
                return None
            if len(self._checked) >= CACHED_TOKENS_MAX:
                self._checked.popitem(last=False)
            self._checked[token] = found
        if found[1] <= time.time():
            del self._checked[token]
            return None
        return found[0]

    def _check(self, token: bytes) -> tuple[Identity, int] | None:
        if len(token) > TOKEN_BYTES_MAX:
            return None
        try:
            # The header only chooses among our own keys; it names no algorithm and no address that we heed.
            key = self.keys.known.get(str(jwt.get_unverified_header(token).get("kid")))
            if key is None:
                return None
            claims = msgspec.convert(
                jwt.decode(
                    token,
                    key.public_key,
                    algorithms=[ALGORITHM],
                    audience=_ISSUER,
                    issuer=_ISSUER,
                    # `iat` must be there but may lie ahead: the clocks of two machines differ.
                    options={"require": ["sub", "role", "iat", "exp", "iss", "aud"], "verify_iat": False},
                ),
                _Claims,
            )
            return Identity(int(claims.sub), claims.role), claims.exp
        # PyJWT promises its own error for every bad token; ValueError covers what slips through it,
        # such as bytes that are no UTF-8, and RecursionError a header of nothing but brackets.
        except (jwt.PyJWTError, ValueError, RecursionError):
            return None
