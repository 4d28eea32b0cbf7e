"""What is only authorised: on two accounts of its own until it is taken or let go.

That nothing is left there in the end is asked of every case (`case_end`).
"""

from boxoffice.accounts.identity import Role
from boxoffice.kit.postgres import Database, Source
from boxoffice.payments.ledger.verification import verify_ledger
from payments.baskets import Basket, headers_of
from payments.stripe_shop import Shop
from payments.tampering import faults_after


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


async def test_a_payment_that_is_neither_held_nor_let_go_is_named(shop: Shop, owner_db: Database):
    held, payment_id = await authorise(shop)
    over = "UPDATE payments SET state = 'CANCELLED' WHERE event_id = $1"
    lost = "DELETE FROM ledger_movements WHERE event_id = $1"

    assert (await faults_after(owner_db, held.show.event_id, over))[-1] == (
        f"authorisation neither held nor let go, of payment {payment_id}: expected 0 EUR, found 5000."
    )
    assert await faults_after(owner_db, held.show.event_id, lost) == [
        f"authorisation of payment {payment_id}: expected 5000 EUR, found 0."
    ]
