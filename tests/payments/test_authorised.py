"""What is only authorised: on two accounts of its own until it is taken or let go.

That nothing is left there in the end is asked of every case (`case_end`).
"""

from contextlib import suppress
from importlib import import_module

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database, Source
from boxoffice.payments.ledger_verification import verify_ledger
from payments.baskets import Basket, headers_of
from payments.stripe_shop import Shop

MIGRATION = import_module("boxoffice.migrations.versions.0046_payments_authorised")


async def authorise(shop: Shop) -> tuple[Basket, str]:
    """A booking whose payment is authorised, reported twice; nothing is taken yet."""
    held = await shop.hold()
    payment_id = await shop.start(held)
    event = shop.peer.pay(payment_id)
    for _ in range(2):
        assert await shop.tell(event) == 204
    return held, payment_id


async def entries(source: Source, held: Basket) -> list[str]:
    """What the ledger has of the show, in the order of its movements."""
    return await source.list(
        str,
        """
        SELECT kind || ' ' || account || ' ' || amount FROM ledger_entries
         WHERE event_id = $1 ORDER BY at, movement_id, line
        """,
        held.show.event_id,
    )


async def seen_by_organizer(shop: Shop, held: Basket) -> tuple[list[str], list[int]]:
    """The kinds of their statement's lines, and the gross amounts of their balance."""
    headers = headers_of(held.show.organizer_id, Role.ORGANIZER)
    statement = await shop.client.get("/organizers/me/statement", headers=headers)
    balance = await shop.client.get("/organizers/me/balance", headers=headers)
    return (
        [line["kind"] for line in statement.json()["items"]],
        [each["gross"]["amount"] for each in balance.json()["items"]],
    )


async def test_what_is_authorised_is_reserved_once_and_no_organizer_sees_it_before_it_is_taken(shop: Shop):
    held, payment_id = await authorise(shop)
    reserved = ["AUTHORISED RESERVED 5000", "AUTHORISED PROMISED -5000"]
    assert await entries(shop.parts.db, held) == reserved
    assert await seen_by_organizer(shop, held) == ([], [])

    for _ in range(2):
        await shop.capture(payment_id)
    assert await shop.tell(shop.peer.events[-1]) == 204

    assert sorted((await entries(shop.parts.db, held))[2:]) == [
        "AUTHORISATION_OVER PROMISED 5000",
        "AUTHORISATION_OVER RESERVED -5000",
        "CAPTURED ORGANIZER -5000",
        "CAPTURED PROVIDER 5000",
    ]
    assert await seen_by_organizer(shop, held) == (["CAPTURED"], [5000])
    assert (await verify_ledger(shop.parts.db, held.show.event_id)).faults == []


class _Undone(Exception):  # noqa: N818  so that what was done is rolled back
    pass


async def test_a_payment_that_is_neither_held_nor_let_go_is_named(shop: Shop, owner_db: Database):
    """And one that was authorised before the ledger knew of it is held by the migration, once."""
    held, payment_id = await authorise(shop)
    event_id = held.show.event_id

    async def faults(*statements: tuple[str, *tuple[int, ...]]) -> list[str]:
        """What is said once somebody has done this who may switch triggers off; then it is undone."""
        found: list[str] = []
        with suppress(_Undone):
            async with owner_db.transaction() as tx:
                await tx.execute("SET LOCAL session_replication_role = replica")
                for statement, *arguments in statements:
                    await tx.execute(statement, *arguments)  # pyright: ignore[reportArgumentType]  one of ours
                found = (await verify_ledger(tx, event_id)).faults
                raise _Undone
        return [fault.removeprefix(f"Event {event_id}, ") for fault in found]

    over = "UPDATE payments SET state = 'CANCELLED' WHERE event_id = $1", event_id
    lost = "DELETE FROM ledger_entries WHERE event_id = $1", event_id
    assert await faults() == []
    assert (await faults(over))[-1] == (
        f"authorisation neither held nor let go, of payment {payment_id}: expected 0 EUR, found 5000."
    )
    assert await faults(lost) == [f"authorisation of payment {payment_id}: expected 5000 EUR, found 0."]
    assert await faults(lost, (MIGRATION.RESERVE,), (MIGRATION.RESERVE,)) == []
