"""SQL of promo codes, which organizers write, and of their uses, which the event's batch writes."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.promo import PromoCode, PromoUse, hash_code
from boxoffice.kit.postgres import Source, Transaction


class PromoCodeRow(msgspec.Struct, frozen=True):
    """A code as it is stored; no categories are all of them."""

    id: int
    code: str
    amount: int | None
    basis_points: int | None
    categories: tuple[str, ...]
    opens: tuple[str, ...]
    places_max: int | None
    places_per_buyer_max: int | None
    budget: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    created_at: datetime

    def terms(self) -> PromoCode:
        """The code as the rules know it."""
        return PromoCode(
            id=self.id,
            code=self.code,
            amount=self.amount,
            basis_points=self.basis_points,
            categories=frozenset(self.categories),
            opens=frozenset(self.opens),
            places_max=self.places_max,
            places_per_buyer_max=self.places_per_buyer_max,
            budget=self.budget,
            valid_from=self.valid_from,
            valid_until=self.valid_until,
        )


class PromoCodeColumns(msgspec.Struct, frozen=True):
    """What an organizer can say of a code."""

    amount: int | None
    basis_points: int | None
    categories: list[str]
    opens: list[str]
    places_max: int | None
    places_per_buyer_max: int | None
    budget: int | None
    valid_from: datetime | None
    valid_until: datetime | None


class UseRow(msgspec.Struct, frozen=True):
    """What a booking that is held or sold has of a code."""

    booking_id: UUID
    buyer_id: int
    code_id: int
    places: int
    discount: int

    def use(self) -> PromoUse:
        """As the rules know it."""
        return PromoUse(self.code_id, self.places, self.discount)


class CodeUsed(msgspec.Struct, frozen=True):
    """How much of a code is used by all bookings together."""

    code_id: int
    places: int
    discount: int


def by_hash(rows: Iterable[PromoCodeRow]) -> dict[str, PromoCode]:
    """The codes as they are looked up."""
    return {hash_code(row.code): row.terms() for row in rows}


async def list_promo_codes(source: Source, event_id: int) -> list[PromoCodeRow]:
    """The event's codes, the oldest first."""
    return await source.list(
        PromoCodeRow,
        """
        SELECT id, code, amount, basis_points, categories, opens, places_max, places_per_buyer_max, budget,
               valid_from, valid_until, created_at
          FROM promo_codes
         WHERE event_id = $1
         ORDER BY id
        """,
        event_id,
    )


async def insert_promo_code(
    tx: Transaction, event_id: int, code: str, columns: PromoCodeColumns
) -> PromoCodeRow:
    """Make a code; its number is never given again."""
    return await tx.get(
        PromoCodeRow,
        """
        INSERT INTO promo_codes (event_id, code, amount, basis_points, categories, opens, places_max,
                                 places_per_buyer_max, budget, valid_from, valid_until)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
        RETURNING id, code, amount, basis_points, categories, opens, places_max, places_per_buyer_max, budget,
                  valid_from, valid_until, created_at
        """,
        event_id,
        code,
        *msgspec.structs.astuple(columns),
    )


async def update_promo_code(
    tx: Transaction, event_id: int, code_id: int, columns: PromoCodeColumns
) -> PromoCodeRow:
    """Give a code other terms; what was held with it keeps its own."""
    return await tx.get(
        PromoCodeRow,
        """
        UPDATE promo_codes
           SET amount = $3, basis_points = $4, categories = $5, opens = $6, places_max = $7,
               places_per_buyer_max = $8, budget = $9, valid_from = $10, valid_until = $11
         WHERE event_id = $1 AND id = $2
        RETURNING id, code, amount, basis_points, categories, opens, places_max, places_per_buyer_max, budget,
                  valid_from, valid_until, created_at
        """,
        event_id,
        code_id,
        *msgspec.structs.astuple(columns),
    )


async def delete_promo_code(tx: Transaction, event_id: int, code_id: int) -> int:
    """Withdraw a code; 0 when there is no such code."""
    return await tx.execute("DELETE FROM promo_codes WHERE event_id = $1 AND id = $2", event_id, code_id)


async def list_uses(source: Source, event_id: int) -> list[UseRow]:
    """What every booking that is held or sold has of a code."""
    return await source.list(
        UseRow,
        "SELECT booking_id, buyer_id, code_id, places, discount FROM promo_uses WHERE event_id = $1",
        event_id,
    )


async def list_codes_used(source: Source, event_id: int) -> list[CodeUsed]:
    """How much of each code is used, holds that are over included until they are tidied up."""
    return await source.list(
        CodeUsed,
        """
        SELECT code_id, sum(places)::integer AS places, sum(discount)::bigint AS discount
          FROM promo_uses
         WHERE event_id = $1
         GROUP BY code_id
        """,
        event_id,
    )


async def delete_uses(tx: Transaction, event_id: int, booking_ids: Sequence[UUID]) -> None:
    """Forget what these bookings had of their codes."""
    await tx.execute(
        "DELETE FROM promo_uses WHERE event_id = $1 AND booking_id = ANY ($2::uuid[])", event_id, booking_ids
    )


async def insert_uses(tx: Transaction, event_id: int, uses: Sequence[tuple[UUID, int, PromoUse]]) -> None:
    """Write what bookings have of their codes: the booking, its buyer, and how much."""
    await tx.execute(
        """
        INSERT INTO promo_uses (event_id, booking_id, buyer_id, code_id, places, discount)
        SELECT $1, used.booking_id, used.buyer_id, used.code_id, used.places, used.discount
          FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::integer[], $6::bigint[])
            AS used (booking_id, buyer_id, code_id, places, discount)
        """,
        event_id,
        [booking_id for booking_id, _, _ in uses],
        [buyer_id for _, buyer_id, _ in uses],
        [use.code_id for _, _, use in uses],
        [use.places for _, _, use in uses],
        [use.discount for _, _, use in uses],
    )
