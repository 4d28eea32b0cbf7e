"""The inventory in memory: a cache of the journal, changed only by what was committed."""

import heapq
from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.seat_map import SeatMap
from boxoffice.catalog.terms import SaleTerms
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExchanged,
    BookingExpired,
    BookingHeld,
    BookingRenewed,
    Change,
)
from boxoffice.inventory.seating import Seating, WindowKind

# What a seat's byte says.
FREE = 0
HELD = 1
SOLD = 2


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A hold that still counts, until its time is over or somebody decides otherwise."""

    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    expires_at: datetime


class Inventory:
    """All that deciding needs to know of one event, level with journal row `version`.

    `seats[seat_id]` is FREE, HELD or SOLD; `area_taken[area_id]` counts places held and sold. A held
    place whose time is over still counts as held here: expiring it is a decision, made in a batch.
    """

    __slots__ = (
        "_seating",
        "area_taken",
        "chain_hash",
        "event_id",
        "expiries",
        "frontier",
        "pending",
        "places_of",
        "seat_map",
        "seats",
        "terms",
        "version",
    )

    def __init__(self, terms: SaleTerms, seat_map: SeatMap, version: int, chain_hash: bytes) -> None:
        self.event_id = terms.event_id
        self.terms = terms
        self.seat_map = seat_map
        self.version = version
        self.chain_hash = chain_hash
        self.seats = bytearray(seat_map.seat_count)
        self.area_taken = [0] * len(seat_map.areas)
        self.places_of: dict[int, int] = {}
        self.pending: dict[UUID, Pending] = {}
        self.expiries: list[tuple[datetime, UUID]] = []
        # By kind of request: before this rank of its windows none is free.
        self.frontier: dict[WindowKind, int] = {}
        self._seating: Seating | None = None

    @property
    def seating(self) -> Seating:
        """Who sits next to whom; made at first use (0.1 s for 50,000 seats: see `prepare`)."""
        if self._seating is None:
            self._seating = Seating(self.seat_map)
        return self._seating

    def is_prepared(self, sizes: Iterable[int]) -> bool:
        """Whether parties of these sizes can be seated without making anything first."""
        return self._seating is not None and all(self._seating.has_windows(size) for size in sizes)

    def prepare(self, sizes: Iterable[int]) -> None:
        """Make the seating and the windows for parties of these sizes."""
        for size in sizes:
            if not self.seating.has_windows(size):
                self.seating.windows(size)

    def apply(self, changes: Iterable[Change]) -> None:
        """Follow committed changes, ours or another process's."""
        for change in changes:
            match change:
                case BookingHeld():
                    self.hold(change.booking_id, Pending(
                        change.buyer_id, change.seat_ids, change.area_ids, change.expires_at
                    ))  # fmt: skip
                case BookingConfirmed():
                    self._sell(change)
                case BookingRenewed():
                    self._hold_until(change.booking_id, change.expires_at)
                case BookingExchanged():
                    self._exchange(change)
                case BookingExpired() | BookingCancelled():
                    self.pending.pop(change.booking_id, None)
                    self._free(change.buyer_id, change.seat_ids, change.area_ids)
                case _:
                    pass
        self._forget_settled_expiries()

    def hold(self, booking_id: UUID, held: Pending) -> None:
        """Mark the places of a hold, from the journal or from the tables."""
        self.pending[booking_id] = held
        heapq.heappush(self.expiries, (held.expires_at, booking_id))
        self._take(held.buyer_id, held.seat_ids, held.area_ids, HELD)

    def _sell(self, change: BookingConfirmed) -> None:
        self.pending.pop(change.booking_id, None)
        if change.taken_again:
            self._take(change.buyer_id, change.seat_ids, change.area_ids, SOLD)
            return
        for seat_id in change.seat_ids:
            self.seats[seat_id] = SOLD

    def _take(self, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...], as_: int) -> None:
        for seat_id in seat_ids:
            self.seats[seat_id] = as_
        for area_id in area_ids:
            self.area_taken[area_id] += 1
        self.places_of[buyer_id] = self.places_of.get(buyer_id, 0) + len(seat_ids) + len(area_ids)

    def _hold_until(self, booking_id: UUID, expires_at: datetime) -> None:
        self.pending[booking_id] = msgspec.structs.replace(self.pending[booking_id], expires_at=expires_at)
        heapq.heappush(self.expiries, (expires_at, booking_id))

    def _exchange(self, change: BookingExchanged) -> None:
        self.pending[change.booking_id] = msgspec.structs.replace(
            self.pending[change.booking_id], seat_ids=change.seat_ids, area_ids=change.area_ids
        )
        self._take(change.buyer_id, change.taken_seat_ids, change.taken_area_ids, HELD)
        self._free(change.buyer_id, change.freed_seat_ids, change.freed_area_ids)

    def _free(self, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]) -> None:
        for seat_id in seat_ids:
            self.seats[seat_id] = FREE
        for area_id in area_ids:
            self.area_taken[area_id] -= 1
        left = self.places_of[buyer_id] - len(seat_ids) - len(area_ids)
        if left:
            self.places_of[buyer_id] = left
        else:
            del self.places_of[buyer_id]
        self.lower_frontier(self.frontier, seat_ids)

    def lower_frontier(self, frontier: dict[WindowKind, int], seat_ids: Iterable[int]) -> None:
        """Seats came free: windows with them may be free again, for every kind of request."""
        for seat_id in seat_ids if frontier else ():
            for kind, rank in frontier.items():
                frontier[kind] = min(rank, self.seating.first_rank_with(kind.size, seat_id))

    def _forget_settled_expiries(self) -> None:
        while self.expiries and not self._counts(*self.expiries[0]):
            heapq.heappop(self.expiries)

    def _counts(self, expires_at: datetime, booking_id: UUID) -> bool:
        """Whether this end of a hold is still its end: it may be settled or renewed."""
        held = self.pending.get(booking_id)
        return held is not None and held.expires_at == expires_at

    def due(self, now: datetime) -> tuple[list[UUID], datetime | None]:
        """The holds whose time is over, and when the next one's will be (or a moment before).

        Reads the heap without changing it: only a node whose parent is due can be due.
        """
        over: list[UUID] = []
        next_at: datetime | None = None
        heap = self.expiries
        to_look_at = [0]
        while to_look_at:
            index = to_look_at.pop()
            if index >= len(heap):
                continue
            expires_at, booking_id = heap[index]
            if expires_at > now:
                if next_at is None or expires_at < next_at:
                    next_at = expires_at
                continue
            if self._counts(expires_at, booking_id):
                over.append(booking_id)
            to_look_at += (2 * index + 1, 2 * index + 2)
        return over, next_at
