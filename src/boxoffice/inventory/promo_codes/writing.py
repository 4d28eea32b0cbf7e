"""Making promo codes, changing and withdrawing them: a change of the event's terms, under its lock."""

from collections.abc import Iterator

import msgspec
from msgspec import UNSET, structs

from boxoffice.accounts.identity import Identity
from boxoffice.catalog.duplicates import Duplicated
from boxoffice.catalog.event_changes import lock_own_event, renew_terms
from boxoffice.catalog.event_rules import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import get_seat_map
from boxoffice.catalog.series.nights import lock_nights, naming
from boxoffice.catalog.series.schemas import Nights
from boxoffice.catalog.terms import SaleTerms, find_sale_terms
from boxoffice.inventory.promo_codes import queries
from boxoffice.inventory.promo_codes.queries import CodeUsed, PromoCodeColumns, PromoCodeRow
from boxoffice.inventory.promo_codes.schemas import NewPromoCode, PromoCode, PromoCodeChange
from boxoffice.kit.errors import FieldError, InvalidInput, NotFound, Refusal, invalid
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database, Source, Transaction

# Every process that sells the event has them all in memory, about 0.5 kB each, and reads them anew
# whenever the event's terms change.
PROMO_CODES_MAX = 1_000


class TooManyPromoCodes(Refusal, status=409):
    """An event has only so many promo codes; withdraw one."""

    limit: int


class PromoCodeTaken(Refusal, status=409):
    """The event has this promo code already; change that one, or think of another word."""


async def create_promo_code(db: Database, user: Identity, event_id: int, new: NewPromoCode) -> PromoCode:
    """Make a code. Raises `NotFound`, `InvalidInput`, `PromoCodeTaken`, `TooManyPromoCodes`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        terms = await _get_terms(tx, event_id)
        row = await _make(tx, terms, new)
        await renew_terms(tx, event_id)
    return _view(row, None, terms.currency)


async def create_promo_code_of_series(
    db: Database, user: Identity, series_id: int, new: NewPromoCode
) -> Nights:
    """Make a code in every event of a series that is neither cancelled nor begun: in all or in none.

    Raises `NotFound`, `InvalidInput`, `PromoCodeTaken`, `TooManyPromoCodes`.
    """
    async with db.transaction() as tx:
        nights, _ = await lock_nights(tx, user, series_id)
        event_ids = [night.id for night in nights]
        for night in nights:
            with naming(night):
                await _make(tx, await _get_terms(tx, night.id), new)
        await renew_terms(tx, *event_ids)
    return Nights(event_ids)


async def copy_promo_codes(tx: Transaction, event_id: int, to: Duplicated) -> None:
    """Make all codes of an event anew for its duplicate, nothing of them used. Raises `InvalidInput`."""
    for row in await queries.list_promo_codes(tx, event_id):
        columns = structs.replace(
            _changed(row, PromoCodeChange()),
            valid_from=to.moved(row.valid_from),
            valid_until=to.moved(row.valid_until),
        )
        if any(_faults_of_times(columns)):
            detail = f"Then the times of promo code {row.code!r} move to where they cannot be."
            raise invalid("/starts_at", detail)
        await queries.insert_promo_code(tx, to.event.id, row.code, columns)


async def _make(tx: Transaction, terms: SaleTerms, new: NewPromoCode) -> PromoCodeRow:
    code = new.code.upper()
    columns = PromoCodeColumns(**{name: getattr(new, name) for name in PromoCodeColumns.__struct_fields__})
    await _check(tx, terms, columns)
    there = await queries.list_promo_codes(tx, terms.event_id)
    if any(row.code == code for row in there):
        raise PromoCodeTaken
    if len(there) >= PROMO_CODES_MAX:
        raise TooManyPromoCodes(limit=PROMO_CODES_MAX)
    return await queries.insert_promo_code(tx, terms.event_id, code, columns)


async def change_promo_code(
    db: Database, user: Identity, event_id: int, code_id: int, change: PromoCodeChange
) -> PromoCode:
    """Change what is given, from the next batch on. Raises `NotFound`, `InvalidInput`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        terms = await _get_terms(tx, event_id)
        row = next((row for row in await queries.list_promo_codes(tx, event_id) if row.id == code_id), None)
        if row is None:
            raise NotFound
        columns = _changed(row, change)
        await _check(tx, terms, columns)
        row = await queries.update_promo_code(tx, event_id, code_id, columns)
        await renew_terms(tx, event_id)
    return _view(row, await _find_used(db, event_id, code_id), terms.currency)


async def withdraw_promo_code(db: Database, user: Identity, event_id: int, code_id: int) -> None:
    """Sell nothing more with it; what is held or sold keeps its discount. Raises `NotFound`."""
    async with db.transaction() as tx:
        await lock_own_event(tx, user, event_id)
        if not await queries.delete_promo_code(tx, event_id, code_id):
            raise NotFound
        await renew_terms(tx, event_id)


async def list_own_promo_codes(db: Database, user: Identity, event_id: int) -> list[PromoCode]:
    """The event's codes, the oldest first. Raises `NotFound`."""
    await refuse_foreign(db, user, event_id)
    terms = await _get_terms(db, event_id)
    used = {each.code_id: each for each in await queries.list_codes_used(db, event_id)}
    rows = await queries.list_promo_codes(db, event_id)
    return [_view(row, used.get(row.id), terms.currency) for row in rows]


async def _find_used(db: Database, event_id: int, code_id: int) -> CodeUsed | None:
    return next(
        (each for each in await queries.list_codes_used(db, event_id) if each.code_id == code_id), None
    )


async def _get_terms(source: Source, event_id: int) -> SaleTerms:
    terms = await find_sale_terms(source, event_id)
    if terms is None:
        raise NotFound
    return terms


def _changed(row: PromoCodeRow, change: PromoCodeChange) -> PromoCodeColumns:
    given = {name: value for name, value in msgspec.structs.asdict(change).items() if value is not UNSET}
    for one, other in (("amount", "basis_points"), ("basis_points", "amount")):
        if one in given:
            given.setdefault(other, None)
    return PromoCodeColumns(
        **{name: given.get(name, getattr(row, name)) for name in PromoCodeColumns.__struct_fields__}
    )


async def _check(tx: Transaction, terms: SaleTerms, columns: PromoCodeColumns) -> None:
    seat_map = await get_seat_map(tx, terms.seat_map_id)
    faults = list(_faults(columns, {category.name for category in seat_map.categories}))
    if columns.amount is not None and columns.amount % terms.step:
        detail = f"In {terms.currency} amounts are multiples of {terms.step} minor units: round it to one."
        faults.append(FieldError(pointer="/amount", detail=detail))
    if faults:
        raise InvalidInput(errors=faults)


def _faults(columns: PromoCodeColumns, known: set[str]) -> Iterator[FieldError]:
    takes_nothing = columns.amount is None and columns.basis_points is None
    takes_both = columns.amount is not None and columns.basis_points is not None
    if takes_both or (takes_nothing and not columns.opens):
        detail = "A code takes off either an `amount` or so many `basis_points`, or it `opens` something."
        yield FieldError(pointer="/amount", detail=detail)
    for member in ("categories", "opens"):
        for index, name in enumerate(getattr(columns, member)):
            if name not in known:
                yield FieldError(pointer=f"/{member}/{index}", detail="The seat map has no such category.")
    yield from _faults_of_times(columns)


def _faults_of_times(columns: PromoCodeColumns) -> Iterator[FieldError]:
    out_of_range = [name for name in ("valid_from", "valid_until") if not is_storable(getattr(columns, name))]
    for name in out_of_range:
        yield FieldError(pointer=f"/{name}", detail=f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    start, end = columns.valid_from, columns.valid_until
    if not out_of_range and start is not None and end is not None and end <= start:
        yield FieldError(pointer="/valid_until", detail="A code must end after it begins.")


def _view(row: PromoCodeRow, used: CodeUsed | None, currency: str) -> PromoCode:
    return PromoCode(
        id=row.id,
        code=row.code,
        amount=row.amount,
        basis_points=row.basis_points,
        categories=list(row.categories),
        opens=list(row.opens),
        places_max=row.places_max,
        places_per_buyer_max=row.places_per_buyer_max,
        budget=row.budget,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        places_used=used.places if used else 0,
        discounted=Money(used.discount if used else 0, currency),
        created_at=row.created_at,
    )
