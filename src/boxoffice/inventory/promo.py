"""What the sale knows of promo codes: their terms, and how much of each is used."""

import hashlib
from collections import defaultdict
from datetime import datetime

import msgspec

from boxoffice.catalog.prices.pricing import Levies, Reduction, decode_levies
from boxoffice.kit.money import portion


class PromoCode(msgspec.Struct, frozen=True, gc=False):
    """A code and what it does: so much off each place, either `amount` or `basis_points` of its price.

    `opens` names hidden categories that it sells; one that opens some may take nothing off. `categories`
    empty: of every category, or of those that it opens. Limits count the places of bookings that are held or
    sold; `budget` is what it may take off altogether. None is no limit.
    """

    id: int
    code: str
    amount: int | None
    basis_points: int | None
    categories: frozenset[str]
    opens: frozenset[str]
    places_max: int | None
    places_per_buyer_max: int | None
    budget: int | None
    valid_from: datetime | None
    valid_until: datetime | None

    def is_for(self, category: str) -> bool:
        """Whether it is used for places of this category."""
        return category in self.categories or category in self.opens or not (self.categories or self.opens)

    def reduce(self, category: str, price: int, step: int) -> Reduction | None:
        """What it takes off a place: never more than the price; None for a place that it is not for.

        What it takes off is in whole steps of the currency.
        """
        if not self.is_for(category):
            return None
        off = self.amount or 0 if self.basis_points is None else portion(price, self.basis_points, step)
        return Reduction(self.id, self.code, min(off - off % step, price))


class PromoUse(msgspec.Struct, frozen=True, gc=False):
    """What a booking has of a code: it is used for so many places, and takes so much off."""

    code_id: int
    places: int
    discount: int


def use_of(levies: Levies | None) -> PromoUse | None:
    """What a booking with these levies has of a promo code."""
    if levies is None or (discount := levies.discount) is None:
        return None
    return PromoUse(discount.code_id, discount.places, discount.sum)


def use_in(levies: str | None) -> PromoUse | None:
    """As `use_of`, from the text of a booking's row."""
    return None if levies is None else use_of(decode_levies(levies))


def use_less(before: PromoUse | None, after: PromoUse | None) -> PromoUse | None:
    """What a booking has given back of its code; None when that is nothing."""
    if before is None or before == after:
        return None
    if after is None:
        return before
    return PromoUse(before.code_id, before.places - after.places, before.discount - after.discount)


def hash_code(code: str) -> str:
    """How a code is looked up: upper and lower case, and blanks around it, make no difference.

    By its hash, so that the time a look-up takes says nothing of how much of a guess was right.
    """
    return hashlib.sha256(code.strip().upper().encode()).hexdigest()


class PromoTally:
    """How much of each code is used; in a draft, how much more than before."""

    __slots__ = ("discount", "places", "places_of")

    def __init__(self) -> None:
        self.places: defaultdict[int, int] = defaultdict(int)
        self.discount: defaultdict[int, int] = defaultdict(int)
        # By code and buyer.
        self.places_of: defaultdict[tuple[int, int], int] = defaultdict(int)

    def add(self, buyer_id: int, use: PromoUse | None, sign: int = 1) -> None:
        """Count a use, or with `sign` -1 one that ends; what comes to nothing is forgotten."""
        if use is None:
            return
        key = (use.code_id, buyer_id)
        self.places[use.code_id] += sign * use.places
        self.discount[use.code_id] += sign * use.discount
        self.places_of[key] += sign * use.places
        if not self.places[use.code_id]:
            del self.places[use.code_id]
        if not self.discount[use.code_id]:
            del self.discount[use.code_id]
        if not self.places_of[key]:
            del self.places_of[key]
