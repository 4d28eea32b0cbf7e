"""Passwords: which are refused, and hashing them without starving the sale."""

import asyncio
import base64
import dataclasses
import secrets
import string
import unicodedata
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.profiles import RFC_9106_LOW_MEMORY

from boxoffice.accounts.common_passwords import COMMON_PASSWORDS
from boxoffice.accounts.hashing import verify
from boxoffice.kit import metrics
from boxoffice.kit.apart import Apart
from boxoffice.kit.errors import Unavailable, invalid

# RFC 9106's second recommended option (64 MiB, three passes), but in one lane: the threads of its four lanes
# would want four cores at once.
COST = dataclasses.replace(RFC_9106_LOW_MEMORY, parallelism=1)

# How many may wait for each that hashes: at 0.18 s a hash the last of them waits about 3 seconds (6, where
# two share a core), as long as somebody looks at a log-in button before pressing it again.
WAITING_PER_HASHER_MAX = 15

# By then the line of those who were let in is gone.
RETRY_AFTER_SECONDS = 4

# By then a hash that is only slow, on cores that others want, is done; a process that hangs never will be.
HASH_SECONDS_MAX = 60.0

# What is put around a common word to make it long enough.
_AROUND = string.digits + string.punctuation

# Of a common password with such things around it already: `dragon` of `dragon123`. Shorter ones are in too
# many words that nobody would guess.
_CORE_CHARACTERS_MIN = 6
_CORES = frozenset(
    core for word in COMMON_PASSWORDS if len(core := word.strip(_AROUND)) >= _CORE_CHARACTERS_MIN
)

Result = TypeVar("Result")


def normalized(password: str) -> str:
    """The same password typed on another keyboard (NIST SP 800-63B asks for NFKC)."""
    return unicodedata.normalize("NFKC", password)


def refuse_guessable(pointer: str, password: str, email: str, name: str) -> None:
    """Refuse what is tried first: the commonest passwords and what the account itself says."""
    password = normalized(password).casefold()
    address = email.casefold()
    if is_common(password):
        raise invalid(pointer, "This is one of the commonest passwords; choose another.")
    if password in (address, address.partition("@")[0], name.casefold()):
        raise invalid(pointer, "The password must not be the name or the e-mail address.")


def is_guessable(password: str) -> bool:
    """Whether it would be refused as one of the commonest; one of before may have become so since."""
    return is_common(normalized(password).casefold())


def is_common(password: str) -> bool:
    """Whether it is one of the commonest, one of them twice, or one with other digits or signs around it."""
    half = len(password) // 2
    once = password[:half] if password[:half] == password[half:] else password
    return password in COMMON_PASSWORDS or once in COMMON_PASSWORDS or password.strip(_AROUND) in _CORES


class Hasher:
    """Hashes and checks passwords with argon2id: apart, in processes that give way to everything else, or in
    threads, where nothing is sold.
    """

    def __init__(self, count: int, cost: Parameters, *, apart: bool) -> None:
        self._hasher = PasswordHasher.from_parameters(cost)
        self._dummy = _nobodys_hash(cost)
        self._apart = Apart(count, apart=apart)

    async def hash(self, password: str) -> str:
        """The password's hash with its salt and cost."""
        return await self._run(self._hasher.hash, normalized(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right; without a hash it never is, and takes as long to say so."""
        return await self._run(verify, self._hasher, password_hash or self._dummy, normalized(password))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Drop those who wait and the hash at work: nobody is answered any more."""
        self._apart.close()

    async def _run(self, work: Callable[..., Result], *arguments: Any) -> Result:
        return await self._apart.run(
            work,
            *arguments,
            seconds_max=HASH_SECONDS_MAX,
            lost="Passwords cannot be checked right now. Try again shortly.",
        )


def line_is_full() -> Unavailable:
    """What is said to those for whom there is no place in the line."""
    return Unavailable(
        "Too many people are logging in at this moment. Try again shortly.", RETRY_AFTER_SECONDS
    )


class Passwords:
    """The line before the hasher: so many at a time, and so many who wait.

    Tests may make the cost cheaper.
    """

    def __init__(self, count: int, cost: Parameters = COST, *, apart: bool = False) -> None:
        self._hasher = Hasher(count, cost, apart=apart)
        self._turn = asyncio.Semaphore(count)
        # Waiting or at work.
        self._places = count * (1 + WAITING_PER_HASHER_MAX)

    @property
    def is_full(self) -> bool:
        """Whether whoever comes now is turned away."""
        return not self._places

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Hasher]:
        """The hasher, when it is one's turn. Raises `Unavailable` when too many wait.

        Whoever asks the database on the way to a hash does so within the turn: a rush of log-ins then comes
        to the database one by one, and whoever is turned away has cost it nothing.
        """
        if self.is_full:
            metrics.TURNED_AWAY.labels("password line full").inc()
            raise line_is_full()
        self._places -= 1
        try:
            async with self._turn:
                yield self._hasher
        finally:
            self._places += 1

    async def hash(self, password: str) -> str:
        """As the hasher does, in a turn for this alone."""
        async with self.turn() as hasher:
            return await hasher.hash(password)

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """As the hasher does, in a turn for this alone."""
        async with self.turn() as hasher:
            return await hasher.verify(password, password_hash)

    def close(self) -> None:
        """Drop those who wait and the hash at work: nobody is answered any more."""
        self._hasher.close()


def _nobodys_hash(cost: Parameters) -> str:
    """A hash of the usual cost that no password has."""

    def random(length: int) -> str:
        return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")

    return (
        f"$argon2id$v={cost.version}$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        f"${random(cost.salt_len)}${random(cost.hash_len)}"
    )
