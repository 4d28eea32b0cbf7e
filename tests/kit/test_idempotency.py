"""Idempotency keys in PostgreSQL: the lock that is only tried, the row that is written with its effect."""

import asyncio
from datetime import timedelta

import pytest

from boxoffice.kit import idempotency
from boxoffice.kit.idempotency import KeyUsedBefore, Once, StillAtWork, do_once
from boxoffice.kit.idempotency_queries import AnsweredRow, delete_answered, list_answered
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database, Transaction


def once(key: str, request: bytes = b"{}", *, owner_id: int = 1) -> Once:
    """A request as it comes from its client."""
    return Once(owner_id, "MakeOne", key, [request])


def new_key() -> str:
    """A key nobody has used."""
    return new_id(1).hex


async def ask(db: Database, asked: Once, answer: int) -> int:
    """Have it answered once."""

    async def work() -> int:
        return answer

    async with db.transaction() as tx:
        return await do_once(tx, asked, int, work)


async def rows(db: Database, asked: Once) -> list[AnsweredRow]:
    """What is remembered of it."""
    return await list_answered(db, [asked.owner_id], [asked.operation], [asked.key])


async def test_what_was_done_is_answered_again_and_not_done_again(db: Database):
    first, second = once(key := new_key()), once(key)

    assert [await ask(db, first, 7), await ask(db, second, 8)] == [7, 7]
    assert [first.replayed, second.replayed] == [False, True]


async def test_a_key_belongs_to_one_request_of_one_owner_for_one_operation(db: Database):
    key = new_key()
    await ask(db, once(key), 1)

    with pytest.raises(KeyUsedBefore):
        await ask(db, once(key, b"another"), 2)
    assert await ask(db, once(key, owner_id=2), 3) == 3
    assert await ask(db, Once(1, "MakeAnother", key, [b"{}"]), 4) == 4


async def test_while_the_first_is_at_work_the_second_is_told_so_and_waits_for_nothing(db: Database):
    """Seen to fail without the advisory lock: the second does it, too, and the first breaks."""
    key, begun, go_on = new_key(), asyncio.Event(), asyncio.Event()

    async def work() -> int:
        begun.set()
        await go_on.wait()
        return 1

    async def first() -> int:
        async with db.transaction() as tx:
            return await do_once(tx, once(key), int, work)

    at_work = asyncio.create_task(first())
    await begun.wait()
    with pytest.raises(StillAtWork) as refusal:
        await ask(db, once(key), 2)
    go_on.set()

    assert (refusal.value.status, refusal.value.retry_after) == (409, 1)
    assert [await at_work, await ask(db, once(key), 3)] == [1, 1]


async def test_the_key_and_its_effect_are_there_both_or_neither(db: Database):
    asked = once(new_key())

    class Died(Exception):  # noqa: N818  it is what happens, not a fault of ours
        """What a crash looks like to PostgreSQL: no COMMIT."""

    async def begin(tx: Transaction) -> None:
        await do_once(tx, asked, int, lambda: asyncio.sleep(0, 1))
        raise Died

    with pytest.raises(Died):
        async with db.transaction() as tx:
            await begin(tx)

    assert await rows(db, asked) == []
    assert await ask(db, asked, 2) == 2


async def test_a_refusal_is_not_kept(db: Database):
    asked = once(new_key())

    async def refuse() -> int:
        raise KeyUsedBefore

    with pytest.raises(KeyUsedBefore):
        async with db.transaction() as tx:
            await do_once(tx, asked, int, refuse)

    assert await ask(db, asked, 2) == 2


async def test_keys_are_kept_for_a_day_and_then_forgotten(db: Database, monkeypatch: pytest.MonkeyPatch):
    old, older, young = [once(new_key()) for _ in range(3)]
    for asked in (old, older, young):
        await ask(db, asked, 1)
    async with db.transaction() as tx:
        for asked, age in ((old, timedelta(hours=24, seconds=1)), (older, timedelta(days=9))):
            await tx.execute(
                "UPDATE idempotency_keys SET created_at = now() - $2::interval WHERE key = $1", asked.key, age
            )
        await tx.execute(
            "UPDATE idempotency_keys SET created_at = now() - interval '23 hours 59 minutes' WHERE key = $1",
            young.key,
        )
    # One at a time, so that more than one round is needed.
    monkeypatch.setattr(idempotency, "FORGOTTEN_AT_ONCE_MAX", 1)

    await idempotency.forget_old_keys(db)

    assert [len(await rows(db, asked)) for asked in (old, older, young)] == [0, 0, 1]
    async with db.transaction() as tx:
        assert await delete_answered(tx, idempotency.KEPT, 10) == 0
