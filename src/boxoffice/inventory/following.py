"""Following the journal: an inventory in memory takes in the rows it has not seen, in order, each once."""

from collections.abc import Iterable, Sequence

import structlog

from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.availability.queries import Glance
from boxoffice.inventory.changes import SeatMapChanged, decode_changes
from boxoffice.inventory.promo_codes.queries import by_hash, list_promo_codes
from boxoffice.inventory.queries import News
from boxoffice.inventory.state import Inventory
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Source

_log = structlog.get_logger()


def follow(inventory: Inventory, news: Iterable[News]) -> bool:
    """Take in what is new; False when the inventory must be loaded anew: a row is missing, or the event has
    another seat map from here on.

    Those who decide and those who only look share one inventory, and while one of them waited for its
    rows the other may have taken them in: a row that is not newer than the inventory is passed over.
    """
    for row in news:
        if row.version is None or row.changes is None or row.hash is None:
            continue
        if row.version <= inventory.version:
            continue
        if row.version != inventory.version + 1:
            return False
        changes = decode_changes(row.changes)
        if changes and isinstance(changes[-1], SeatMapChanged):
            return False
        inventory.apply(changes)
        inventory.version, inventory.chain_hash = row.version, row.hash
    return True


def follow_glances(inventory: Inventory, news: Sequence[Glance]) -> bool:
    """Take in what is new; a row that cannot be taken in is dealt with like one that is missing."""
    inventory.looked_at = max(inventory.looked_at, news[0].now)
    try:
        return follow(inventory, news)
    except Exception:  # noqa: BLE001  whatever it is, the inventory is dropped and loaded from the tables
        _log.exception("journal row not understood", event_id=inventory.event_id, version=inventory.version)
        return False


def moves(news: Iterable[News]) -> bool:
    """Whether the event has another seat map from some of these rows on."""
    texts = [row.changes for row in news if row.changes is not None]
    return any(isinstance(change, SeatMapChanged) for text in texts for change in decode_changes(text)[-1:])


async def follow_terms(source: Source, inventory: Inventory, revision: int) -> None:
    """Read the event's terms when they have changed since; never go back to older ones."""
    if revision <= inventory.terms.revision:
        return
    terms = await find_sale_terms(source, inventory.event_id)
    if terms is None:
        raise NotFound
    # After the terms, so that they are never older; what is newer is read again with its own revision.
    codes = await list_promo_codes(source, inventory.event_id)
    if terms.revision > inventory.terms.revision:
        inventory.terms, inventory.promo_codes = terms, by_hash(codes)
