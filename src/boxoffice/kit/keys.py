"""One secret, many keys: HKDF (RFC 5869) derives an independent key for every purpose.

An operator keeps one secret; a leaked key of one purpose says nothing about the others.
"""

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


def derive_key(secret: str, purpose: str, length: int = 32) -> bytes:
    """`length` bytes for this purpose and no other."""
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=f"boxoffice {purpose}".encode()).derive(
        secret.encode()
    )
