"""Count what an event has sold."""

from collections import Counter
from collections.abc import Hashable, Iterable
from datetime import date
from typing import Generic, TypeVar

from boxoffice.accounts.identity import Identity
from boxoffice.booking.sales import queries
from boxoffice.booking.sales.queries import PlacesRow, SoldEventRow
from boxoffice.booking.sales.schemas import (
    CategorySales,
    ChannelSales,
    DaySales,
    SalesCounts,
    SalesMoney,
    TicketTypeSales,
)
from boxoffice.catalog.ownership import refuse_foreign
from boxoffice.catalog.seat_maps.seat_map import SeatMap, get_seat_map
from boxoffice.kit.money import Money
from boxoffice.kit.postgres import Database

_Key = TypeVar("_Key", bound=Hashable)


async def count_sales(db: Database, user: Identity, event_id: int) -> SalesCounts:
    """How the event has sold so far. Raises `NotFound`."""
    await refuse_foreign(db, user, event_id)
    event = await queries.get_sold_event(db, event_id)
    seat_map = await get_seat_map(db, event.seat_map_id)
    return counts_of(event, seat_map, await queries.list_places(db, event_id))


def counts_of(event: SoldEventRow, seat_map: SeatMap, rows: Iterable[PlacesRow]) -> SalesCounts:
    """Add the groups up: categories in the order of the seat map, all else in its own."""
    categories = _Tally[str](event.currency)
    types = _Tally[tuple[str, str]](event.currency)
    channels = _Tally[int | None](event.currency)
    days = _Tally[date](event.currency)
    for row in rows:
        counted = seat_map.count_by_category(row.area_id, row.count, row.seat_ids or ())
        for category, count in counted.items():
            categories.add(category, row, count)
            if row.ticket_type is not None:
                types.add((category, row.ticket_type), row, count)
        channels.add(row.channel_id, row, row.count)
        days.add(row.day, row, row.count)
    places = _places_of(seat_map)
    return SalesCounts(
        at=event.now,
        places=places.total(),
        sold=categories.sold.total(),
        held=categories.held.total(),
        revenue=Money(categories.prices.total(), event.currency),
        by_category=[
            CategorySales(each, places[each], *categories.counted(each))
            for each in (category.name for category in seat_map.categories)
        ],
        by_ticket_type=[TicketTypeSales(*each, *types.counted(each)) for each in sorted(types.keys())],
        by_channel=[
            ChannelSales(each, channels.sold[each], channels.revenue(each))
            for each in sorted(channels.sold, key=lambda each: each or 0)
        ],
        by_day=[DaySales(each, days.sold[each], days.revenue(each)) for each in sorted(days.sold)],
        money=_money_of(event),
    )


class _Tally(Generic[_Key]):
    """What is sold and held, and the prices of what is sold, by a key."""

    def __init__(self, currency: str) -> None:
        self.sold: Counter[_Key] = Counter()
        self.held: Counter[_Key] = Counter()
        self.prices: Counter[_Key] = Counter()
        self._currency = currency

    def add(self, key: _Key, row: PlacesRow, count: int) -> None:
        """So many of the row's places are of this key."""
        if row.is_sold:
            self.sold[key] += count
            self.prices[key] += row.amount * count
        else:
            self.held[key] += count

    def keys(self) -> set[_Key]:
        """All of which anything is sold or held."""
        return self.sold.keys() | self.held.keys()

    def revenue(self, key: _Key) -> Money:
        """The prices of what is sold of it."""
        return Money(self.prices[key], self._currency)

    def counted(self, key: _Key) -> tuple[int, int, Money]:
        """Sold, held and revenue."""
        return self.sold[key], self.held[key], self.revenue(key)


def _money_of(event: SoldEventRow) -> SalesMoney:
    went_back = event.paid - event.fees - event.taxes - event.earned
    amounts = (event.paid, went_back, event.fees, event.taxes, event.earned, event.disputed)
    return SalesMoney(*[Money(amount, event.currency) for amount in amounts])


def _places_of(seat_map: SeatMap) -> Counter[str]:
    """How many there are of each category; seats that were taken out of the map are none."""
    seats = Counter(seat_map.category_of)
    seats.subtract(seat_map.category_of[seat_id] for seat_id in seat_map.withdrawn)
    places = Counter({category.name: seats[index] for index, category in enumerate(seat_map.categories)})
    for area in seat_map.areas:
        places[area.category] += area.capacity
    return places
