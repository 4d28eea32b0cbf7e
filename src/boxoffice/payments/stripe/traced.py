"""Stripe's HTTP client where traces are on. Stripe itself is told nothing of them."""

from collections.abc import Mapping
from typing import Any

import stripe

from boxoffice.kit.postgres import assert_no_transaction
from boxoffice.kit.traces.calls import FAULTS_FROM, CallSpans
from boxoffice.kit.traces.spans import answered, is_recording


class TracedClient(stripe.HTTPXClient):
    """A span for each attempt, for the SDK repeats some by itself."""

    def __init__(self, calls: CallSpans, timeout: float) -> None:
        super().__init__(timeout=timeout)
        self._calls = calls

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        assert_no_transaction("A call to Stripe")
        if not is_recording():
            return await super().request_async(method, url, headers, post_data)
        with self._calls.of(method, url) as span:
            answer = await super().request_async(method, url, headers, post_data)
            answered(span, answer[1], faults_from=FAULTS_FROM)
            return answer
