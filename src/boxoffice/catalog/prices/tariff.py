"""What an event charges besides its prices: fees and a tax, as an organizer writes them."""

from collections.abc import Collection, Iterator, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.kit.errors import FieldError
from boxoffice.kit.money import BASIS_POINTS, step_of
from boxoffice.kit.text import Line

# A hundred places at this price, with ten fees of this much each and all of it taxed at 100 %, are still
# an integer that every JSON reader keeps exact (2**53).
AMOUNT_MAX = 1_000_000_000_000

# More would be a riddle, and each is a line of every booking; see also AMOUNT_MAX.
FEES_MAX = 10

Share = Annotated[
    int,
    Meta(ge=1, le=BASIS_POINTS, description="Basis points: 250 are 2.5 %.", examples=[250]),
]
TaxShare = Annotated[
    int,
    Meta(ge=0, le=BASIS_POINTS, description="Basis points: 1900 are 19 %.", examples=[1900]),
]


class FeePer(StrEnum):
    """TICKET: for each place. BOOKING: once, spread over the places in proportion to their prices."""

    TICKET = "TICKET"
    BOOKING = "BOOKING"


class FeeMode(StrEnum):
    """ADDED: on top of the price. ABSORBED: part of the price; the organizer bears it."""

    ADDED = "ADDED"
    ABSORBED = "ABSORBED"


class TaxMode(StrEnum):
    """ADDED: on top of prices and fees. INCLUDED: prices and fees contain it."""

    ADDED = "ADDED"
    INCLUDED = "INCLUDED"


class Fee(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True, gc=False):
    """A fee: either `amount` in minor units or `basis_points` of the price. What is free bears no fee.

    A fee is taxed like the place it is for, unless `is_taxed` is false.
    """

    name: Annotated[Line, Meta(examples=["Service fee"])]
    per: FeePer
    mode: FeeMode
    amount: Annotated[int, Meta(ge=1, le=AMOUNT_MAX, examples=[150])] | None = None
    basis_points: Share | None = None
    is_taxed: bool = True


class Tax(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """The tax on places and fees; `basis_points_of` names the categories that have another rate."""

    name: Annotated[Line, Meta(examples=["VAT"])]
    mode: TaxMode
    basis_points: TaxShare
    # The bounds of a rate are checked by hand: msgspec cannot name the member of an object.
    basis_points_of: Annotated[
        dict[Line, int],
        Meta(
            max_length=255,
            description="Category name to its own rate, 0 to 10000.",
            examples=[{"Child": 700}],
        ),
    ] = {}


Fees = Annotated[
    list[Fee],
    Meta(
        max_length=FEES_MAX,
        examples=[[{"name": "Service fee", "per": "TICKET", "mode": "ADDED", "basis_points": 250}]],
    ),
]


class Tariff(msgspec.Struct, frozen=True):
    """The fees and the tax of an event at one revision; what they add is a multiple of the step."""

    fees: Sequence[Fee]
    tax: Tax | None
    step: int = 1


_fees_decoder = msgspec.json.Decoder(list[Fee])
_tax_decoder = msgspec.json.Decoder(Tax)


def decode_tariff(fees: str, tax: str | None, currency: str) -> Tariff | None:
    """An event's tariff from the JSON of its row; None when it has neither fees nor a tax."""
    found = _fees_decoder.decode(fees)
    if not found and tax is None:
        return None
    return Tariff(found, None if tax is None else _tax_decoder.decode(tax), step_of(currency))


def faults_of_fees(fees: Sequence[Fee]) -> Iterator[FieldError]:
    """What is wrong with fees that each of them does not say by its type."""
    names: set[str] = set()
    for index, fee in enumerate(fees):
        if (fee.amount is None) == (fee.basis_points is None):
            detail = "A fee is either an `amount` or so many `basis_points` of the price: name one of them."
            yield FieldError(pointer=f"/fees/{index}", detail=detail)
        if fee.name in names:
            detail = "Another fee has this name: give each a name of its own."
            yield FieldError(pointer=f"/fees/{index}/name", detail=detail)
        if fee.mode is FeeMode.ABSORBED and not fee.is_taxed:
            detail = "An absorbed fee is part of the price and taxed with it: leave `is_taxed` out."
            yield FieldError(pointer=f"/fees/{index}/is_taxed", detail=detail)
        names.add(fee.name)


def faults_of_tax(tax: Tax | None, categories: Collection[str]) -> Iterator[FieldError]:
    """A rate of its own must be of a category of the seat map, and in range."""
    for name, basis_points in tax.basis_points_of.items() if tax else ():
        pointer = "/tax/basis_points_of/" + name.replace("~", "~0").replace("/", "~1")
        if name not in categories:
            yield FieldError(pointer=pointer, detail="The seat map has no such category.")
        if not 0 <= basis_points <= BASIS_POINTS:
            detail = f"A rate is from 0 to {BASIS_POINTS} basis points."
            yield FieldError(pointer=pointer, detail=detail)
