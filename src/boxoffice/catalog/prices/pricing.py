"""What places cost altogether: fees and tax by the minor unit. Pure; docs/money.md has the rules in words.

A *levy* is one fee or tax of a booking, with what each of its places bears of it. Added to the prices,
levies make the total; absorbed fees and included taxes are parts of what is there already. A *discount*
comes first: prices are what is left after it, and all else is levied on what is left.
"""

from collections.abc import Sequence

import msgspec

from boxoffice.catalog.prices.tariff import Fee, FeeMode, FeePer, Tariff, TaxMode
from boxoffice.kit.money import contained, portion, split


class TaxRate(msgspec.Struct, frozen=True, gc=False):
    """The tax that a place bears."""

    name: str
    mode: TaxMode
    basis_points: int


class FeeLevy(msgspec.Struct, frozen=True, gc=False):
    """A fee, and what each place bears of it; null where the fee is not the place's."""

    fee: Fee
    amounts: tuple[int | None, ...]

    @property
    def is_added(self) -> bool:
        """Whether it raises the total."""
        return self.fee.mode is FeeMode.ADDED

    @property
    def sum(self) -> int:
        """What all places bear of it together."""
        return sum(amount or 0 for amount in self.amounts)


class TaxLevy(msgspec.Struct, frozen=True, gc=False):
    """A tax, and what each place bears of it; null where the place has another rate or none."""

    tax: TaxRate
    amounts: tuple[int | None, ...]

    @property
    def is_added(self) -> bool:
        """Whether it raises the total."""
        return self.tax.mode is TaxMode.ADDED

    @property
    def sum(self) -> int:
        """What all places bear of it together."""
        return sum(amount or 0 for amount in self.amounts)


class Discount(msgspec.Struct, frozen=True, gc=False):
    """What a promo code took off the price of each place; null where the code is not for the place."""

    code_id: int
    code: str
    amounts: tuple[int | None, ...]

    @property
    def sum(self) -> int:
        """What it took off altogether."""
        return sum(amount or 0 for amount in self.amounts)

    @property
    def places(self) -> int:
        """How many places the code was used for."""
        return sum(amount is not None for amount in self.amounts)


class Levies(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The fees and taxes of a booking, place by place in the order of its amounts: fixed when it was held.

    The amounts are what the discount has left of the prices.
    """

    fees: tuple[FeeLevy, ...] = ()
    taxes: tuple[TaxLevy, ...] = ()
    discount: Discount | None = None

    @property
    def added(self) -> int:
        """By how much they raise the total above the prices."""
        return sum(levy.sum for levy in (*self.fees, *self.taxes) if levy.is_added)

    def added_to(self, index: int) -> int:
        """By how much they raise what this place costs above its price."""
        return sum(levy.amounts[index] or 0 for levy in (*self.fees, *self.taxes) if levy.is_added)


def total_of(amounts: Sequence[int], levies: Levies | None) -> int:
    """What places at these prices cost altogether."""
    return sum(amounts) + (0 if levies is None else levies.added)


class Reduction(msgspec.Struct, frozen=True, gc=False):
    """What a promo code takes off the price of a place."""

    code_id: int
    code: str
    amount: int


class PricedPlace(msgspec.Struct, frozen=True, gc=False):
    """A place with what it bears itself: its price, its fees for a ticket, and its rate of tax.

    `reduction` is what a promo code has taken off already: it is not in the price any more.
    """

    price: int
    ticket_fees: tuple[tuple[Fee, int], ...] = ()
    tax: TaxRate | None = None
    reduction: Reduction | None = None


_decoder = msgspec.json.Decoder(Levies)
_encoder = msgspec.json.Encoder()


def encode_levies(levies: Levies | None) -> str | None:
    """The text of a booking's row; the same levies always give the same text."""
    return None if levies is None else _encoder.encode(levies).decode()


def decode_levies(text: str) -> Levies:
    """Read a row's text back."""
    return _decoder.decode(text)


def price_place(
    tariff: Tariff | None, category: str, price: int, reduction: Reduction | None = None
) -> PricedPlace:
    """A place of this category at this price, less the reduction, by the tariff as it is now."""
    if reduction is not None:
        price -= reduction.amount
    if tariff is None:
        return PricedPlace(price, reduction=reduction)
    borne: list[tuple[Fee, int]] = []
    left = price
    for fee in tariff.fees:
        if fee.per is not FeePer.TICKET or price == 0:
            continue
        amount = _amount_of(fee, price, tariff.step)
        if fee.mode is FeeMode.ABSORBED:
            amount = min(amount, left)
            left -= amount
        borne.append((fee, amount))
    tax = tariff.tax
    rate = tax and TaxRate(tax.name, tax.mode, tax.basis_points_of.get(category, tax.basis_points))
    return PricedPlace(price, tuple(borne), rate, reduction)


def booking_fees_of(tariff: Tariff | None) -> list[Fee]:
    """The fees of a tariff that are for a whole booking."""
    return [fee for fee in tariff.fees if fee.per is FeePer.BOOKING] if tariff else []


def booking_fees_before(levies: Levies | None) -> list[Fee]:
    """The fees for the whole booking that it was held with."""
    return [each.fee for each in levies.fees if each.fee.per is FeePer.BOOKING] if levies else []


def levy(places: Sequence[PricedPlace], booking_fees: Sequence[Fee], step: int) -> Levies | None:
    """What these places bear together; None when nothing is levied on them.

    What is added to prices is a multiple of the step, place by place: then so is whatever is paid or given
    back of prices that are. What is part of a price is exact.
    """
    count = len(places)
    fees: dict[Fee, list[int | None]] = {}
    for index, place in enumerate(places):
        for fee, amount in place.ticket_fees:
            fees.setdefault(fee, [None] * count)[index] = amount
    prices = [place.price for place in places]
    left = [price - _absorbed(place) for price, place in zip(prices, places, strict=True)]
    for fee in booking_fees:
        is_absorbed = fee.mode is FeeMode.ABSORBED
        weights = left if is_absorbed else prices
        amount = _amount_of(fee, sum(prices), step)
        if is_absorbed or not any(weights):
            amount = min(amount, sum(weights))
        shares = split(amount, weights, 1 if is_absorbed else step) if amount else [0] * count
        if is_absorbed:
            left = [rest - share for rest, share in zip(left, shares, strict=True)]
        fees[fee] = [*shares]
    taxes: dict[TaxRate, list[int | None]] = {}
    for index, place in enumerate(places):
        if place.tax is None:
            continue
        base = place.price + sum(
            amounts[index] or 0 for fee, amounts in fees.items() if fee.mode is FeeMode.ADDED and fee.is_taxed
        )
        taxes.setdefault(place.tax, [None] * count)[index] = tax_on(base, place.tax, step)
    discount = _discount(places)
    if not fees and not taxes and discount is None:
        return None
    return Levies(
        tuple([FeeLevy(fee, tuple(amounts)) for fee, amounts in fees.items()]),
        tuple([TaxLevy(tax, tuple(amounts)) for tax, amounts in taxes.items()]),
        discount,
    )


def _discount(places: Sequence[PricedPlace]) -> Discount | None:
    first = next((place.reduction for place in places if place.reduction is not None), None)
    if first is None:
        return None
    return Discount(
        first.code_id,
        first.code,
        tuple([None if place.reduction is None else place.reduction.amount for place in places]),
    )


def priced_before(levies: Levies | None, price: int, index: int) -> PricedPlace:
    """A place of a booking as it was priced when it was taken."""
    if levies is None:
        return PricedPlace(price)
    return PricedPlace(
        price,
        tuple([
            (each.fee, amount)
            for each in levies.fees
            if each.fee.per is FeePer.TICKET and (amount := each.amounts[index]) is not None
        ]),
        next((each.tax for each in levies.taxes if each.amounts[index] is not None), None),
        _reduction_before(levies.discount, index),
    )  # fmt: skip


def _reduction_before(discount: Discount | None, index: int) -> Reduction | None:
    if discount is None or (amount := discount.amounts[index]) is None:
        return None
    return Reduction(discount.code_id, discount.code, amount)


def all_in_amount(tariff: Tariff | None, category: str, price: int) -> int:
    """What a buyer pays altogether for one place, booked alone."""
    if tariff is None:
        return price
    levies = levy([price_place(tariff, category, price)], booking_fees_of(tariff), tariff.step)
    return price if levies is None else price + levies.added


def tax_on(base: int, tax: TaxRate, step: int) -> int:
    """The tax on a place: added in whole steps, or the exact part of what contains it."""
    if tax.mode is TaxMode.ADDED:
        return portion(base, tax.basis_points, step)
    return contained(base, tax.basis_points)


def _amount_of(fee: Fee, price: int, step: int) -> int:
    if fee.basis_points is None:
        return fee.amount or 0
    return portion(price, fee.basis_points, step if fee.mode is FeeMode.ADDED else 1)


def _absorbed(place: PricedPlace) -> int:
    return sum(amount for fee, amount in place.ticket_fees if fee.mode is FeeMode.ABSORBED)
