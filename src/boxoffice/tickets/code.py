"""The ticket code: a signed token that a gate verifies without asking anybody.

    version 1 | key id 4 | event id 4 | ticket id 16 | generation 2 | Ed25519 signature 64     bytes

Big-endian; the signature covers the 27 bytes before it. The 91 bytes are written in Base32 (RFC 4648,
no padding): 146 characters that a QR code holds in alphanumeric mode at version 6-M (41 modules a
side). Base45 gives the same version, base64url one more; unlike Base45, Base32 has no character
that a shell, a URL or a keyboard treats specially.

Signing is deterministic (RFC 8032), so a code is never stored: it is derived from its row.
"""

import base64
import binascii
import hashlib
import struct
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from boxoffice.kit.keys import derive_key

VERSION = 1

_SIGNED = struct.Struct(">B4sI16sH")
_SIGNATURE_BYTES = 64
_CODE_BYTES = _SIGNED.size + _SIGNATURE_BYTES

CODE_CHARACTERS = -(-_CODE_BYTES * 8 // 5)


class TicketCode(msgspec.Struct, frozen=True):
    """What a code says; not yet believed: see `signed_by`."""

    key_id: bytes
    event_id: int
    ticket_id: UUID
    generation: int
    signed: bytes
    signature: bytes

    def signed_by(self, public_key: bytes) -> bool:
        """Whether the holder of this key (32 bytes) signed all of it."""
        try:
            Ed25519PublicKey.from_public_bytes(public_key).verify(self.signature, self.signed)
        except InvalidSignature:
            return False
        return True


def read_code(text: str) -> TicketCode | None:
    """Take a scanned text apart; None when it is no ticket code at all.

    Scanners differ in case and in the blanks they add around a code; every other difference from
    what was issued makes it no code, so each ticket has exactly one.
    """
    stripped = text.strip()
    if len(stripped) != CODE_CHARACTERS or not stripped.isascii():
        return None
    canonical = stripped.upper()
    try:
        content = base64.b32decode(canonical + "=" * (-CODE_CHARACTERS % 8))
    except binascii.Error:
        return None
    # The last character has two bits that carry nothing; only zeros are ours.
    if _text_of(content) != canonical or content[0] != VERSION:
        return None
    signed, signature = content[: _SIGNED.size], content[_SIGNED.size :]
    _version, key_id, event_id, ticket_id, generation = _SIGNED.unpack(signed)
    return TicketCode(key_id, event_id, UUID(bytes=ticket_id), generation, signed, signature)


def key_id_of(public_key: bytes) -> bytes:
    """Name a key in four bytes: the start of its SHA-256."""
    return hashlib.sha256(public_key).digest()[:4]


class TicketKeys:
    """The key that signs this installation's codes, and the public keys this process knows."""

    def __init__(self, secret: str) -> None:
        self._signer = Ed25519PrivateKey.from_private_bytes(derive_key(secret, "ticket signing"))
        self.public_key = self._signer.public_key().public_bytes_raw()
        self.key_id = key_id_of(self.public_key)
        # Public keys by key id: our own, then each older one that was read from the database.
        self.known = {self.key_id: self.public_key}
        # Whether this process has seen its public key safely stored.
        self.is_published = False

    def code_of(self, event_id: int, ticket_id: UUID, generation: int) -> str:
        """Sign the code of this ticket; the same ticket and generation always give the same code."""
        signed = _SIGNED.pack(VERSION, self.key_id, event_id, ticket_id.bytes, generation)
        return _text_of(signed + self._signer.sign(signed))


def _text_of(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=")
