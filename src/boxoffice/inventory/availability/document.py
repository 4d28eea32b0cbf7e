"""What is still to be had of an event: a picture of its inventory, and how that is written down."""

import base64
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import compress
from typing import Annotated

import msgspec
from msgspec import Meta

from boxoffice.catalog.hiding import hidden_names, periods_without, without
from boxoffice.catalog.prices.pricing import all_in_amount
from boxoffice.catalog.prices.views import coming_prices
from boxoffice.catalog.schemas import ComingPrices, EventState
from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.catalog.terms import SaleTerms
from boxoffice.inventory.refusals import AreaLeft
from boxoffice.inventory.state import BLOCKED, FREE, Inventory
from boxoffice.kit.money import Money
from boxoffice.kit.prerendered import Prerendered

# Asked again at every use by browsers, kept for a second by caches that serve many: a map that is a
# second old misleads nobody, and a rush then reaches us once a second.
_CACHE_CONTROL = "public, max-age=0, s-maxage=1"

_IS_FREE = bytes([code == FREE for code in range(256)])

_CHANGED = re.compile(rb"[^\0]")


class CategoryLeft(msgspec.Struct, frozen=True):
    """How many places of a category nobody holds or has, seats and admissions, and what one costs.

    `all_in_price` is what a buyer pays for one, fees and tax included. Prices are
    null where it is sold by ticket type only.
    """

    category: str
    free: int
    all_in_price: Money | None
    price: Money | None


class TicketTypeLeft(msgspec.Struct, frozen=True):
    """A ticket type: what a buyer pays for one, and how many are left of its own limit, null without one.

    Its places are those of its category: there may be fewer.
    """

    ticket_type: str
    category: str
    places_left: int | None
    all_in_price: Money
    price: Money


class Availability(msgspec.Struct, frozen=True):
    """What is still to be had, as of journal row `version` and the event's `revision`.

    `sale_starts_at` null: since it was published; `sale_ends_at` null: until `starts_at`. Seats marked
    accessible in the map are kept from general requests until `accessible_released_at`.
    """

    event_id: int
    version: Annotated[int, Meta(description="Counts the changes of the inventory up.", examples=[17])]
    revision: Annotated[int, Meta(description="Counts the changes of the event up.", examples=[3])]
    seat_map_id: Annotated[
        int,
        Meta(
            description=(
                "The map that `seats` belongs to, at `/events/{event_id}/seat-maps/{seat_map_id}`. Another "
                "one than before: seats were added or taken away."
            ),
            examples=[1],
        ),
    ]
    state: EventState
    starts_at: datetime
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    accessible_released_at: datetime | None
    seat_count: int
    seats: Annotated[
        str,
        Meta(
            description=(
                "Base64 of two bits a seat. Seat `i` is `bytes[i >> 2] >> 2 * (i & 3) & 3`: 0 free, 1 held, "
                "2 sold, 3 not for sale, or not in the map any more. A hold that has run out counts as held "
                "until it is tidied up, a moment later; it can be bought all the same."
            ),
            examples=["AAUAAAAA"],
        ),
    ]
    categories: list[CategoryLeft]
    ticket_types: list[TicketTypeLeft]
    areas: list[AreaLeft]
    next_price_change: ComingPrices | None


class Picture(msgspec.Struct, frozen=True, gc=False):
    """An inventory at one version, for those who look: it stays as it is while the inventory moves on.

    `codes[seat_id]` is the seat's state; `category_left` and `area_left` count places nobody has. What is
    hidden is not for sale here, whoever has it, and nothing is left of it; `mask` has the seats that are.
    `period` says how many changes of prices have begun; `types_left` is what is left of the limit of each
    ticket type, None without one.
    """

    version: int
    terms: SaleTerms
    seat_map: SeatMap
    codes: bytes
    category_left: tuple[int, ...]
    area_left: tuple[int, ...]
    period: int = 0
    types_left: tuple[int | None, ...] = ()
    mask: bytes = b""

    @property
    def next_price_change(self) -> ComingPrices | None:
        """What changes next, and when."""
        terms, current = self.terms, self.terms.prices_in(self.period)
        later = terms.periods[self.period :]
        if terms.hidden_categories:
            names = hidden_names(terms.hidden_categories, terms.ticket_types.values())
            current, later = without(names, current), periods_without(names, current, later)
        return coming_prices(current, later, terms.tariff, terms.currency)


def picture_of(inventory: Inventory, before: Picture | None = None) -> Picture:
    """Take a picture; the one taken before makes it cheaper (0.3 ms instead of 2 for 50,000 seats)."""
    seat_map = inventory.seat_map
    hidden = inventory.terms.hidden_categories
    area_left = tuple(
        0 if area.category in hidden else area.capacity - taken
        for area, taken in zip(seat_map.areas, inventory.area_taken, strict=True)
    )
    if before is not None and before.seat_map.id != seat_map.id:
        before = None
    codes, mask = bytes(inventory.seats), b""
    if hidden:
        mask = _mask_of(seat_map, hidden, before)
        codes = _masked(codes, mask)
    if before is None:
        left = Counter(compress(seat_map.category_of, codes.translate(_IS_FREE)))
        more_places = list(enumerate(area_left))
    else:
        left = Counter(dict(enumerate(before.category_left)))
        for seat_id in changed_seats(before.codes, codes):
            was_free, is_free = before.codes[seat_id] == FREE, codes[seat_id] == FREE
            left[seat_map.category_of[seat_id]] += is_free - was_free
        more_places = [
            (area_id, area_left[area_id] - before.area_left[area_id])
            for area_id in changed_areas(before.area_left, area_left)
        ]
    index_of = _indexes_by_name(seat_map)
    for area_id, more in more_places:
        left[index_of[seat_map.areas[area_id].category]] += more
    category_left = tuple(left[index] for index in range(len(seat_map.categories)))
    types_left = tuple(
        None if each.limit is None else max(0, each.limit - inventory.taken_of_type[name])
        for name, each in inventory.terms.ticket_types.items()
    )
    return Picture(
        version=inventory.version,
        terms=inventory.terms,
        seat_map=seat_map,
        codes=codes,
        category_left=category_left,
        area_left=area_left,
        period=inventory.period,
        types_left=types_left,
        mask=mask,
    )


def _mask_of(seat_map: SeatMap, hidden: frozenset[str], before: Picture | None) -> bytes:
    """All bits of a code for each seat of a hidden category; the one of before, where nothing has changed."""
    if before is not None and before.seat_map is seat_map and before.terms.hidden_categories == hidden:
        return before.mask
    closed = [category.name in hidden for category in seat_map.categories]
    return bytes([BLOCKED if closed[category] else 0 for category in seat_map.category_of])


def _masked(codes: bytes, mask: bytes) -> bytes:
    """Whatever these seats are, not for sale: its code has all bits. All at once, as two large numbers."""
    return (int.from_bytes(codes, "little") | int.from_bytes(mask, "little")).to_bytes(len(codes), "little")


def changed_seats(before: bytes, after: bytes) -> list[int]:
    """The seats that have another code. Compares all at once, as two large numbers."""
    if before == after:
        return []
    difference = int.from_bytes(before, "little") ^ int.from_bytes(after, "little")
    return [found.start() for found in _CHANGED.finditer(difference.to_bytes(len(after), "little"))]


def changed_areas(before: Sequence[int], after: Sequence[int]) -> list[int]:
    """The areas that have more or fewer places left."""
    pairs = enumerate(zip(before, after, strict=True))
    return [area_id for area_id, (were, are) in pairs if were != are]


def render_document(picture: Picture) -> Prerendered:
    """The document for everybody: 0.3 ms for 50,000 seats, which take 17 KB, packed 3 to 13."""
    terms = picture.terms
    document = Availability(
        event_id=terms.event_id,
        version=picture.version,
        revision=terms.revision,
        # Not that of the terms: they may be newer than the seats, for a moment.
        seat_map_id=picture.seat_map.id,
        state=terms.state,
        starts_at=terms.starts_at,
        sale_starts_at=terms.sale_starts_at,
        sale_ends_at=terms.sale_ends_at,
        accessible_released_at=terms.accessible_released_at,
        seat_count=len(picture.codes),
        seats=base64.b64encode(pack_codes(picture.codes)).decode(),
        categories=categories_left(picture, range(len(picture.category_left))),
        ticket_types=types_left(picture, {category.name for category in picture.seat_map.categories}),
        areas=areas_left(picture, range(len(picture.area_left))),
        next_price_change=picture.next_price_change,
    )
    return Prerendered(
        msgspec.json.encode(document),
        tag=f"v{picture.version}-r{terms.revision}" + (f"-p{picture.period}" if picture.period else ""),
        cache_control=_CACHE_CONTROL,
    )


def pack_codes(codes: bytes) -> bytes:
    """Two bits a seat, seat i at bits 2(i % 4) and up of byte i // 4. Works on all seats at once."""
    padded = codes + bytes(-len(codes) % 4)
    lanes = [int.from_bytes(padded[lane::4], "little") << (2 * lane) for lane in range(4)]
    return (lanes[0] | lanes[1] | lanes[2] | lanes[3]).to_bytes(len(padded) // 4, "little")


def categories_left(picture: Picture, indexes: Iterable[int]) -> list[CategoryLeft]:
    """These categories, by their index in the map; one that has no price has no places either."""
    terms, categories = picture.terms, picture.seat_map.categories
    prices = terms.prices_in(picture.period)
    by_type = {ticket_type.category for ticket_type in terms.ticket_types.values()}
    return [
        CategoryLeft(name, picture.category_left[index], *_prices_of(name, prices, terms))
        for index in indexes
        if ((name := categories[index].name) in prices or name in by_type)
        and name not in terms.hidden_categories
    ]


def types_left(picture: Picture, categories: Collection[str]) -> list[TicketTypeLeft]:
    """The ticket types of these categories; one that has no price yet is not for sale."""
    terms = picture.terms
    prices = terms.prices_in(picture.period)
    found: list[TicketTypeLeft] = []
    for each, left in zip(terms.ticket_types.values(), picture.types_left, strict=True):
        all_in, price = _prices_of(each.name, prices, terms)
        if each.category in terms.hidden_categories:
            continue
        if each.category in categories and all_in is not None and price is not None:
            found.append(TicketTypeLeft(each.name, each.category, left, all_in, price))
    return found


def _prices_of(
    name: str, prices: Mapping[str, int], terms: SaleTerms
) -> tuple[Money, Money] | tuple[None, None]:
    """What a buyer pays, and the price it is made from."""
    if name not in prices:
        return None, None
    all_in = all_in_amount(terms.tariff, name, prices[name])
    return Money(amount=all_in, currency=terms.currency), Money(amount=prices[name], currency=terms.currency)


def areas_left(picture: Picture, area_ids: Iterable[int]) -> list[AreaLeft]:
    """How many places these areas have left."""
    return [AreaLeft(area_id=area_id, places_left=picture.area_left[area_id]) for area_id in area_ids]


def categories_of(seat_map: SeatMap, seat_ids: Iterable[int], area_ids: Iterable[int]) -> list[int]:
    """The indexes of the categories that these seats and areas belong to."""
    index_of = _indexes_by_name(seat_map)
    of_seats = {seat_map.category_of[seat_id] for seat_id in seat_ids}
    of_areas = {index_of[seat_map.areas[area_id].category] for area_id in area_ids}
    return sorted(of_seats | of_areas)


def seats_by_code(codes: Sequence[int], seat_ids: Iterable[int]) -> tuple[list[int], ...]:
    """These seats, sorted into free, held, sold and not for sale."""
    by_code: tuple[list[int], ...] = ([], [], [], [])
    for seat_id in seat_ids:
        by_code[codes[seat_id]].append(seat_id)
    return by_code


def _indexes_by_name(seat_map: SeatMap) -> dict[str, int]:
    return {category.name: index for index, category in enumerate(seat_map.categories)}
