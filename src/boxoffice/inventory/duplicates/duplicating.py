"""Duplicates of events: what the catalog copies, the questions, and the promo codes if they are wanted."""

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.duplicates import Duplicate, Duplicated, insert_duplicate
from boxoffice.catalog.schemas import Event
from boxoffice.inventory.answers.queries import insert_same_questions
from boxoffice.inventory.promo_codes.writing import copy_promo_codes
from boxoffice.kit.idempotency import Once, do_once
from boxoffice.kit.postgres import Database, Transaction


async def duplicate_event(
    db: Database, user: Identity, event_id: int, wanted: Duplicate, once: Once | None = None
) -> Event:
    """Make a draft like the event. Raises `NotFound`, `InvalidInput`."""
    async with db.transaction() as tx:
        return await do_once(tx, once, Event, lambda: _duplicate(tx, user, event_id, wanted))


async def _duplicate(tx: Transaction, user: Identity, event_id: int, wanted: Duplicate) -> Event:
    made: Duplicated = await insert_duplicate(tx, user, event_id, wanted)
    await insert_same_questions(tx, made.event.id, event_id)
    if wanted.with_promo_codes:
        await copy_promo_codes(tx, event_id, made)
    return made.event
