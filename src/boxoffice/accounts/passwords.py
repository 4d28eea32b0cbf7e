"""Passwords: which are refused, and hashing them without starving the sale."""

import asyncio
import base64
import os
import secrets
import string
import sys
import threading
import unicodedata
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from argon2 import Parameters, PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.profiles import RFC_9106_LOW_MEMORY

from boxoffice.accounts.common_passwords import COMMON_PASSWORDS
from boxoffice.kit import metrics
from boxoffice.kit.errors import Unavailable, invalid

# How many may wait for each thread: at 0.11 s a hash the last of them waits about 3 seconds, which is
# as long as somebody looks at a log-in button before pressing it again.
WAITING_PER_THREAD_MAX = 30

# By then the line of those who were let in is gone.
RETRY_AFTER_SECONDS = 4

# What is put around a common word to make it long enough.
_AROUND = string.digits + string.punctuation

# Of a common password with such things around it already: `dragon` of `dragon123`. Shorter ones are in too
# many words that nobody would guess.
_CORE_CHARACTERS_MIN = 6
_CORES = frozenset(
    core for word in COMMON_PASSWORDS if len(core := word.strip(_AROUND)) >= _CORE_CHARACTERS_MIN
)

# The least urgent there is: a hash of 0.1 s may take a second while seats are sold.
NICENESS = 19

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
    """Hashes and checks passwords with argon2id, in threads that give way to everything else."""

    def __init__(self, threads: int, cost: Parameters) -> None:
        self._hasher = PasswordHasher.from_parameters(cost)
        self._dummy = _nobodys_hash(cost)
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="passwords", initializer=_give_way)

    async def hash(self, password: str) -> str:
        """The password's hash with its salt and cost."""
        return await self._run(self._hasher.hash, normalized(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is right; without a hash it never is, and takes as long to say so."""
        return await self._run(self._verify, password_hash or self._dummy, normalized(password))

    def is_outdated(self, password_hash: str) -> bool:
        """Whether the hash was made at another cost than today's."""
        return self._hasher.check_needs_rehash(password_hash)

    def close(self) -> None:
        """Drop those who wait and finish the hash at work."""
        self._pool.shutdown(cancel_futures=True)

    def _verify(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        # An account that cannot be logged in to has a hash that is none.
        except (VerifyMismatchError, InvalidHashError):
            return False

    async def _run(self, work: Callable[..., Result], *arguments: str) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._pool, work, *arguments)


class Passwords:
    """The line before the hasher: so many at a time, and so many who wait.

    `cost` is RFC 9106's second recommended option: 64 MiB, three passes, four lanes. Tests may make
    it cheaper.
    """

    def __init__(self, threads: int, cost: Parameters = RFC_9106_LOW_MEMORY) -> None:
        self._hasher = Hasher(threads, cost)
        self._turn = asyncio.Semaphore(threads)
        # Waiting or at work.
        self._places = threads * (1 + WAITING_PER_THREAD_MAX)

    @asynccontextmanager
    async def turn(self) -> AsyncGenerator[Hasher]:
        """The hasher, when it is one's turn. Raises `Unavailable` when too many wait.

        Whoever asks the database on the way to a hash does so within the turn: a rush of log-ins then comes
        to the database one by one, and whoever is turned away has cost it nothing.
        """
        if not self._places:
            metrics.TURNED_AWAY.labels("password line full").inc()
            raise Unavailable(
                "Too many people are logging in at this moment. Try again shortly.", RETRY_AFTER_SECONDS
            )
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
        """Drop those who wait and finish the hash at work."""
        self._hasher.close()


def _give_way() -> None:
    """Let whoever sells go first: this thread, and those that a hash starts, take what is left of the cores.

    Linux has priorities for each thread; elsewhere it would be the whole process's.
    """
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


def _nobodys_hash(cost: Parameters) -> str:
    """A hash of the usual cost that no password has."""

    def random(length: int) -> str:
        return base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")

    return (
        f"$argon2id$v={cost.version}$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}"
        f"${random(cost.salt_len)}${random(cost.hash_len)}"
    )
