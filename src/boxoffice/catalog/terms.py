"""What the sale of an event has to know about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import msgspec

from boxoffice.catalog import queries
from boxoffice.catalog.hiding import decode_hidden
from boxoffice.catalog.prices.changes import PricePeriod, decode_price_changes, period_at, periods_of
from boxoffice.catalog.prices.tariff import Tariff, decode_tariff
from boxoffice.catalog.prices.ticket_types import TicketType, decode_ticket_types, with_types
from boxoffice.catalog.schemas import EventState, OrphanRule
from boxoffice.kit.money import step_of
from boxoffice.kit.postgres import Source


class Channel(msgspec.Struct, frozen=True):
    """A sales channel; its window and its prices replace the event's where they say something."""

    id: int
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    prices: dict[str, int] = {}


class Window(NamedTuple):
    """From when until when there is a sale; `starts_at` None: since the event was published."""

    starts_at: datetime | None
    ends_at: datetime


class SaleTerms(msgspec.Struct, frozen=True):
    """The terms of one revision. `prices` is minor units of `currency` by the name of a category
    or ticket type.

    `sale_starts_at` None: since it was published; `sale_ends_at` None: until it starts. Accessible seats
    are kept from general requests until `accessible_released_at`; None: they are sold like all others.
    `tariff` None: there are no fees and no tax. `periods` are those after the one that `prices` begin.
    """

    event_id: int
    revision: int
    state: EventState
    title: str
    currency: str
    starts_at: datetime
    sale_starts_at: datetime | None
    sale_ends_at: datetime | None
    places_per_buyer_max: int
    hold_seconds: int
    orphan_rule: OrphanRule
    accessible_released_at: datetime | None
    seat_map_id: int
    prices: dict[str, int]
    # By the hash of its key: SHA-256, in hex.
    channels: dict[str, Channel] = {}
    tariff: Tariff | None = None
    periods: tuple[PricePeriod, ...] = ()
    ticket_types: dict[str, TicketType] = {}
    hidden_categories: frozenset[str] = frozenset()

    @property
    def step(self) -> int:
        """What every amount that a buyer pays is a multiple of."""
        return step_of(self.currency)

    def window_of(self, channel_id: int | None) -> Window:
        """When this channel sells; None is everybody."""
        starts_at, ends_at = self.sale_starts_at, self.sale_ends_at or self.starts_at
        if channel := self._channel(channel_id):
            starts_at, ends_at = channel.sale_starts_at or starts_at, channel.sale_ends_at or ends_at
        return Window(starts_at, ends_at)

    def prices_at(self, now: datetime, channel_id: int | None = None) -> Mapping[str, int]:
        """What each category costs at this moment through this channel; a change holds from its moment on."""
        prices = self.prices_in(period_at(self.periods, now)) if self.periods else self.prices
        channel = self._channel(channel_id)
        return prices | channel.prices if channel and channel.prices else prices

    def prices_in(self, period: int) -> dict[str, int]:
        """What each category costs to everybody once so many changes have begun."""
        return self.periods[period - 1].prices if period else self.prices

    def _channel(self, channel_id: int | None) -> Channel | None:
        """The channel, unless it was withdrawn."""
        if channel_id is None:
            return None
        return next((channel for channel in self.channels.values() if channel.id == channel_id), None)


async def find_sale_terms(source: Source, event_id: int) -> SaleTerms | None:
    """The terms as they are now, in any state. Prices and revision are of one moment."""
    row = await queries.find_sale_terms(source, event_id)
    if row is None:
        return None
    prices = msgspec.json.decode(row.prices, type=dict[str, int])
    ticket_types = decode_ticket_types(row.ticket_types)
    return SaleTerms(
        event_id=row.id,
        revision=row.revision,
        state=EventState(row.state),
        title=row.title,
        currency=row.currency,
        starts_at=row.starts_at,
        sale_starts_at=row.sale_starts_at,
        sale_ends_at=row.sale_ends_at,
        places_per_buyer_max=row.places_per_buyer_max,
        hold_seconds=row.hold_seconds,
        orphan_rule=row.orphan_rule,
        accessible_released_at=row.accessible_released_at,
        seat_map_id=row.seat_map_id,
        prices=prices,
        periods=periods_of(prices, decode_price_changes(row.price_changes)),
        channels=msgspec.json.decode(row.channels, type=dict[str, Channel]),
        ticket_types={each.name: each for each in ticket_types},
        hidden_categories=decode_hidden(row.hidden_categories),
        tariff=with_types(decode_tariff(row.fees, row.tax, row.currency), ticket_types),
    )
