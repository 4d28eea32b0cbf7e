"""SQL of who sells."""

from collections.abc import Sequence

from boxoffice.invoices.schemas import Seller
from boxoffice.kit.postgres import Source, Transaction


class SellerRow(Seller, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A seller, and who it is."""

    organizer_id: int


async def find_seller(source: Source, organizer_id: int) -> Seller | None:
    """What the organizer says of themselves."""
    return await source.find(
        Seller,
        "SELECT name, address_lines, country, tax_id FROM sellers WHERE organizer_id = $1",
        organizer_id,
    )


async def update_seller(tx: Transaction, organizer_id: int, seller: Seller) -> None:
    """Say who sells, from the next invoice on."""
    await tx.execute(
        """
        INSERT INTO sellers (organizer_id, name, address_lines, country, tax_id)
        VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (organizer_id) DO UPDATE
           SET name = excluded.name, address_lines = excluded.address_lines, country = excluded.country,
               tax_id = excluded.tax_id, changed_at = now()
        """,
        organizer_id,
        seller.name,
        seller.address_lines,
        seller.country,
        seller.tax_id,
    )


async def list_sellers(source: Source, organizer_ids: Sequence[int]) -> list[SellerRow]:
    """What these organizers say of themselves, as far as they have."""
    return await source.list(
        SellerRow,
        """
        SELECT organizer_id, name, address_lines, country, tax_id
          FROM sellers
         WHERE organizer_id = ANY ($1::bigint[])
        """,
        organizer_ids,
    )
