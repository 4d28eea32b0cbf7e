"""Some places of a booking, with what they cost and bear: taken out of it, and put back. Pure.

Fees and taxes are borne place by place (`catalog.pricing`), a fee for the whole booking too. So a part bears
what its places bear, the rest keeps the rest, and together they are the booking, by the minor unit.
"""

from collections.abc import Collection, Sequence
from typing import Protocol

import msgspec

from boxoffice.catalog.prices.pricing import Discount, FeeLevy, Levies, TaxLevy, decode_levies, total_of
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces, decode_types_of_places


class Sold(Protocol):
    """A booking or its row, with its places as it has them now."""

    @property
    def seat_ids(self) -> tuple[int, ...]: ...
    @property
    def area_ids(self) -> tuple[int, ...]: ...
    @property
    def amounts(self) -> tuple[int, ...]: ...
    @property
    def levies(self) -> str | None: ...
    @property
    def ticket_types(self) -> str | None: ...


class Part(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Some places of a booking, the seats first. `numbers` count its places as they were sold, from 0."""

    numbers: tuple[int, ...]
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    levies: Levies | None = None
    ticket_types: TypesOfPlaces = ()

    @property
    def worth(self) -> int:
        """What these places cost, with all that is added."""
        return total_of(self.amounts, self.levies)

    @property
    def fees(self) -> int:
        """What they bear of fees, added or absorbed."""
        return sum(each.sum for each in self.levies.fees) if self.levies else 0

    @property
    def taxes(self) -> int:
        """What they bear of taxes, added or included."""
        return sum(each.sum for each in self.levies.taxes) if self.levies else 0


def part_at(booking: Sold, numbers: Sequence[int], indexes: Collection[int]) -> Part:
    """The places at these indexes of a booking whose places have these numbers."""
    seats = len(booking.seat_ids)
    chosen = sorted(indexes)
    levies = None if booking.levies is None else decode_levies(booking.levies)
    types = decode_types_of_places(booking.ticket_types)
    chosen_types = tuple([types[index] for index in chosen]) if types else ()
    return Part(
        numbers=tuple([numbers[index] for index in chosen]),
        seat_ids=tuple([booking.seat_ids[index] for index in chosen if index < seats]),
        area_ids=tuple([booking.area_ids[index - seats] for index in chosen if index >= seats]),
        amounts=tuple([booking.amounts[index] for index in chosen]),
        levies=None if levies is None else _borne_at(levies, chosen),
        ticket_types=chosen_types if any(chosen_types) else (),
    )


def whole_of(booking: Sold, gone: Sequence[Part]) -> Part:
    """A booking as it was sold, from what is left of it and the parts that were given back."""
    count = len(booking.amounts) + sum(len(part.numbers) for part in gone)
    taken = {number for part in gone for number in part.numbers}
    left = [number for number in range(count) if number not in taken]
    parts = [part_at(booking, left, range(len(left))), *gone]
    seats = {n: seat for part in parts for n, seat in zip(part.numbers, part.seat_ids, strict=False)}
    areas = {
        n: area
        for part in parts
        for n, area in zip(part.numbers[len(part.seat_ids) :], part.area_ids, strict=True)
    }
    amounts = {n: amount for part in parts for n, amount in zip(part.numbers, part.amounts, strict=True)}
    types = {n: name for part in parts for n, name in zip(part.numbers, part.ticket_types, strict=False)}
    return Part(
        numbers=tuple(range(count)),
        seat_ids=tuple([seats[n] for n in sorted(seats)]),
        area_ids=tuple([areas[n] for n in sorted(areas)]),
        amounts=tuple([amounts[n] for n in range(count)]),
        levies=_borne_together(parts, count),
        ticket_types=tuple([types.get(n) for n in range(count)]) if any(types.values()) else (),
    )


def _borne_at(levies: Levies, indexes: Sequence[int]) -> Levies | None:
    def at(amounts: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return tuple([amounts[index] for index in indexes])

    fees = [FeeLevy(each.fee, at(each.amounts)) for each in levies.fees]
    taxes = [TaxLevy(each.tax, at(each.amounts)) for each in levies.taxes]
    off = levies.discount
    discount = None if off is None else Discount(off.code_id, off.code, at(off.amounts))
    return _levies(fees, taxes, discount)


def _borne_together(parts: Sequence[Part], count: int) -> Levies | None:
    fees: dict[object, FeeLevy] = {}
    taxes: dict[object, TaxLevy] = {}
    discount: Discount | None = None
    nothing = (None,) * count
    for part in parts:
        if part.levies is None:
            continue
        for fee in part.levies.fees:
            before = fees[fee.fee].amounts if fee.fee in fees else nothing
            fees[fee.fee] = FeeLevy(fee.fee, _laid_over(before, part.numbers, fee.amounts))
        for tax in part.levies.taxes:
            before = taxes[tax.tax].amounts if tax.tax in taxes else nothing
            taxes[tax.tax] = TaxLevy(tax.tax, _laid_over(before, part.numbers, tax.amounts))
        if (off := part.levies.discount) is not None:
            before = discount.amounts if discount else nothing
            discount = Discount(off.code_id, off.code, _laid_over(before, part.numbers, off.amounts))
    return _levies(list(fees.values()), list(taxes.values()), discount)


def _laid_over(
    before: tuple[int | None, ...], numbers: Sequence[int], amounts: Sequence[int | None]
) -> tuple[int | None, ...]:
    column = list(before)
    for number, amount in zip(numbers, amounts, strict=True):
        column[number] = amount
    return tuple(column)


def _levies(fees: Sequence[FeeLevy], taxes: Sequence[TaxLevy], discount: Discount | None) -> Levies | None:
    """What is left of these once those that no place bears are forgotten."""
    borne = tuple([each for each in fees if _is_borne(each.amounts)])
    taxed = tuple([each for each in taxes if _is_borne(each.amounts)])
    if discount is not None and not _is_borne(discount.amounts):
        discount = None
    return Levies(borne, taxed, discount) if borne or taxed or discount else None


def _is_borne(amounts: Sequence[int | None]) -> bool:
    return any(amount is not None for amount in amounts)
