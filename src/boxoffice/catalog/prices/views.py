"""What an event costs, as buyers are shown it: now, and what changes next, all-in."""

from collections.abc import Collection, Mapping, Sequence
from itertools import dropwhile

import msgspec

from boxoffice.catalog.hiding import changes_without, decode_hidden, hidden_names, without
from boxoffice.catalog.prices.changes import PricePeriod, decode_price_changes, period_at, periods_of
from boxoffice.catalog.prices.pricing import all_in_amount
from boxoffice.catalog.prices.tariff import Tariff, decode_tariff
from boxoffice.catalog.prices.ticket_types import decode_ticket_types, with_types
from boxoffice.catalog.rows import EventRow, EventSummaryRow
from boxoffice.catalog.schemas import ComingPrices
from boxoffice.kit.money import Money


class Priced:
    """The prices of an event's row: those it begins with, and those that hold at the row's `now`.

    `written` is the tariff as the organizer wrote it. `for_public`: without what hidden categories cost.
    `own` prices are those of a sales channel: they hold whatever the event's are at the time.
    """

    def __init__(
        self, row: EventRow | EventSummaryRow, *, for_public: bool, own: Mapping[str, int] | None = None
    ) -> None:
        self.prices = msgspec.json.decode(row.prices, type=dict[str, int])
        self.changes = decode_price_changes(row.price_changes)
        self.ticket_types = decode_ticket_types(row.ticket_types)
        self.hidden = frozenset[str]() if for_public else decode_hidden(row.hidden_categories)
        own, names = dict(own or {}), frozenset[str]()
        if for_public and (hidden := decode_hidden(row.hidden_categories)):
            names = hidden_names(hidden, self.ticket_types)
            own = without(names, own)
            self.prices = without(names, self.prices)
            self.changes = changes_without(names, self.changes)
            self.ticket_types = [each for each in self.ticket_types if each.name not in names]
        self.written = _without_rates(names, decode_tariff(row.fees, row.tax, row.currency))
        self.tariff = with_types(self.written, self.ticket_types)
        self._currency = row.currency
        periods = periods_of(self.prices, self.changes)
        begun = period_at(periods, row.now)
        self.current = (periods[begun - 1].prices if begun else self.prices) | own
        self._later: Sequence[PricePeriod] = periods[begun:]
        if own:
            later = [PricePeriod(each.starts_at, each.prices | own) for each in self._later]
            # A change of nothing but what the channel sells at its own prices is none to who buys there.
            self._later = [*dropwhile(lambda each: each.prices == self.current, later)]

    def all_in(self, prices: Mapping[str, int]) -> dict[str, Money]:
        """What a buyer pays at these prices for one place of each category."""
        return money_of(all_in_amounts(self.tariff, prices), self._currency)

    def next_change(self) -> ComingPrices | None:
        """What changes next, and when."""
        return coming_prices(self.current, self._later, self.tariff, self._currency)


def _without_rates(names: Collection[str], tariff: Tariff | None) -> Tariff | None:
    """The tariff but for what these are taxed at: that would tell of them, too."""
    if tariff is None or tariff.tax is None or not names:
        return tariff
    rates = without(names, tariff.tax.basis_points_of)
    return msgspec.structs.replace(tariff, tax=msgspec.structs.replace(tariff.tax, basis_points_of=rates))


def coming_prices(
    current: Mapping[str, int], later: Sequence[PricePeriod], tariff: Tariff | None, currency: str
) -> ComingPrices | None:
    """What the first of these periods changes of the prices that hold now; None when there is none."""
    if not later:
        return None
    coming = {name: amount for name, amount in later[0].prices.items() if current.get(name) != amount}
    return ComingPrices(later[0].starts_at, money_of(all_in_amounts(tariff, coming), currency))


def all_in_amounts(tariff: Tariff | None, prices: Mapping[str, int]) -> dict[str, int]:
    """What a buyer pays altogether for one place of each category, booked alone."""
    return {name: all_in_amount(tariff, name, amount) for name, amount in prices.items()}


def money_of(amounts: Mapping[str, int], currency: str) -> dict[str, Money]:
    """Amounts with their currency."""
    return {name: Money(amount=amount, currency=currency) for name, amount in amounts.items()}
