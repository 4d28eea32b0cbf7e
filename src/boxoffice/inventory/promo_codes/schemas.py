"""Promo codes as organizers write and see them."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from boxoffice.catalog.prices.tariff import AMOUNT_MAX, Share
from boxoffice.catalog.schemas import Moment
from boxoffice.catalog.seat_maps.document import CATEGORIES_MAX
from boxoffice.kit.money import Money
from boxoffice.kit.text import Line

# Somebody types it from a poster. One of a single letter would be found by the first who tries.
CODE_CHARACTERS_MIN, CODE_CHARACTERS_MAX = 3, 40

# A hall of 100,000 places, used ten times over: whoever means more means no limit.
PLACES_MAX = 1_000_000

CodeText = Annotated[
    str,
    Meta(
        min_length=CODE_CHARACTERS_MIN,
        max_length=CODE_CHARACTERS_MAX,
        # Nothing that two keyboards write in two ways. Python's `$` would let a line break pass.
        pattern=r"^[A-Za-z0-9_-]+(?![\s\S])",
        description="Letters, digits, `-` and `_`. Upper and lower case make no difference.",
        examples=["EARLYBIRD"],
    ),
]
Off = Annotated[
    int, Meta(ge=1, le=AMOUNT_MAX, description="Off each place, never more than it costs.", examples=[500])
]
OffShare = Annotated[Share, Meta(description="Off each place, in basis points: 2000 are 20 %.")]
Categories = Annotated[
    list[Line],
    Meta(
        max_length=CATEGORIES_MAX,
        description="What it is for; none are all of them, or those it opens.",
        examples=[["Stalls"]],
    ),
]
Opens = Annotated[
    list[Line],
    Meta(max_length=CATEGORIES_MAX, description="Hidden categories that it sells.", examples=[["Stalls"]]),
]
Places = Annotated[
    int, Meta(ge=0, le=PLACES_MAX, description="So many places, held and sold.", examples=[100])
]
PlacesPerBuyer = Annotated[
    int, Meta(ge=0, le=PLACES_MAX, description="So many places for one buyer.", examples=[2])
]
Budget = Annotated[
    int, Meta(ge=0, le=AMOUNT_MAX, description="What it may take off altogether.", examples=[50_000])
]
From = Annotated[Moment, Meta(examples=["2027-01-11T09:00:00Z"])]
Until = Annotated[Moment, Meta(examples=["2027-02-01T00:00:00Z"])]


class NewPromoCode(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A code that takes something off each place: either `amount` in minor units or `basis_points`.

    An access code `opens` hidden categories of the event, and may take nothing off. What is left out is no
    limit.
    """

    code: CodeText
    amount: Off | None = None
    basis_points: OffShare | None = None
    categories: Categories = []
    opens: Opens = []
    places_max: Places | None = None
    places_per_buyer_max: PlacesPerBuyer | None = None
    budget: Budget | None = None
    valid_from: From | None = None
    valid_until: Until | None = None


class PromoCodeChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to change; a member that is left out stays. To name `amount` or `basis_points` replaces the other.

    What was held with the code before keeps its discount.
    """

    amount: Off | UnsetType = UNSET
    basis_points: OffShare | UnsetType = UNSET
    categories: Categories | UnsetType = UNSET
    opens: Opens | UnsetType = UNSET
    places_max: Places | UnsetType | None = UNSET
    places_per_buyer_max: PlacesPerBuyer | UnsetType | None = UNSET
    budget: Budget | UnsetType | None = UNSET
    valid_from: From | UnsetType | None = UNSET
    valid_until: Until | UnsetType | None = UNSET


class PromoCode(msgspec.Struct, frozen=True):
    """A promo code, and for how many places it is used at the moment, held and sold, to what discount.

    Holds that are over count until they are tidied up, a moment later; they keep nobody from the code.
    """

    id: int
    code: str
    amount: int | None
    basis_points: int | None
    categories: list[str]
    opens: list[str]
    places_max: int | None
    places_per_buyer_max: int | None
    budget: int | None
    valid_from: datetime | None
    valid_until: datetime | None
    places_used: int
    discounted: Money
    created_at: datetime
