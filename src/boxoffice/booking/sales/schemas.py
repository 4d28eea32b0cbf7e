"""The sales of an event, counted."""

from datetime import date, datetime

import msgspec

from boxoffice.kit.money import Money


class CategorySales(msgspec.Struct, frozen=True):
    """A category: how many `places` the map has, seats and admissions, how many are sold and held.

    `revenue` is the prices of those that are sold.
    """

    category: str
    places: int
    sold: int
    held: int
    revenue: Money


class TicketTypeSales(msgspec.Struct, frozen=True):
    """What was sold, and is held, of a category as this ticket type."""

    category: str
    ticket_type: str
    sold: int
    held: int
    revenue: Money


class ChannelSales(msgspec.Struct, frozen=True):
    """What was sold through a channel; `channel_id` null is everybody else."""

    channel_id: int | None
    sold: int
    revenue: Money


class DaySales(msgspec.Struct, frozen=True):
    """What was booked on a day by the event's clock, and is sold."""

    day: date
    sold: int
    revenue: Money


class SalesMoney(msgspec.Struct, frozen=True):
    """By the ledger: what was `paid` for tickets of the event, all-in, and what `went_back`, or to banks.

    The rest is `fees`, `taxes` and what the organizer has `earned`. `disputed` is in the hands of banks for
    now, and still in the others.
    """

    paid: Money
    went_back: Money
    fees: Money
    taxes: Money
    earned: Money
    disputed: Money


class SalesCounts(msgspec.Struct, frozen=True):
    """How an event sells, at one moment.

    Prices are those that were sold at, less discounts; fees and taxes that are added to them are not in
    `revenue`. Places that were given back, and their money, count nowhere but in `money`. Only what
    there was is listed, categories apart.
    """

    at: datetime
    places: int
    sold: int
    held: int
    revenue: Money
    by_category: list[CategorySales]
    by_ticket_type: list[TicketTypeSales]
    by_channel: list[ChannelSales]
    by_day: list[DaySales]
    money: SalesMoney
