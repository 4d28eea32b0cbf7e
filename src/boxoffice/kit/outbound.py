"""Calls to the outside world: bounded in time, and never while a transaction is open."""

from functools import cached_property

import httpx

from boxoffice.kit.postgres import assert_no_transaction

# A peer that has not answered by then counts as away; a job will try again.
OUTBOUND_SECONDS_MAX = 10.0


class Outbound:
    """An HTTP client for other people's servers; keeps connections open between calls."""

    @cached_property
    def _client(self) -> httpx.AsyncClient:
        # With the first call: to read the certificates of the world takes 25 ms of every start.
        return httpx.AsyncClient(timeout=OUTBOUND_SECONDS_MAX, follow_redirects=False)

    async def post(self, url: str, content: bytes, headers: dict[str, str]) -> int:
        """Send bytes, get the status. Raises `httpx.HTTPError` when there is no answer."""
        assert_no_transaction("A network call")
        return (await self._client.post(url, content=content, headers=headers)).status_code

    async def close(self) -> None:
        """Close the connections."""
        if "_client" in self.__dict__:
            await self._client.aclose()
