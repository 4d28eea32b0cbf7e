"""What an event must be like. Pure: `now` is the database's and comes from the caller."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from boxoffice.catalog.codes import CURRENCIES, TIME_ZONES
from boxoffice.catalog.prices.changes import pointer_to_price
from boxoffice.catalog.prices.ticket_types import TicketType
from boxoffice.catalog.rows import EventColumns
from boxoffice.catalog.seat_maps.document import CategoryPlaces
from boxoffice.catalog.years import YEAR_MAX, YEAR_MIN, is_storable
from boxoffice.kit.errors import FieldError

_MOMENTS = ("starts_at", "ends_at", "sale_starts_at", "sale_ends_at", "accessible_released_at")


def faults_of_event(columns: EventColumns) -> Iterator[FieldError]:
    """What is wrong with an event in any state, whatever the time is."""
    if columns.currency not in CURRENCIES:
        yield FieldError(pointer="/currency", detail="This is no current ISO 4217 currency code.")
    if columns.time_zone not in TIME_ZONES:
        yield FieldError(pointer="/time_zone", detail="This is no IANA time zone name.")
    out_of_range = [name for name in _MOMENTS if not is_storable(getattr(columns, name))]
    for name in out_of_range:
        yield FieldError(pointer=f"/{name}", detail=f"The year must be from {YEAR_MIN} to {YEAR_MAX}.")
    if out_of_range:
        return
    if columns.ends_at is not None and columns.ends_at <= columns.starts_at:
        yield FieldError(pointer="/ends_at", detail="An event ends after it starts.")
    start, end = columns.sale_starts_at, columns.sale_ends_at
    if start is not None and end is not None and end <= start:
        yield FieldError(pointer="/sale_ends_at", detail="The sale must end after it starts.")
    if start is not None and end is None and start >= columns.starts_at:
        detail = "Without `sale_ends_at` the sale ends when the event starts: it must start before."
        yield FieldError(pointer="/sale_starts_at", detail=detail)


def faults_of_start(starts_at: datetime, now: datetime) -> Iterator[FieldError]:
    """An event in the past cannot be made or published."""
    if is_storable(starts_at) and starts_at <= now:
        yield FieldError(pointer="/starts_at", detail="This is in the past.")


def faults_of_offer(
    prices: Mapping[str, int], categories: Sequence[CategoryPlaces], ticket_types: Sequence[TicketType]
) -> Iterator[FieldError]:
    """Every ticket type needs a price before anybody can buy, and so does a category that has places,
    unless it is sold by ticket type.
    """
    for ticket_type in ticket_types:
        if ticket_type.name not in prices:
            detail = "This ticket type has no price."
            yield FieldError(pointer=pointer_to_price(ticket_type.name), detail=detail)
    by_type = {ticket_type.category for ticket_type in ticket_types}
    for category in categories:
        if category.places and category.name not in prices and category.name not in by_type:
            detail = f"This category has {category.places} places and no price."
            yield FieldError(pointer=pointer_to_price(category.name), detail=detail)


def faults_of_sale_window(columns: EventColumns, now: datetime) -> Iterator[FieldError]:
    """The sale must not be over before it begins."""
    if columns.sale_ends_at is not None and columns.sale_ends_at <= now:
        yield FieldError(pointer="/sale_ends_at", detail="This is in the past: nobody could buy.")
