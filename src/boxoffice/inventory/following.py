"""Following the journal: an inventory in memory takes in the rows it has not seen, in order, each once."""

from collections.abc import Iterable

from boxoffice.catalog.terms import find_sale_terms
from boxoffice.inventory.changes import decode_changes
from boxoffice.inventory.promo_codes.queries import by_hash, list_promo_codes
from boxoffice.inventory.queries import News
from boxoffice.inventory.state import Inventory
from boxoffice.kit.errors import NotFound
from boxoffice.kit.postgres import Source


def follow(inventory: Inventory, news: Iterable[News]) -> bool:
    """Take in what is new; False when a row is missing and the inventory must be loaded anew.

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
        inventory.apply(decode_changes(row.changes))
        inventory.version, inventory.chain_hash = row.version, row.hash
    return True


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
