"""Strict limits: so many turns for each address, or for each of anything, exact across processes.

A route declares one with `guards=[limited(REGISTER)]`; a use case that knows of whom it is asked takes a turn
itself. A turn is one statement on a row of PostgreSQL, committed before the work that it allows (a password
to hash) begins. Turns come back one by one, evenly (GCRA), so nobody is locked out for longer than one takes
to come back. The headers are those of draft-ietf-httpapi-ratelimit-headers-10. See decision 0025.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import timedelta
from ipaddress import ip_address
from math import ceil
from typing import Any

import msgspec
from litestar.connection import ASGIConnection
from litestar.handlers import BaseRouteHandler

from boxoffice.kit import metrics
from boxoffice.kit.client_address import UNKNOWN, client_address, is_made_up, network_of
from boxoffice.kit.errors import Refusal
from boxoffice.kit.keys import derive_key
from boxoffice.kit.limit_queries import claim_turn, delete_drained, delete_turns
from boxoffice.kit.postgres import Database

# `EveryRequest` adds what is found here to the answer, whatever it is.
HEADERS = "boxoffice.limit_headers"

Guard = Callable[[ASGIConnection[Any, Any, Any, Any], BaseRouteHandler], Awaitable[None]]


class TooManyRequests(Refusal, status=429):
    """Too many requests; come back after `Retry-After` seconds."""

    # An answer's own, where others have one for all.
    retry_after: int  # pyright: ignore[reportIncompatibleVariableOverride, reportGeneralTypeIssues]


class RateLimit(msgspec.Struct, frozen=True):
    """So many turns at once; they come back evenly, all of them within `seconds`."""

    name: str
    turns: int
    seconds: int

    @property
    def each(self) -> timedelta:
        """How long one turn takes to come back."""
        return timedelta(seconds=self.seconds) / self.turns


class RateLimits:
    """Counts turns. What they are counted by is stored as a keyed hash: nobody reads addresses there."""

    def __init__(self, db: Database, secret: str) -> None:
        self._db = db
        self._key = derive_key(secret, "rate limits")

    async def take(self, scope: Any, limit: RateLimit, subject: str) -> None:
        """Take a turn, or raise `TooManyRequests`. Either is told in the headers of the answer."""
        room = timedelta(seconds=limit.seconds)
        async with self._db.transaction() as tx:
            level = await claim_turn(tx, self.place_of(limit, subject), each=limit.each, room=room)
        drains_in = room if level is None else level.drains_in
        if level is not None and level.had:
            _say(scope, limit, int((room - drains_in) / limit.each), ceil(drains_in.total_seconds()))
            return
        seconds = max(1, ceil((drains_in + limit.each - room).total_seconds()))
        _say(scope, limit, 0, seconds)
        metrics.LIMITED.labels(limit.name).inc()
        raise TooManyRequests(retry_after=seconds)

    async def take_for_address(self, scope: Any, limit: RateLimit, subject: str = "") -> None:
        """Take a turn of the client's network, for this subject if one is named.

        Nobody's, if the address is not known: whoever else comes by the same way must not be locked out.
        """
        if is_one_client(scope):
            await self.take(scope, limit, f"{network_of(client_address(scope))} {subject}")

    async def give_back(self, scope: Any, limit: RateLimit, subject: str) -> None:
        """Forget the turns that this client's network took for the subject."""
        if is_one_client(scope):
            place = self.place_of(limit, f"{network_of(client_address(scope))} {subject}")
            async with self._db.transaction() as tx:
                await delete_turns(tx, place)

    def place_of(self, limit: RateLimit, subject: str) -> bytes:
        """The key of its row."""
        return hmac.digest(self._key, f"{limit.name} {subject}".encode(), "sha256")


def limited(limit: RateLimit) -> Guard:
    """A guard: each address has so many turns at this route."""

    async def take_turn(connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler) -> None:
        await connection.app.state.rate_limits.take_for_address(connection.scope, limit)

    return take_turn


def is_one_client(scope: Any) -> bool:
    """Whether the address stands for a client, and not for all of those whom a proxy brings.

    Who comes from this machine, or from a private network and says that it forwards, is a proxy that
    nobody has named in BOXOFFICE_TRUSTED_PROXIES. But who hides behind one that is named stands for itself.
    """
    address = client_address(scope)
    if address == UNKNOWN:
        return False
    if is_made_up(scope):
        return True
    parsed = ip_address(address)
    if parsed.is_loopback:
        return False
    return not parsed.is_private or not any(
        name in {b"x-forwarded-for", b"forwarded"} for name, _ in scope["headers"]
    )


async def forget_drained(db: Database) -> None:
    """Tidy up after those who came back long ago, or never."""
    async with db.transaction() as tx:
        await delete_drained(tx)


def _say(scope: Any, limit: RateLimit, left: int, seconds: int) -> None:
    scope.setdefault(HEADERS, []).extend(headers_of(limit, left, seconds))


def headers_of(limit: RateLimit, left: int, seconds: int) -> list[tuple[bytes, bytes]]:
    """The limit, and what is left of it; `seconds` until it is whole, or until there is a turn again."""
    return [
        (b"ratelimit-policy", f'"{limit.name}";q={limit.turns};w={limit.seconds}'.encode()),
        (b"ratelimit", f'"{limit.name}";r={left};t={seconds}'.encode()),
    ]
