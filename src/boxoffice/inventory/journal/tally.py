"""What the journal says of each booking, to be held against the bookings' table."""

from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import encode_levies
from boxoffice.catalog.prices.ticket_types import encode_types_of_places
from boxoffice.inventory.changes import Change
from boxoffice.inventory.commands import BookingState
from boxoffice.inventory.journal.queries import BookingRow
from boxoffice.inventory.state import Inventory


class Booked(msgspec.Struct, frozen=True, gc=False):
    """A booking as the journal has left it."""

    state: BookingState
    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int
    levies: str | None
    ticket_types: str | None
    expires_at: datetime | None
    payments: tuple[UUID, ...]


class Tally:
    """The bookings of one part of an event, or all of them when there is one part, followed."""

    __slots__ = ("_inventory", "_part", "_parts", "bookings", "touched")

    def __init__(self, inventory: Inventory, part: int, parts: int) -> None:
        self._inventory = inventory
        self._part = part
        self._parts = parts
        self.bookings: dict[UUID, Booked] = {}
        # Whose changes came since it was last emptied.
        self.touched: set[UUID] = set()

    def covers(self, booking_id: UUID) -> bool:
        """Whether this booking is of our part."""
        return booking_id.int % self._parts == self._part

    def follow(self, change: Change) -> None:
        """Take a change in, after the inventory has.

        Generic over the kinds: what is pending is pending as the inventory says; a change that settles
        a booking has the name of the state it settles it to; fields are named after the columns.
        """
        booking_id: UUID | None = getattr(change, "booking_id", None)
        if booking_id is None or not self.covers(booking_id):
            return
        self.touched.add(booking_id)
        before = self.bookings.get(booking_id)
        amounts = getattr(change, "amounts", before.amounts if before else ())
        total = getattr(change, "total", before.total if before else 0)
        levies = before.levies if before else None
        if hasattr(change, "levies"):
            levies = encode_levies(getattr(change, "levies"))  # noqa: B009  the kinds that price have it
        types = before.ticket_types if before else None
        if hasattr(change, "ticket_types"):
            types = encode_types_of_places(getattr(change, "ticket_types"))  # noqa: B009
        payments = before.payments if before else ()
        if (payment_id := getattr(change, "payment_id", None)) is not None:
            payments = (*payments, payment_id)
        tag = change.__struct_config__.tag
        if (held := self._inventory.pending.get(booking_id)) is not None:
            self.bookings[booking_id] = Booked(
                BookingState.PENDING,
                held.buyer_id,
                held.seat_ids,
                held.area_ids,
                amounts,
                total,
                levies,
                types,
                held.expires_at,
                payments,
            )
        elif tag in _STATES:
            self.bookings[booking_id] = Booked(
                BookingState(tag),
                getattr(change, "buyer_id"),  # noqa: B009  every kind that settles has these
                getattr(change, "seat_ids"),  # noqa: B009
                getattr(change, "area_ids"),  # noqa: B009
                amounts,
                total,
                levies,
                types,
                None,
                payments,
            )
        elif before is not None:
            self.bookings[booking_id] = msgspec.structs.replace(
                before,
                seat_ids=getattr(change, "seat_ids", before.seat_ids),
                area_ids=getattr(change, "area_ids", before.area_ids),
                amounts=amounts,
                total=total,
                levies=levies,
                ticket_types=types,
                payments=payments,
            )

    def difference(self, booking_id: UUID, row: BookingRow | None) -> tuple[str, str] | None:
        """What the journal says and what the table says instead, in words; None when they agree."""
        booked = self.bookings.get(booking_id)
        if booked is None:
            return None if row is None else ("no such booking", f"one that is {row.state}")
        if row is None:
            return f"a booking that is {booked.state}", "none"
        tickets = len(booked.amounts) if booked.state is BookingState.CONFIRMED else 0
        for what, expected, found in (
            ("state", booked.state.value, row.state),
            ("buyer", booked.buyer_id, row.buyer_id),
            ("seats", booked.seat_ids, row.seat_ids),
            ("areas", booked.area_ids, row.area_ids),
            ("amounts", booked.amounts, row.amounts),
            ("total", booked.total, row.total),
            ("fees and taxes", booked.levies, row.levies),
            ("ticket types", booked.ticket_types, row.ticket_types),
            ("end of the hold", booked.expires_at, row.expires_at),
            ("settled payments", sorted(booked.payments), sorted(row.settled_payments)),
            ("valid tickets", tickets, row.valid_tickets),
        ):
            if expected != found:
                return f"{what} {_shown(expected)}", f"{what} {_shown(found)}"
        return None


_STATES = frozenset(BookingState)


def _shown(value: object) -> str:
    if isinstance(value, tuple | list):
        return "[" + ", ".join(map(str, value)) + "]"
    return "none" if value is None else str(value)
