"""A naive model of one event that reads the journal, and knows nothing of how the inventory is made.

It says of every row whether it can have happened. Slow and plain on purpose: dictionaries and counts.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NoReturn
from uuid import UUID

import msgspec

from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExchanged,
    BookingExpired,
    BookingHeld,
    BookingReduced,
    BookingRenewed,
    Change,
    PaymentReturned,
    PlacesBlocked,
    PlacesReleased,
    SeatMapChanged,
    decode_changes,
)
from boxoffice.inventory.journal.chain import GENESIS, chain_hash
from shows import JournalRow
from simulation.record import Broken

# Those that are about a booking.
BookingChange = (
    BookingHeld
    | BookingRenewed
    | BookingExchanged
    | BookingConfirmed
    | BookingExpired
    | BookingCancelled
    | BookingReduced
    | PaymentReturned
)


class Then(msgspec.Struct):
    """A booking as the journal has left it."""

    buyer_id: int
    state: str
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    expires_at: datetime | None
    payments: set[UUID]
    paid_by: UUID | None = None
    channel_id: int | None = None

    @property
    def places(self) -> int:
        """Seats and admissions."""
        return len(self.seat_ids) + len(self.area_ids)


class Past:
    """Who had what, row after row."""

    def __init__(
        self, event_id: int, capacities: Sequence[int], places_per_buyer_max: int, *, doomed: bool = False
    ) -> None:
        self.event_id = event_id
        self.owner_of: dict[int, UUID] = {}
        self.taken: Counter[int] = Counter()
        self.bookings: dict[UUID, Then] = {}
        self.blocks: dict[UUID, PlacesBlocked] = {}
        self.block_of: dict[int, UUID] = {}
        self.changes: list[Change] = []
        # Paid bookings that were cancelled although their event was not: see `money_checks`.
        self.withdrawn: set[UUID] = set()
        # The prices of the places that were taken back, and how many these are, by the id of the refund.
        self.reduced: dict[UUID, tuple[int, int]] = {}
        self._capacities = capacities
        self._doomed = doomed
        self._limit = places_per_buyer_max
        self._hash, self._version, self._at = GENESIS, 0, None

    def read(self, rows: Sequence[JournalRow]) -> "Past":
        """Follow these rows. Raises `Broken`."""
        for row in rows:
            if row.version != self._version + 1:
                self._broken("P8", f"row {self._version + 1} of the journal is missing")
            if self._at is not None and row.at < self._at:
                self._broken("P8", f"journal row {row.version} is older than the one before it")
            self._hash = chain_hash(self._hash, row.version, row.at, row.changes)
            if row.hash != self._hash:
                self._broken("P8", f"journal row {row.version} has another hash than its content gives")
            self._version, self._at = row.version, row.at
            for change in decode_changes(row.changes):
                self.changes.append(change)
                self._follow(change, row)
            self._check_row(row)
        return self

    def _check_row(self, row: JournalRow) -> None:
        """Every batch gives back what is over before it decides anything."""
        for block in self.blocks.values():
            if block.released_at is not None and block.released_at <= row.at:
                self._broken("P7", f"at row {row.version} block {block.block_id} was over and still there")
        for booking_id, then in self.bookings.items():
            if then.expires_at is not None and then.expires_at <= row.at:
                self._broken(
                    "P7", f"at row {row.version} a hold was over and still had its places", booking_id
                )

    def _follow(self, change: Change, row: JournalRow) -> None:  # noqa: C901  one for each change
        match change:
            case BookingHeld():
                self._begin(change)
            case BookingRenewed():
                self._must_be(change, "PENDING").expires_at = change.expires_at
            case BookingExchanged():
                then = self._must_be(change, "PENDING")
                self._free(change.booking_id, change.freed_seat_ids, change.freed_area_ids)
                then.seat_ids, then.area_ids = change.seat_ids, change.area_ids
                then.amounts = change.amounts
                self._take(change.booking_id, change.taken_seat_ids, change.taken_area_ids)
            case BookingReduced():
                self._reduce(change)
                self._free(change.booking_id, change.freed_seat_ids, change.freed_area_ids)
            case BookingConfirmed():
                self._sell(change)
            case BookingExpired() | BookingCancelled():
                self._end(change, row)
            case PlacesBlocked():
                self._block(change)
            case PlacesReleased():
                self._release(change)
            case PaymentReturned():
                self._settle(change.payment_id, change.booking_id, self._must_be(change))
            case SeatMapChanged():
                if taken := self.owner_of.keys() & set(change.withdrawn_seat_ids):
                    self._broken("P3", f"seats {sorted(taken)} were taken out of the map and somebody's")

    def _reduce(self, change: BookingReduced) -> None:
        then = self._must_be(change, "CONFIRMED")
        freed = len(change.freed_seat_ids) + len(change.freed_area_ids)
        if freed + len(change.amounts) != then.places:
            self._broken("P3", "more or less was taken back than is missing", change.booking_id)
        if change.refund_id is None or change.refund_id in self.reduced:
            self._broken("P5", "places were taken back, and no money goes back for them", change.booking_id)
        self.reduced[change.refund_id] = (sum(then.amounts) - sum(change.amounts), freed)
        then.seat_ids, then.area_ids, then.amounts = change.seat_ids, change.area_ids, change.amounts

    def _begin(self, change: BookingHeld) -> None:
        booking_id = change.booking_id
        if booking_id in self.bookings:
            self._broken("P8", "a booking began twice", booking_id)
        then = self.bookings[booking_id] = Then(
            change.buyer_id,
            "PENDING",
            change.seat_ids,
            change.area_ids,
            change.amounts,
            change.expires_at,
            set(),
            channel_id=change.channel_id,
        )
        if len(change.amounts) != then.places:
            self._broken("P3", "a booking has not one price for each place", booking_id)
        self._take(booking_id, then.seat_ids, then.area_ids)

    def _sell(self, change: BookingConfirmed) -> None:
        then = self._must_be(change, "EXPIRED" if change.taken_again else "PENDING")
        then.state, then.expires_at, then.paid_by = "CONFIRMED", None, change.payment_id
        if change.payment_id is not None:
            self._settle(change.payment_id, change.booking_id, then)
        if change.taken_again:
            self._take(change.booking_id, then.seat_ids, then.area_ids)

    def _end(self, change: BookingExpired | BookingCancelled, row: JournalRow) -> None:
        booking_id = change.booking_id
        if isinstance(change, BookingExpired):
            then = self._must_be(change, "PENDING")
            if then.expires_at is None or then.expires_at > row.at:
                self._broken("P4", f"a hold until {then.expires_at} was over at {row.at}", booking_id)
            then.state = "EXPIRED"
        else:
            then = self._must_be(change, "CONFIRMED" if change.was_confirmed else "PENDING")
            if then.paid_by is not None and not self._doomed:
                self.withdrawn.add(booking_id)
            then.state = "CANCELLED"
        then.expires_at = None
        self._free(booking_id, then.seat_ids, then.area_ids)

    def _block(self, change: PlacesBlocked) -> None:
        if change.block_id in self.blocks:
            self._broken("P8", f"block {change.block_id} was made twice", change.block_id)
        self.blocks[change.block_id] = change
        for seat_id in change.seat_ids:
            self.block_of[seat_id] = change.block_id
            self.owner_of.setdefault(seat_id, change.block_id)
        for area_id, count in change.areas:
            self.taken[area_id] += count
            if self.taken[area_id] > self._capacities[area_id]:
                self._broken("P2", f"a block has more of area {area_id} than there is", change.block_id)

    def _release(self, change: PlacesReleased) -> None:
        block = self.blocks.pop(change.block_id, None)
        if block is None:
            self._broken("P8", "a block was released that is not there", change.block_id)
        for seat_id in change.seat_ids:
            if self.block_of.pop(seat_id, None) != block.block_id:
                self._broken("P8", f"seat {seat_id} was released from another block", block.block_id)
            if self.owner_of.get(seat_id) == block.block_id:
                del self.owner_of[seat_id]
        counts = dict(block.areas)
        for area_id, count in change.areas:
            self.taken[area_id] -= count
            counts[area_id] -= count
        left = msgspec.structs.replace(
            block,
            seat_ids=tuple([seat_id for seat_id in block.seat_ids if seat_id not in change.seat_ids]),
            areas=tuple([(area_id, count) for area_id, count in counts.items() if count]),
        )
        if left.seat_ids or left.areas:
            self.blocks[left.block_id] = left

    def _must_be(self, change: BookingChange, state: str | None = None) -> Then:
        then = self.bookings.get(change.booking_id)
        if then is None or state not in (None, then.state):
            is_ = "unknown" if then is None else then.state
            self._broken("P8", f"{type(change).__name__} of a booking that is {is_}", change.booking_id)
        for field in ("seat_ids", "area_ids"):
            named = getattr(change, field, getattr(then, field))
            if not isinstance(change, BookingExchanged | BookingReduced) and named != getattr(then, field):
                self._broken("P3", f"{type(change).__name__} is about other {field}", change.booking_id)
        return then

    def _settle(self, payment_id: UUID, booking_id: UUID, then: Then) -> None:
        if payment_id in then.payments:
            self._broken("P5", f"payment {payment_id} was settled twice", booking_id)
        then.payments.add(payment_id)

    def _take(self, booking_id: UUID, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]) -> None:
        for seat_id in seat_ids:
            owner = self.owner_of.get(seat_id)
            block = None if owner is None else self.blocks.get(owner)
            is_its_channels = block is not None and block.channel_id == self.bookings[booking_id].channel_id
            if owner is not None and not (is_its_channels and block and block.channel_id):
                self._broken("P1", f"seat {seat_id} was {owner}'s and went to another", booking_id)
            self.owner_of[seat_id] = booking_id
        for area_id in area_ids:
            self.taken[area_id] += 1
            if self.taken[area_id] > self._capacities[area_id]:
                self._broken("P2", f"area {area_id} has {self.taken[area_id]} places taken", booking_id)
        buyer_id = self.bookings[booking_id].buyer_id
        places = sum(
            then.places
            for then in self.bookings.values()
            if then.buyer_id == buyer_id and then.state in ("PENDING", "CONFIRMED")
        )
        if places > self._limit:
            self._broken("P9", f"buyer {buyer_id} has {places} places of {self._limit}", booking_id)

    def _free(self, booking_id: UUID, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]) -> None:
        for seat_id in seat_ids:
            if self.owner_of.pop(seat_id, None) != booking_id:
                self._broken("P1", f"seat {seat_id} was given back by who did not have it", booking_id)
            if seat_id in self.block_of:
                self.owner_of[seat_id] = self.block_of[seat_id]
        for area_id in area_ids:
            self.taken[area_id] -= 1

    def _broken(self, promise: str, words: str, booking_id: UUID | None = None) -> NoReturn:
        raise Broken(promise, words, self.event_id, booking_id)
