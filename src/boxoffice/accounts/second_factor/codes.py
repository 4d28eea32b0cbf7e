"""The second factor: codes of an authenticator (TOTP, RFC 6238), and recovery codes for when it is lost.

A code is good for its 30 seconds and, since clocks differ, for those before and after; it is taken once, and
none older than the newest that was taken. Everything happens under the lock of the user's row.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import ClassVar
from urllib.parse import quote

import structlog
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.hotp import HOTP

from boxoffice.accounts import letters, queries
from boxoffice.accounts.schemas import NewFactor, RecoveryCodes
from boxoffice.accounts.second_factor import queries as factor_queries
from boxoffice.accounts.second_factor.queries import FactorRow
from boxoffice.kit.errors import Refusal
from boxoffice.kit.postgres import Transaction
from boxoffice.kit.sealing import Seal

# RFC 4226, section 4: 160 bits, what SHA-1 gives and authenticators expect.
SECRET_BYTES = 20

# What every authenticator shows; the standard's default too.
DIGITS = 6

# RFC 6238, section 5.2: its default, and the only one that authenticators agree on.
STEP_SECONDS = 30

# RFC 6238, section 5.2: one step on either side for the delay of people and clocks.
STEPS_ASIDE = 1

# Three codes are good at a time, so somebody who has the password hits one in 70,000 rounds of five.
FAILURES_MAX = 5
FAILURE_WINDOW = timedelta(minutes=15)

# Ten sheets of paper is more than anybody loses an authenticator.
RECOVERY_CODES = 10
# 120 bits each: their plain SHA-256 cannot be turned back by trying (OWASP ASVS 2.6.2 asks for 112).
RECOVERY_CODE_BYTES = 15

_ISSUER = "Boxoffice"

_log = structlog.get_logger()


class SecondFactorNeeded(Refusal, status=401):
    """This account has a second factor; send `code`, too, from the authenticator or a recovery code."""


class WrongCode(Refusal, status=401):
    """The code is wrong, too old or was used before; wait for the next one."""


class TooManyCodes(Refusal, status=429):
    """Too many wrong codes; wait a quarter of an hour."""

    retry_after: ClassVar[int | None] = int(FAILURE_WINDOW.total_seconds())


class FactorExists(Refusal, status=409):
    """The account has a second factor; remove it before you set up another."""


class NoFactor(Refusal, status=409):
    """The account has no second factor that this could be done with; set one up first."""


# How the code of an account can be refused.
FACTOR_REFUSALS = (SecondFactorNeeded, WrongCode, TooManyCodes)


class SecondFactors:
    """Checks codes; keeps the authenticators' secrets sealed."""

    def __init__(self, operator_secrets: Sequence[str]) -> None:
        self._seal = Seal("second factor", operator_secrets)

    async def check(self, tx: Transaction, user_id: int, code: str | None) -> Refusal | None:
        """Take the code, or say what is wrong with it; None, too, for who has no second factor.

        A failure is counted: commit, then raise what this gives. The lock of the user must be held.
        """
        factor = await factor_queries.find_factor(tx, user_id, FAILURE_WINDOW)
        if factor is None or not factor.is_confirmed:
            return None
        return await self._take(tx, user_id, factor, code)

    async def set_up(self, tx: Transaction, user_id: int, email: str) -> NewFactor:
        """Make a secret that counts once it is confirmed; one not confirmed before is forgotten."""
        factor = await factor_queries.find_factor(tx, user_id, FAILURE_WINDOW)
        if factor is not None and factor.is_confirmed:
            raise FactorExists
        secret = secrets.token_bytes(SECRET_BYTES)
        await factor_queries.insert_factor(tx, user_id, self._seal.close(secret, _owner(user_id)))
        text = base64.b32encode(secret).decode()
        label = quote(f"{_ISSUER}:{email}", safe="@")
        return NewFactor(secret=text, uri=f"otpauth://totp/{label}?secret={text}&issuer={_ISSUER}")

    async def confirm(self, tx: Transaction, user_id: int, code: str) -> RecoveryCodes | Refusal:
        """Have the secret count from now on, if the code shows that the authenticator has it."""
        factor = await factor_queries.find_factor(tx, user_id, FAILURE_WINDOW)
        if factor is None:
            return NoFactor()
        if factor.is_confirmed:
            return FactorExists()
        refusal = await self._take(tx, user_id, factor, code)
        if refusal is not None:
            return refusal
        await factor_queries.update_confirmed(tx, user_id)
        return await self._new_codes(tx, user_id)

    async def renew_codes(self, tx: Transaction, user_id: int, code: str) -> RecoveryCodes | Refusal:
        """Replace the recovery codes."""
        factor = await factor_queries.find_factor(tx, user_id, FAILURE_WINDOW)
        if factor is None or not factor.is_confirmed:
            return NoFactor()
        return await self._take(tx, user_id, factor, code) or await self._new_codes(tx, user_id)

    async def remove(self, tx: Transaction, user_id: int) -> int:
        """Log in without a code from now on; 0 when that was so before."""
        return await factor_queries.delete_factor(tx, user_id)

    async def _take(
        self, tx: Transaction, user_id: int, factor: FactorRow, code: str | None
    ) -> Refusal | None:
        if code is None:
            return SecondFactorNeeded()
        if factor.recent_failures >= FAILURES_MAX:
            return TooManyCodes()
        # Blanks and dashes are for the eye.
        plain = "".join(code.split()).replace("-", "").upper()
        step = self._step_of(user_id, factor, plain)
        if step is not None and step <= factor.last_step:
            await self._warn(tx, user_id)
        elif step is not None:
            await factor_queries.update_step(tx, user_id, step)
            await self._seal_anew(tx, user_id, factor)
            return None
        if await factor_queries.delete_recovery_code(tx, user_id, _hash_of(plain)):
            return None
        await factor_queries.update_failures(tx, user_id, FAILURE_WINDOW)
        return WrongCode()

    async def _warn(self, tx: Transaction, user_id: int) -> None:
        """Somebody has the password and a code that was used or passed over: perhaps not its owner."""
        _log.warning("code of a second factor used again", user_id=user_id)
        user = await queries.get_user(tx, user_id)
        await letters.enqueue_letter(tx, letters.LetterKind.CODE_USED_AGAIN, user.email)

    async def _seal_anew(self, tx: Transaction, user_id: int, factor: FactorRow) -> None:
        """Seal with today's key what an earlier one sealed, as passwords are hashed anew at a log-in."""
        secret = self._seal.open(factor.secret_sealed, _owner(user_id))
        if secret is not None and not self._seal.is_current(factor.secret_sealed):
            await factor_queries.update_sealed(tx, user_id, self._seal.close(secret, _owner(user_id)))

    def _step_of(self, user_id: int, factor: FactorRow, code: str) -> int | None:
        """The time step of now whose code this is; one as new may have been taken before."""
        secret = self._seal.open(factor.secret_sealed, _owner(user_id))
        if secret is None or len(code) != DIGITS or not code.isascii():
            return None
        now = int(time.time()) // STEP_SECONDS
        generator = HOTP(secret, DIGITS, SHA1())  # noqa: S303  what authenticators have; no collision helps here
        for step in range(now - STEPS_ASIDE, now + STEPS_ASIDE + 1):
            if hmac.compare_digest(generator.generate(step), code.encode()):
                return step
        return None

    async def _new_codes(self, tx: Transaction, user_id: int) -> RecoveryCodes:
        codes = [_random_code() for _ in range(RECOVERY_CODES)]
        await factor_queries.update_recovery_codes(tx, user_id, [_hash_of(code) for code in codes])
        return RecoveryCodes(["-".join(re.findall("....", code)) for code in codes])


def _random_code() -> str:
    return base64.b32encode(secrets.token_bytes(RECOVERY_CODE_BYTES)).decode()


def _owner(user_id: int) -> bytes:
    return str(user_id).encode()


def _hash_of(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
