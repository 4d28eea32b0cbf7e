"""Somebody who owns the tables changes rows of the ledger, and what `boxoffice ledger verify` says then."""

from contextlib import suppress

from boxoffice.kit.postgres import Database
from boxoffice.payments.ledger.verification import verify_ledger


class _Undone(Exception):  # noqa: N818  so that what was done is rolled back
    pass


async def faults_after(owner_db: Database, event_id: int, *statements: str) -> list[str]:
    """What is said of the event and its organizer once these are done, each with its id as $1; all is undone.

    An owner can switch triggers off and take a CHECK away.
    """
    found: list[str] = []
    with suppress(_Undone):
        async with owner_db.transaction() as tx:
            await tx.execute("SET LOCAL session_replication_role = replica")
            await tx.execute(
                """
                ALTER TABLE ledger_movements DROP CONSTRAINT a_movement_adds_up_to_zero,
                                             DROP CONSTRAINT only_payouts_are_paid_by_the_house
                """
            )
            for statement in statements:
                await tx.execute(statement, event_id)  # pyright: ignore[reportArgumentType]  one of ours
            found = (await verify_ledger(tx, event_id)).faults
            raise _Undone
    said = [fault.partition(", ") for fault in found]
    assert all(who == f"Event {event_id}" or who.startswith("Organizer ") for who, _, _ in said), found
    return [what for _, _, what in said]
