"""What the load client is told to do, and what it tells back."""

from enum import StrEnum

import msgspec


class Kind(StrEnum):
    """What one buyer does again and again.

    HOLD              hold neighbouring seats, by their ids
    REFUSED           the same, of seats that are gone: each is to be refused
    BEST              hold as many seats, side by side, chosen by the server
    RUSH              hold two seats that many want; half of those who get them give up, the others pay
    SALE              hold, start the payment, and play the provider: send its signed webhook
    SANDBOX_SALE      hold, start the payment, press `pay` at the sandbox, which sends the webhook
    """

    HOLD = "HOLD"
    REFUSED = "REFUSED"
    BEST = "BEST"
    RUSH = "RUSH"
    SALE = "SALE"
    SANDBOX_SALE = "SANDBOX_SALE"


class Buyer(msgspec.Struct, frozen=True):
    """A buyer's visit: who it is, and the first seat of each group, with its event, wanted in turn."""

    access_token: str
    wanted: list[tuple[int, int]]


class Plan(msgspec.Struct, frozen=True):
    """A phase. It ends after `seconds`, or when every buyer has been served.

    `warm_up` buyers are served before the clock starts. `webhook_key` signs as the sandbox does. A hold
    is of `places` seats. With `per_second` the loop is open: a buyer comes when it is their time, answered
    or not those before them, and waits from then on; without, the next comes when one was answered.
    """

    kind: Kind
    port: int
    connections: int
    seconds: float
    warm_up: int
    buyers: list[Buyer]
    webhook_key: bytes
    places: int = 2
    per_second: float | None = None


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from the request's first byte out to the answer's last byte in."""

    mean: float
    p50: float
    p95: float
    p99: float
    most: float


class Result(msgspec.Struct, frozen=True):
    """What came of a phase. `visits` counts holds, or sales from hold to webhook.

    `statuses` counts every answer by its step and status, warm-up apart; `oddities` has one answer of each
    kind that was no success. `held` counts all 201s to holds, warm-up included, and `sold` all finished
    sales likewise: what the tables must have. `ticks` counts answers by tenth of a second of the monotonic
    clock, and status. `bare` counts answers 503 that did not say when to try again.
    """

    seconds: float
    cpu_seconds: float
    requests: int
    visits: int
    statuses: dict[str, dict[int, int]]
    latency: dict[str, Latency]
    held: int
    sold: int
    booking_ids: list[str]
    oddities: dict[str, str]
    ticks: list[tuple[int, int, int]]
    bare: int
