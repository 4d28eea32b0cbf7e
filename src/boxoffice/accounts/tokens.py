"""Access tokens: short-lived JWTs that say who asks, so that most requests need no query for it.

A token is good if it is what we would have written: a header of one of our keys to the byte, and the
signature that the key gives to these bytes, which is always the same (see decision 0028). So nothing of a
token is read, no algorithm and no claim, before it is known to be ours. Others check it as any JWT.
"""

import base64
import hmac
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from boxoffice.accounts.identity import Identity, Role
from boxoffice.accounts.sessions.ended import EndedSessions
from boxoffice.accounts.signing_keys import SigningKeys, base64url

_ISSUER = "boxoffice"

# The buyers of one sale that come back to one process, at about 0.7 kB each.
CACHED_TOKENS_MAX = 20_000


_Seconds = Annotated[int, Meta(ge=0, le=2**53)]


class _Claims(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    sub: Annotated[str, Meta(pattern=r"^[0-9]{1,19}(?![\s\S])")]
    role: Role
    # The session it was given out for; 0 is none, and ends by its time alone.
    sid: Annotated[int, Meta(ge=0, le=2**63 - 1)] = 0
    iat: _Seconds
    exp: _Seconds
    iss: Literal["boxoffice"]
    aud: Literal["boxoffice"]


class Tokens:
    """Issues and checks access tokens. Not for several threads: one event loop has one.

    A token is checked once in a process and then remembered: checking its signature takes 0.03 ms. That its
    session goes on is looked up each time, in memory.
    """

    def __init__(self, secret: str, minutes: int, other_secrets: Sequence[str] = ()) -> None:
        self.seconds = minutes * 60
        self.ended = EndedSessions()
        self._ended = self.ended.until
        self.keys = SigningKeys(secret, other_secrets)
        # Oldest first, and all live equally long: what is dropped when it is full would expire first.
        self._checked: OrderedDict[bytes, tuple[Identity, int, int]] = OrderedDict()

    def issue(self, user_id: int, role: Role, session_id: int = 0) -> str:
        """A token that says so for `seconds` from now, unless its session ends before."""
        now = int(time.time())
        claims = _Claims(
            sub=str(user_id),
            role=role,
            sid=session_id,
            iat=now,
            exp=now + self.seconds,
            iss=_ISSUER,
            aud=_ISSUER,
        )
        key = self.keys.current
        signed = key.header + b"." + base64url(msgspec.json.encode(claims))
        return (signed + b"." + key.signature_of(signed)).decode()

    def identify(self, token: bytes) -> Identity | None:
        """Who the token says is asking; None when it is not one of ours or is over.

        Only tokens that were ours get into the cache, so strangers cannot fill it, and each hit is
        checked against the token's expiry.
        """
        found = self._checked.get(token)
        if found is None:
            found = self._check(token)
            if found is None or found[1] <= time.time():
                return None
            if len(self._checked) >= CACHED_TOKENS_MAX:
                self._checked.popitem(last=False)
            self._checked[token] = found
        if found[1] <= time.time():
            del self._checked[token]
            return None
        if found[2] in self._ended:
            return None
        return found[0]

    def _check(self, token: bytes) -> tuple[Identity, int, int] | None:
        signed, _, signature = token.rpartition(b".")
        header, _, payload = signed.partition(b".")
        key = self.keys.known.get(header)
        # In a time that says nothing of how much of the signature is right.
        if key is None or not hmac.compare_digest(key.signature_of(signed), signature):
            return None
        try:
            claims = msgspec.json.decode(base64.urlsafe_b64decode(payload + b"=="), type=_Claims)
        # Signed by our key and not by us: somebody else has the secret, or it was another version.
        except (msgspec.MsgspecError, ValueError):
            return None
        return Identity(int(claims.sub), claims.role), claims.exp, claims.sid
