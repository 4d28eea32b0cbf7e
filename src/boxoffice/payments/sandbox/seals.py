"""What proves that something is the sandbox's: the seal of an address, the signature of a webhook."""

import base64
import binascii
import hmac
import time
from collections.abc import Mapping

import msgspec

from boxoffice.kit.errors import NotFound
from boxoffice.kit.keys import derive_key
from boxoffice.payments.provider import Charge, UnsignedReport

SIGNATURE_HEADER = "boxoffice-sandbox-signature"

# A report older than this may be a replay; clocks of two servers differ by less.
SIGNATURE_SECONDS_MAX = 300

# A checkout's address ends with so many bytes of HMAC-SHA256: nobody makes one up.
_SEAL_BYTES = 16


class Seals:
    """Makes and checks both, with keys of their own."""

    def __init__(self, secret: str) -> None:
        self._webhook_key = derive_key(secret, "sandbox webhook")
        self._checkout_key = derive_key(secret, "sandbox checkout")

    def seal(self, charge: Charge) -> str:
        """The last part of a checkout's address: what is asked for, which nobody can change."""
        asked = msgspec.json.encode(charge)
        return base64.urlsafe_b64encode(self._seal_of(asked) + asked).decode().rstrip("=")

    def unseal(self, token: str) -> Charge:
        """What the address asks for. Raises `NotFound` for an address that is not ours."""
        try:
            text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise NotFound from None
        seal, asked = text[:_SEAL_BYTES], text[_SEAL_BYTES:]
        if not hmac.compare_digest(seal, self._seal_of(asked)):
            raise NotFound
        return msgspec.json.decode(asked, type=Charge)

    def sign(self, body: bytes) -> dict[str, str]:
        """The header that a webhook sent now goes out with."""
        stamp = str(int(time.time()))
        return {SIGNATURE_HEADER: f"t={stamp},v1={self._signature_of(stamp, body)}"}

    def check(self, headers: Mapping[str, str], body: bytes) -> None:
        """Verify `t=<unix seconds>,v1=<hex HMAC-SHA256 of "t.body">`. Raises `UnsignedReport`."""
        stamp, _, signature = headers.get(SIGNATURE_HEADER, "").removeprefix("t=").partition(",v1=")
        if not stamp.isascii() or not stamp.isdigit() or not signature.isascii():
            raise UnsignedReport
        if not hmac.compare_digest(self._signature_of(stamp, body), signature):
            raise UnsignedReport
        if abs(time.time() - int(stamp)) > SIGNATURE_SECONDS_MAX:
            raise UnsignedReport

    def _signature_of(self, stamp: str, body: bytes) -> str:
        return hmac.digest(self._webhook_key, stamp.encode() + b"." + body, "sha256").hex()

    def _seal_of(self, asked: bytes) -> bytes:
        return hmac.digest(self._checkout_key, asked, "sha256")[:_SEAL_BYTES]
