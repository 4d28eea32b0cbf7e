"""Commands that come with an idempotency key: done once, answered alike ever after."""

from collections.abc import Sequence

import msgspec

from boxoffice.inventory.commands import (
    Block,
    BlockedPlaces,
    Booking,
    Command,
    Held,
    Hold,
    Outcome,
    TakeBackPlaces,
    TakenBack,
)
from boxoffice.kit import idempotency
from boxoffice.kit.errors import Refusal
from boxoffice.kit.idempotency import Once
from boxoffice.kit.postgres import Transaction


async def find_outcomes(tx: Transaction, asked: Sequence[tuple[Command, Once]]) -> list[Outcome | Refusal]:
    """For each: the outcome it had before, or why it is refused; None when it is to be decided now."""
    found = await idempotency.look_up(tx, [once for _, once in asked])
    return [
        msgspec.json.decode(answer, type=_outcome_type(command)) if isinstance(answer, str) else answer
        for (command, _), answer in zip(asked, found, strict=True)
    ]


async def remember_outcomes(
    tx: Transaction, asked: Sequence[Once | None], outcomes: Sequence[Outcome | Refusal]
) -> None:
    """Write what is being done with the batch that does it."""
    done = [
        (once, outcome)
        for once, outcome in zip(asked, outcomes, strict=True)
        if once is not None and not isinstance(outcome, Refusal)
    ]
    if done:
        await idempotency.remember(tx, done)


def _outcome_type(command: Command) -> type[Held | Booking | BlockedPlaces | TakenBack]:
    match command:
        case Hold():
            return Held
        case Block():
            return BlockedPlaces
        case TakeBackPlaces():
            return TakenBack
        case _:
            return Booking
