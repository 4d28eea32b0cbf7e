"""Refresh tokens: opaque values that name a session and prove the right to it, once each.

A token is 16 random bytes that name its family (the session) and a secret of 32 bytes, 256 bits; the
database has the SHA-256 of each. The next secret is an HMAC of the one before: whoever presents a token
twice, because the first answer was lost, gets the same successor, although it is stored nowhere. The
first secret is random, so the key alone forges nothing.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import timedelta
from typing import Self

import msgspec

from boxoffice.kit.keys import derive_key

_FAMILY_BYTES = 16
_SECRET_BYTES = 32


class RefreshToken(msgspec.Struct, frozen=True):
    """A token in its two parts. Its text is 64 characters of base64url."""

    family: bytes
    secret: bytes

    @classmethod
    def read(cls, text: bytes) -> Self | None:
        """Read what `text()` wrote; None for anything else."""
        try:
            content = base64.b64decode(text, altchars=b"-_", validate=True)
        except binascii.Error:
            return None
        if len(content) != _FAMILY_BYTES + _SECRET_BYTES:
            return None
        return cls(content[:_FAMILY_BYTES], content[_FAMILY_BYTES:])

    def text(self) -> str:
        """The token as the cookie has it."""
        return base64.urlsafe_b64encode(self.family + self.secret).decode()

    @property
    def family_hash(self) -> bytes:
        """Finds the session."""
        return hashlib.sha256(self.family).digest()

    @property
    def secret_hash(self) -> bytes:
        """Tells the session's tokens apart."""
        return hashlib.sha256(self.secret).digest()


class RefreshTokens:
    """Makes tokens. A session lives for `days` from its log-in, however often it is refreshed."""

    def __init__(self, secret: str, days: int, other_secrets: Sequence[str] = ()) -> None:
        self.lifetime = timedelta(days=days)
        self._keys = [derive_key(each, "refresh token successor") for each in (secret, *other_secrets)]

    def new(self) -> RefreshToken:
        """The first token of a new family."""
        return RefreshToken(secrets.token_bytes(_FAMILY_BYTES), secrets.token_bytes(_SECRET_BYTES))

    def successor(self, token: RefreshToken) -> RefreshToken:
        """The token that follows this one."""
        return self._successors(token)[0]

    def find_successor(self, token: RefreshToken, secret_hash: bytes) -> RefreshToken | None:
        """The token that followed this one, whose hash is known, though the secret has changed since."""
        found = [each for each in self._successors(token) if each.secret_hash == secret_hash]
        return found[0] if found else None

    def _successors(self, token: RefreshToken) -> list[RefreshToken]:
        return [RefreshToken(token.family, hmac.digest(key, token.secret, "sha256")) for key in self._keys]
