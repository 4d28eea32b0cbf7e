"""The general limits: so many requests a minute for each address and each account, over the whole API.

They are counted in memory, since a statement for each request would cost more than the request. Once a second
a process adds what it let through to the sums in PostgreSQL, of those who came often, and learns what the
others let through. So a limit holds across processes with a second's lag. See decision 0025.

Requests in progress, streams and slow bodies among them, are counted by each process for itself.

Who signs what they send, a payment provider, has no minute's limit: it comes as often as money does. It has
one of requests in progress, since anybody can begin one, and what turned out not to be signed counts.
"""

import asyncio
import hmac
import sys
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec
import structlog

from boxoffice.kit import metrics
from boxoffice.kit.client_address import client_address, network_of
from boxoffice.kit.errors import Unavailable
from boxoffice.kit.keys import derive_key
from boxoffice.kit.limit_queries import delete_counts, update_counts
from boxoffice.kit.outages import Outage
from boxoffice.kit.postgres import Database
from boxoffice.kit.problems import PROBLEM_JSON, refusal_content, unavailable_content
from boxoffice.kit.rate_limits import HEADERS, RateLimit, TooManyRequests, headers_of, is_one_client
from boxoffice.kit.settings import Settings

# How far behind the others a process may be.
EXCHANGE_SECONDS = 1.0

# Who has come less often than this part of the limit is counted by each process for itself: most people, so
# a rush of ten thousand writes no ten thousand rows.
SHARED_FROM = 0.02

# Addresses and accounts that a process counts within a minute, at 200 bytes each; one that comes when there
# are more is let through.
KEYS_MAX = 200_000

# From here on an answer says how much is left; before it, nobody has to care.
TOLD_FROM = 0.75

_MINUTE = 60

# Who has too many requests in progress has a place again as soon as one of them is answered.
AT_ONCE_RETRY_SECONDS = 1

# A minute's, of one address in each process: a provider whose secret is wrong here is told so as often.
UNSIGNED_PER_MINUTE = 600

_UNSIGNED = 401

_PLACE = "boxoffice.at_once"

_log = structlog.get_logger()

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class Count(msgspec.Struct):
    """Requests of somebody in this minute: as known of all processes, and ours that they do not know yet."""

    known: int = 0
    ours: int = 0


class Counter:
    """One of the limits: requests a minute for each key."""

    def __init__(self, name: str, per_minute: int) -> None:
        self.limit = RateLimit(name, per_minute, _MINUTE)
        self.told_from = int(per_minute * (1 - TOLD_FROM))
        self._shared_from = max(1, int(per_minute * SHARED_FROM))
        self._counts: dict[str, Count] = {}
        self.often: dict[str, Count] = {}

    def take(self, key: str) -> int:
        """Count one more, if the limit has room for it; how much room there is, this one included."""
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= KEYS_MAX:
                return self.limit.turns
            count = self._counts[key] = Count()
        before = count.known + count.ours
        if before < self.limit.turns:
            count.ours += 1
            if before + 1 >= self._shared_from:
                self.often[key] = count
        return self.limit.turns - before

    def has_room(self, key: str) -> bool:
        """Whether the limit has room for one more."""
        count = self._counts.get(key)
        return count is None or count.known + count.ours < self.limit.turns

    def begin_minute(self) -> None:
        """Everybody starts anew."""
        self._counts, self.often = {}, {}


class Traffic:
    """Counts every request but those whose path begins with one of `uncounted`.

    Below `signed` it counts what was answered 401, and refuses with 503: nobody is told to stop.
    """

    def __init__(
        self,
        db: Database,
        settings: Settings,
        account_of: Callable[[Any], str | None],
        uncounted: tuple[str, ...],
        signed: tuple[str, ...] = (),
    ) -> None:
        self._db = db
        self._key = derive_key(settings.secret, "request counts")
        self.account_of = account_of
        self._uncounted = uncounted
        self._signed = signed
        self._unsigned = Counter("unsigned", UNSIGNED_PER_MINUTE)
        self._addresses = _counter("address", settings.requests_per_address)
        self._accounts = _counter("account", settings.requests_per_account)
        self._at_once_max = settings.requests_at_once_per_address or sys.maxsize
        self._at_once: dict[str, int] = {}
        self._minute = 0
        self._is_told = False

    def refuse(self, scope: Any) -> Answer | None:
        """The answer to a request that is one too many, or None: then it was counted, and has to `leave`."""
        path = scope["path"]
        if path.startswith(self._uncounted):
            return None
        is_signed = path.startswith(self._signed)
        network = network_of(client_address(scope))
        at_once = self._at_once.get(network, 0)
        if at_once >= self._at_once_max and is_one_client(scope):
            metrics.LIMITED.labels("at once").inc()
            return _later(AT_ONCE_RETRY_SECONDS) if is_signed else _refusal(AT_ONCE_RETRY_SECONDS)
        refused = (self._refuse_unsigned if is_signed else self._refuse_by_minute)(scope, network)
        if refused is None:
            self._at_once[network] = at_once + 1
            scope[_PLACE] = network
        return refused

    def leave(self, scope: Any, status: int) -> None:
        """The request is over, with its stream if it had one, and was answered this."""
        network = scope.pop(_PLACE, None)
        if network is None:
            return
        if status == _UNSIGNED and scope["path"].startswith(self._signed):
            self._unsigned.take(network)
        left = self._at_once[network] - 1
        if left:
            self._at_once[network] = left
        else:
            del self._at_once[network]

    def _refuse_unsigned(self, scope: Any, network: str) -> Answer | None:
        now = self._now()
        if self._unsigned.has_room(network) or not is_one_client(scope):
            return None
        metrics.LIMITED.labels("unsigned").inc()
        return _later(_MINUTE - int(now) % _MINUTE)

    def _now(self) -> float:
        now = time.time()
        minute = int(now) // _MINUTE
        if minute != self._minute:
            self._begin(minute)
        return now

    def _refuse_by_minute(self, scope: Any, network: str) -> Answer | None:
        now = self._now()
        if (counter := self._addresses) is not None:
            left = counter.take(network)
            if left <= counter.told_from and (found := self._tell(counter, scope, left, now)):
                return found
        if (counter := self._accounts) is not None and (account := self.account_of(scope)) is not None:
            left = counter.take(account)
            if left <= counter.told_from:
                return self._tell(counter, scope, left, now)
        return None

    async def exchange(self) -> None:
        """Add what we let through to the sums, and learn what all have let through."""
        minute = self._minute
        often: dict[bytes, tuple[Count, int]] = {}
        for counter in (self._addresses, self._accounts):
            if counter is None:
                continue
            for key, count in counter.often.items():
                if not count.ours:
                    continue
                place = hmac.digest(self._key, f"{counter.limit.name} {key}".encode(), "sha256")
                often[place] = count, count.ours
        if not often:
            return
        keys = sorted(often)
        async with self._db.transaction() as tx:
            rows = await update_counts(tx, minute, keys, [often[key][1] for key in keys])
        for row in rows:
            count, sent = often[row.key]
            count.known = row.taken
            count.ours -= sent

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Exchange sums while the block runs."""
        task = asyncio.create_task(self._exchange_for_ever())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _exchange_for_ever(self) -> None:
        tidied = 0
        outage = Outage("requests are counted by each process for itself", "they are counted together again")
        while True:
            await asyncio.sleep(EXCHANGE_SECONDS)
            try:
                await self.exchange()
                if self._minute > tidied:
                    tidied = self._minute
                    async with self._db.transaction() as tx:
                        await delete_counts(tx, tidied - 1)
                outage.over()
            except Unavailable as error:
                outage.failed(error)
            except Exception:  # noqa: BLE001  logged with its traceback
                _log.exception("bug in counting requests")

    def _begin(self, minute: int) -> None:
        self._minute = minute
        self._is_told = False
        for counter in (self._addresses, self._accounts, self._unsigned):
            if counter is not None:
                counter.begin_minute()

    def _tell(self, counter: Counter, scope: Any, left: int, now: float) -> Answer | None:
        """Say how much is left, or refuse; an address that may be a whole proxy's is never refused."""
        if counter is self._addresses and not is_one_client(scope):
            if left <= 0 and not self._is_told:
                self._is_told = True
                _log.warning(
                    "too many requests from one address, which may be a proxy: "
                    "name it in BOXOFFICE_TRUSTED_PROXIES",
                    address=client_address(scope),
                )
            return None
        seconds = _MINUTE - int(now) % _MINUTE
        headers = headers_of(counter.limit, max(0, left - 1), seconds)
        if left > 0:
            scope.setdefault(HEADERS, []).extend(headers)
            return None
        metrics.LIMITED.labels(counter.limit.name).inc()
        return _refusal(seconds, headers)


def _refusal(seconds: int, headers: Sequence[tuple[bytes, bytes]] = ()) -> Answer:
    return _answer(429, refusal_content(TooManyRequests(retry_after=seconds)), seconds, headers)


def _later(seconds: int) -> Answer:
    return _answer(503, unavailable_content(Unavailable("Too much at once. Say it again shortly.")), seconds)


def _answer(
    status: int, content: dict[str, Any], seconds: int, headers: Sequence[tuple[bytes, bytes]] = ()
) -> Answer:
    body = msgspec.json.encode(content)
    more = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"retry-after", str(seconds).encode()),
    ]
    return status, [*more, *headers], body


def _counter(name: str, per_minute: int) -> Counter | None:
    return Counter(name, per_minute) if per_minute else None
