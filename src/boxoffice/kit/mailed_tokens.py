"""Tokens that go by mail: 256 bits from a random nonce and the operator's secret.

The database has the nonce and the token's SHA-256. So the same letter can be sent again, and whoever reads
the database, but not the secret, has no token.
"""

import base64
import hashlib
import hmac
import secrets

from boxoffice.kit.keys import derive_key

_NONCE_BYTES = 16


class MailedTokens:
    """Makes tokens of one kind; another `purpose` makes others of the same nonce."""

    def __init__(self, secret: str, purpose: str) -> None:
        self._key = derive_key(secret, purpose)

    def new(self) -> tuple[bytes, str]:
        """A nonce, and its token: 43 characters of base64url."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce, self.token_of(nonce)

    def token_of(self, nonce: bytes) -> str:
        """The token that was made of this nonce, unless the secret has changed since."""
        return base64.urlsafe_b64encode(hmac.digest(self._key, nonce, "sha256")).decode().rstrip("=")


def hash_of(token: str) -> bytes:
    """What of a token is stored."""
    return hashlib.sha256(token.encode()).digest()
