"""Keep a secret in the database so that whoever reads the database cannot: AES-256-GCM."""

import hashlib
import secrets as random
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from boxoffice.kit.keys import derive_key

_KEY_ID_BYTES = 4
# NIST SP 800-38D, section 8.2: 96 bits; random ones are good for 2^32 messages under one key.
_NONCE_BYTES = 12


class Seal:
    """Seals with the key of the first secret, opens with the keys of all. `purpose` keeps uses apart."""

    def __init__(self, purpose: str, secrets: Sequence[str]) -> None:
        keys = [derive_key(secret, purpose) for secret in secrets]
        self._keys = {hashlib.sha256(key).digest()[:_KEY_ID_BYTES]: AESGCM(key) for key in keys}
        self._key_id = next(iter(self._keys))

    def close(self, content: bytes, owner: bytes) -> bytes:
        """The sealed content: key id | nonce | ciphertext and tag. It opens only for the same `owner`."""
        nonce = random.token_bytes(_NONCE_BYTES)
        return self._key_id + nonce + self._keys[self._key_id].encrypt(nonce, content, owner)

    def is_current(self, sealed: bytes) -> bool:
        """Whether it was sealed with today's key."""
        return sealed.startswith(self._key_id)

    def open(self, sealed: bytes, owner: bytes) -> bytes | None:
        """The content; None when it was sealed with a key that is gone, for another, or is damaged."""
        key = self._keys.get(sealed[:_KEY_ID_BYTES])
        nonce, content = sealed[_KEY_ID_BYTES:][:_NONCE_BYTES], sealed[_KEY_ID_BYTES + _NONCE_BYTES :]
        try:
            return None if key is None else key.decrypt(nonce, content, owner)
        except (InvalidTag, ValueError):
            return None
