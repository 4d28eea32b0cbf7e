"""Keys that sign access tokens: one signs, the others are believed too; all of them are published.

A key is derived from a secret of the operator, so a new secret is a new key. For as long as the old secret
is among the other secrets, tokens signed with its key are good, and nobody is logged out by the change.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from boxoffice.kit.keys import derive_key

ALGORITHM = "ES256"

_CURVE = ec.SECP256R1()

# The order of the curve's group (SEC 2, section 2.4.2): a private key is a number from 1 to one less.
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# FIPS 186-5, appendix A.2.1: 64 bits more than the order has, so that no key is likelier than another.
_KEY_MATERIAL_BYTES = 40

_COORDINATE_BYTES = 32


class PublicKey(msgspec.Struct, frozen=True):
    """A public key as a JSON Web Key (RFC 7517)."""

    kid: Annotated[str, Meta(description="The key's thumbprint (RFC 7638); tokens name it in their header.")]
    x: str
    y: str
    kty: Literal["EC"] = "EC"
    crv: Literal["P-256"] = "P-256"
    alg: Literal["ES256"] = "ES256"
    use: Literal["sig"] = "sig"


class PublicKeySet(msgspec.Struct, frozen=True):
    """The keys that a good access token may be signed with; the first signs those of today."""

    keys: list[PublicKey]


class SigningKey:
    """The key that is derived from one secret."""

    def __init__(self, secret: str) -> None:
        material = derive_key(secret, "access token signing", _KEY_MATERIAL_BYTES)
        number = int.from_bytes(material) % (_ORDER - 1) + 1
        self.private_key = ec.derive_private_key(number, _CURVE)
        self.public_key = self.private_key.public_key()
        point = self.public_key.public_numbers()
        x, y = _text_of(point.x), _text_of(point.y)
        # The members in this order, without blanks, are what RFC 7638 takes the digest of.
        members = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
        self.kid = _base64url(hashlib.sha256(members.encode()).digest())
        self.shown = PublicKey(kid=self.kid, x=x, y=y)


class SigningKeys:
    """`current` signs; `known` has the keys that are believed, by their `kid`."""

    def __init__(self, secret: str, other_secrets: Sequence[str] = ()) -> None:
        keys = [SigningKey(each) for each in (secret, *other_secrets)]
        self.current = keys[0]
        self.known = {key.kid: key for key in keys}
        self.shown = PublicKeySet(keys=[key.shown for key in self.known.values()])


def _text_of(coordinate: int) -> str:
    return _base64url(coordinate.to_bytes(_COORDINATE_BYTES))


def _base64url(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
