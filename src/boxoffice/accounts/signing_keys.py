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
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.hashes import SHA256
from msgspec import Meta

from boxoffice.kit.keys import derive_key

_CURVE = ec.SECP256R1()

# RFC 6979: the same bytes always get the same signature, so whoever has the key checks one by making it
# again, in a third of the time.
_ES256 = ec.ECDSA(SHA256(), deterministic_signing=True)

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
    """The key that is derived from one secret; `header` is what a token signed with it begins with."""

    def __init__(self, secret: str) -> None:
        material = derive_key(secret, "access token signing", _KEY_MATERIAL_BYTES)
        number = int.from_bytes(material) % (_ORDER - 1) + 1
        self._private_key = ec.derive_private_key(number, _CURVE)
        point = self._private_key.public_key().public_numbers()
        x, y = _text_of(point.x), _text_of(point.y)
        # The members in this order, without blanks, are what RFC 7638 takes the digest of.
        members = json.dumps({"crv": "P-256", "kty": "EC", "x": x, "y": y}, separators=(",", ":"))
        kid = base64url(hashlib.sha256(members.encode()).digest()).decode()
        self.shown = PublicKey(kid=kid, x=x, y=y)
        header = {"alg": "ES256", "kid": kid, "typ": "JWT"}
        self.header = base64url(msgspec.json.encode(header))

    def signature_of(self, signed: bytes) -> bytes:
        """The signature of a token's header and payload, as a token has it (RFC 7518, section 3.4)."""
        r, s = utils.decode_dss_signature(self._private_key.sign(signed, _ES256))
        return base64url(r.to_bytes(_COORDINATE_BYTES) + s.to_bytes(_COORDINATE_BYTES))


class SigningKeys:
    """`current` signs; `known` has the keys that are believed, by the header that names them."""

    def __init__(self, secret: str, other_secrets: Sequence[str] = ()) -> None:
        keys = [SigningKey(each) for each in (secret, *other_secrets)]
        self.current = keys[0]
        self.known = {key.header: key for key in keys}
        self.shown = PublicKeySet(keys=[key.shown for key in self.known.values()])


def _text_of(coordinate: int) -> str:
    return base64url(coordinate.to_bytes(_COORDINATE_BYTES)).decode()


def base64url(content: bytes) -> bytes:
    """As tokens and keys have it: without padding (RFC 7515, section 2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=")
