"""Idempotency keys: who asks twice under one key has it done once, and reads the same answer.

The key's row is written in the transaction of its effect, so there are both or neither. Only what was done
is remembered: a refusal and a 503 changed nothing, and may be asked again. The header is that of
draft-ietf-httpapi-idempotency-key-header-07. See decision 0019.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Annotated, ClassVar, TypeVar

import msgspec
from litestar import Response
from litestar.params import HeaderParameter

from boxoffice.kit.errors import InvalidInput, Refusal
from boxoffice.kit.idempotency_queries import (
    AnsweredRow,
    delete_answered,
    delete_answers_of,
    insert_answered,
    list_answered,
    list_taken,
)
from boxoffice.kit.postgres import Database, Transaction

# Stripe's bound; a UUID has 36.
KEY_CHARACTERS_MAX = 255

# Longer than any client repeats; what is older is tidied up.
KEPT = timedelta(hours=24)

# So many are forgotten in one transaction: some tens of milliseconds of work.
FORGOTTEN_AT_ONCE_MAX = 10_000

# Visible ASCII, as a structured field's string (in quotes, RFC 9651) or bare, as many clients send it.
_CHARACTERS = rf"[!#-\[\]-~]{{1,{KEY_CHARACTERS_MAX}}}"

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=rf'^(?:"{_CHARACTERS}"|{_CHARACTERS})$',
        description=(
            "Made up by you, new for each thing you want done, a UUID for instance. A request that comes "
            "again with its key within 24 hours is not done again: it gets the first one's answer, with "
            "`Idempotent-Replayed: true`. Refusals are not kept."
        ),
    ),
]

T = TypeVar("T")


class KeyUsedBefore(Refusal, status=422):
    """Another request was done under this Idempotency-Key; make a new key for a new request."""


class StillAtWork(Refusal, status=409):
    """A request with this Idempotency-Key is being done at this moment; ask again for its answer."""

    retry_after: ClassVar[int | None] = 1


REFUSALS = (KeyUsedBefore, StillAtWork, InvalidInput)


class Once:
    """Who wants what done once under which key; `replayed` tells that it had been done before."""

    __slots__ = ("fingerprint", "key", "operation", "owner_id", "replayed")

    def __init__(self, owner_id: int, operation: str, key: str, request: Sequence[bytes]) -> None:
        self.owner_id = owner_id
        self.operation = operation
        self.key = key.removeprefix('"').removesuffix('"')
        self.fingerprint = hashlib.sha256(b"\0".join(request)).digest()
        self.replayed = False

    @property
    def place(self) -> tuple[int, str, str]:
        """What its row is known by."""
        return self.owner_id, self.operation, self.key

    @property
    def lock_number(self) -> int:
        """The number of its advisory lock; that two keys share one costs a 409 once in 2^64."""
        digest = hashlib.sha256(repr(self.place).encode()).digest()
        return int.from_bytes(digest[:8], signed=True)

    def row(self, answer: object) -> AnsweredRow:
        """What is remembered."""
        return AnsweredRow(*self.place, self.fingerprint, msgspec.json.encode(answer).decode())


async def look_up(tx: Transaction, asked: Sequence[Once]) -> list[str | Refusal | None]:
    """For each: the answer it had before, as JSON; why it is refused; or None, then it is to be done now.

    First the locks, then, in a statement of its own that sees what was committed by then, the rows. Of two
    with one key the second is refused.
    """
    taken = set(await list_taken(tx, [once.lock_number for once in asked]))
    rows = await list_answered(
        tx, *(list(part) for part in zip(*[once.place for once in asked], strict=True))
    )
    known = {(row.owner_id, row.operation, row.key): row for row in rows}
    begun: set[tuple[int, str, str]] = set()
    found: list[str | Refusal | None] = []
    for once in asked:
        row = known.get(once.place)
        if row is None:
            free = once.lock_number in taken and once.place not in begun
            begun.add(once.place)
            found.append(None if free else StillAtWork())
        elif row.fingerprint == once.fingerprint:
            once.replayed = True
            found.append(row.answer)
        else:
            found.append(KeyUsedBefore())
    return found


async def remember(tx: Transaction, done: Sequence[tuple[Once, object]]) -> None:
    """Write what was done under these keys. Call it in the transaction of `look_up`."""
    await insert_answered(tx, [once.row(answer) for once, answer in done])


async def do_once(
    tx: Transaction, once: Once | None, answer_type: type[T], work: Callable[[], Awaitable[T]]
) -> T:
    """Do the work, or give the answer it had before. Raises `KeyUsedBefore` or `StillAtWork`."""
    if once is None:
        return await work()
    (found,) = await look_up(tx, [once])
    if isinstance(found, Refusal):
        raise found
    if found is not None:
        return msgspec.json.decode(found, type=answer_type)
    answer = await work()
    await remember(tx, [(once, answer)])
    return answer


async def forget_old_keys(db: Database) -> None:
    """Tidy up the keys that nobody asks for any more."""
    forgotten = FORGOTTEN_AT_ONCE_MAX
    while forgotten == FORGOTTEN_AT_ONCE_MAX:
        async with db.transaction() as tx:
            forgotten = await delete_answered(tx, KEPT, FORGOTTEN_AT_ONCE_MAX)


async def forget_answers_of(tx: Transaction, owner_id: int) -> None:
    """Forget what was answered to somebody."""
    await delete_answers_of(tx, owner_id)


def respond(answer: T, once: Once | None) -> Response[T]:
    """Answer; say so if it is the answer of before."""
    replayed = once is not None and once.replayed
    return Response(answer, headers={"Idempotent-Replayed": "true"} if replayed else None)
