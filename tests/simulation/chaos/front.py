"""The way to our servers, as buyers, the organizer and the bank have it: whichever answers."""

import asyncio
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from boxoffice.accounts.identity import Role
from boxoffice.accounts.tokens import Tokens
from boxoffice.kit.settings import DEVELOPMENT_SECRET

# A request that has no answer by then was lost with its server.
_ANSWER_SECONDS_MAX = 15

# All servers may be down at once; starting one takes seconds, on a busy machine ten.
_PATIENCE_SECONDS_MAX = 90

# Between two tries, as a person would wait, ever longer; less only makes the machine busy.
PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 0.2, 3.0

_TOKENS = Tokens(DEVELOPMENT_SECRET, 15)


class Surprise(AssertionError):  # noqa: N818  found what we were looking for
    """Somebody was answered what nobody should be."""


class Front:
    """Asks one of the addresses, at random."""

    def __init__(self, urls: Sequence[str], seed: int) -> None:
        self.counts: Counter[str] = Counter()
        self._urls = [f"{url}/api/v1" for url in urls]
        self.chance = random.Random(f"{seed}:front")
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=50)
        self._client = httpx.AsyncClient(timeout=_ANSWER_SECONDS_MAX, limits=limits)

    async def close(self) -> None:
        """Hang up."""
        await self._client.aclose()

    async def post(self, path: str, *, content: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """One try. Raises `httpx.TransportError`."""
        answer = await self._client.post(self._url(path), content=content, headers=headers)
        self._count(answer)
        return answer

    async def ask(
        self,
        method: str,
        path: str,
        user_id: int,
        *,
        role: Role = Role.USER,
        body: Any = None,
        key: str | None = None,
    ) -> httpx.Response:
        """Ask until there is an answer other than "not now". Only what may be repeated is asked so."""
        headers = {"authorization": f"Bearer {_TOKENS.issue(user_id, role)}"}
        if key is not None:
            headers["idempotency-key"] = key
        pause = PAUSE_SECONDS_MIN
        async with asyncio.timeout(_PATIENCE_SECONDS_MAX):
            while True:
                try:
                    answer = await self._client.request(method, self._url(path), json=body, headers=headers)
                except httpx.TransportError:
                    self.counts["no answer"] += 1
                else:
                    self._count(answer)
                    if answer.status_code != 503:
                        return answer
                await asyncio.sleep(pause * self.chance.uniform(0.5, 1.5))
                pause = min(2 * pause, PAUSE_SECONDS_MAX)

    def expect(self, answer: httpx.Response, *statuses: int) -> None:
        """Raises `Surprise` for any other answer."""
        if answer.status_code not in statuses:
            raise Surprise(
                f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}"
            )

    def _url(self, path: str) -> str:
        return self.chance.choice(self._urls) + path

    def _count(self, answer: httpx.Response) -> None:
        self.counts[f"answered {answer.status_code}"] += 1
