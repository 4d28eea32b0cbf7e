"""The inventory in memory: a cache of the journal, changed only by what was committed."""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.changes import period_at
from boxoffice.catalog.prices.ticket_types import TypesOfPlaces
from boxoffice.catalog.seat_maps.seat_map import SeatMap
from boxoffice.catalog.terms import SaleTerms
from boxoffice.inventory.changes import (
    BookingCancelled,
    BookingConfirmed,
    BookingExchanged,
    BookingExpired,
    BookingHeld,
    BookingReduced,
    BookingRenewed,
    Change,
    PlacesBlocked,
    PlacesReleased,
    SeatMapChanged,
)
from boxoffice.inventory.commands import BlockedPlaces
from boxoffice.inventory.promo import PromoCode, PromoTally, PromoUse, use_of
from boxoffice.inventory.seating import Frontier, Seating

# What a seat's byte says.
FREE = 0
HELD = 1
SOLD = 2
BLOCKED = 3


class Pending(msgspec.Struct, frozen=True, gc=False):
    """A hold that still counts, until its time is over or somebody decides otherwise."""

    buyer_id: int
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    expires_at: datetime
    promo: PromoUse | None = None
    ticket_types: TypesOfPlaces = ()


class Inventory:
    """All that deciding needs to know of one event, level with journal row `version`.

    `seats[seat_id]` is FREE, HELD, SOLD or BLOCKED, as a seat is that was taken out of the seat map;
    `area_taken[area_id]` counts places that are not free.
    A held place whose time is over still counts as held here: expiring it is a decision, made in a batch,
    and so is releasing a block. `block_of[seat_id]` is the block a seat belongs to, also while its channel
    has sold it. `taken_of_type` counts the places of each ticket type that are held or sold. `looked_at` is
    PostgreSQL's clock when it was last brought level.
    """

    __slots__ = (
        "_seating",
        "area_taken",
        "block_of",
        "blocks",
        "chain_hash",
        "event_id",
        "expiries",
        "frontier",
        "looked_at",
        "pending",
        "places_of",
        "promo",
        "promo_codes",
        "seat_map",
        "seats",
        "taken_of_type",
        "terms",
        "version",
    )

    def __init__(self, terms: SaleTerms, seat_map: SeatMap, version: int, chain_hash: bytes) -> None:
        self.event_id = terms.event_id
        self.terms = terms
        self.seat_map = seat_map
        self.version = version
        self.chain_hash = chain_hash
        self.looked_at = datetime.min.replace(tzinfo=UTC)
        self.seats = bytearray(seat_map.seat_count)
        for seat_id in seat_map.withdrawn:
            self.seats[seat_id] = BLOCKED
        self.area_taken = [0] * len(seat_map.areas)
        self.places_of: dict[int, int] = {}
        self.taken_of_type: Counter[str] = Counter()
        self.pending: dict[UUID, Pending] = {}
        self.blocks: dict[UUID, BlockedPlaces] = {}
        self.block_of: dict[int, UUID] = {}
        self.expiries: list[tuple[datetime, UUID]] = []
        # By the hash of the code: as they are at the revision of the terms.
        self.promo_codes: dict[str, PromoCode] = {}
        self.promo = PromoTally()
        self.frontier = Frontier()
        self._seating: Seating | None = None

    @property
    def period(self) -> int:
        """How many changes of prices had begun when it was last brought level."""
        return period_at(self.terms.periods, self.looked_at)

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

    def apply(self, changes: Iterable[Change]) -> None:  # noqa: C901  a case for each
        """Follow committed changes, ours or another process's."""
        for change in changes:
            match change:
                case BookingHeld():
                    use = use_of(change.levies)
                    self.promo.add(change.buyer_id, use)
                    self.hold(change.booking_id, Pending(
                        change.buyer_id, change.seat_ids, change.area_ids, change.expires_at, use,
                        change.ticket_types,
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
                    self.promo.add(change.buyer_id, change.promo, -1)
                    self._count_types(change.ticket_types, -1)
                case BookingReduced():
                    self._free(change.buyer_id, change.freed_seat_ids, change.freed_area_ids)
                    self.promo.add(change.buyer_id, change.promo, -1)
                    self._count_types(change.freed_ticket_types, -1)
                case PlacesBlocked():
                    self.block(block_of_change(change))
                    for area_id, count in change.areas:
                        self.area_taken[area_id] += count
                case PlacesReleased():
                    self._release(change)
                case SeatMapChanged():
                    raise LookupError(f"seat map {change.seat_map_id} is needed to follow: see `move_to`")
                case _:
                    pass
        self._forget_settled_expiries()

    def move_to(self, seat_map: SeatMap) -> None:
        """Follow a change of the seat map: every seat and area has the id it had."""
        for seat_id in self.seat_map.withdrawn - seat_map.withdrawn:
            self.seats[seat_id] = FREE
        self.seats.extend(bytes(seat_map.seat_count - len(self.seats)))
        for seat_id in seat_map.withdrawn:
            self.seats[seat_id] = BLOCKED
        self.area_taken += [0] * (len(seat_map.areas) - len(self.area_taken))
        self.seat_map = seat_map
        self.frontier = Frontier()
        self._seating = None

    def hold(self, booking_id: UUID, held: Pending) -> None:
        """Mark the places of a hold, from the journal or from the tables."""
        self.pending[booking_id] = held
        heapq.heappush(self.expiries, (held.expires_at, booking_id))
        self._take(held.buyer_id, held.seat_ids, held.area_ids, HELD)
        self._count_types(held.ticket_types, +1)

    def block(self, block: BlockedPlaces) -> None:
        """Mark the seats of a block, from the journal or from the tables; what is sold of them stays sold."""
        self.blocks[block.id] = block
        if block.released_at is not None:
            heapq.heappush(self.expiries, (block.released_at, block.id))
        for seat_id in block.seat_ids:
            self.block_of[seat_id] = block.id
            if self.seats[seat_id] == FREE:
                self.seats[seat_id] = BLOCKED

    def _release(self, change: PlacesReleased) -> None:
        left = without(self.blocks[change.block_id], change)
        if left.seat_ids or left.areas:
            self.blocks[left.id] = left
        else:
            del self.blocks[left.id]
        for seat_id in change.seat_ids:
            del self.block_of[seat_id]
            if self.seats[seat_id] == BLOCKED:
                self.seats[seat_id] = FREE
        for area_id, count in change.areas:
            self.area_taken[area_id] -= count
        self.lower(self.frontier, change.seat_ids)

    def _sell(self, change: BookingConfirmed) -> None:
        self.pending.pop(change.booking_id, None)
        if change.taken_again:
            self._take(change.buyer_id, change.seat_ids, change.area_ids, SOLD)
            self.promo.add(change.buyer_id, change.promo)
            self._count_types(change.ticket_types, +1)
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
        before, use = self.pending[change.booking_id], use_of(change.levies)
        self._count_types(before.ticket_types, -1)
        self._count_types(change.ticket_types, +1)
        self.pending[change.booking_id] = msgspec.structs.replace(
            before,
            seat_ids=change.seat_ids,
            area_ids=change.area_ids,
            promo=use,
            ticket_types=change.ticket_types,
        )
        self.promo.add(change.buyer_id, before.promo, -1)
        self.promo.add(change.buyer_id, use)
        self._take(change.buyer_id, change.taken_seat_ids, change.taken_area_ids, HELD)
        self._free(change.buyer_id, change.freed_seat_ids, change.freed_area_ids)

    def _free(self, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]) -> None:
        for seat_id in seat_ids:
            self.seats[seat_id] = BLOCKED if seat_id in self.block_of else FREE
        for area_id in area_ids:
            self.area_taken[area_id] -= 1
        left = self.places_of[buyer_id] - len(seat_ids) - len(area_ids)
        if left:
            self.places_of[buyer_id] = left
        else:
            del self.places_of[buyer_id]
        self.lower(self.frontier, seat_ids)

    def _count_types(self, types: TypesOfPlaces, sign: int) -> None:
        for name in types:
            if name is not None:
                self.taken_of_type[name] += sign

    def lower(self, frontier: Frontier, seat_ids: Sequence[int]) -> None:
        """Seats came free: what is remembered of the hall may be so no more; nothing is if nobody chose."""
        if self._seating is not None:
            frontier.lower(self._seating, seat_ids)

    def _forget_settled_expiries(self) -> None:
        while self.expiries and not self._counts(*self.expiries[0]):
            heapq.heappop(self.expiries)

    def _counts(self, expires_at: datetime, id_: UUID) -> bool:
        """Whether this end of a hold or of a block is still its end: it may be settled, renewed, changed."""
        if (held := self.pending.get(id_)) is not None:
            return held.expires_at == expires_at
        block = self.blocks.get(id_)
        return block is not None and block.released_at == expires_at

    def due(self, now: datetime) -> tuple[list[UUID], datetime | None]:
        """The holds and blocks whose time is over, and when the next one's will be (or a moment before).

        Reads the heap without changing it: only a node whose parent is due can be due.
        """
        # Each once: a block that was given the same time again is in the heap twice.
        over: dict[UUID, None] = {}
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
                over[booking_id] = None
            to_look_at += (2 * index + 1, 2 * index + 2)
        return list(over), next_at


def block_of_change(change: PlacesBlocked) -> BlockedPlaces:
    """The block that a change has made."""
    return BlockedPlaces(
        id=change.block_id,
        name=change.name,
        kind=change.kind,
        seat_ids=change.seat_ids,
        areas=change.areas,
        released_at=change.released_at,
        channel_id=change.channel_id,
    )


def without(block: BlockedPlaces, released: PlacesReleased) -> BlockedPlaces:
    """What is left of a block."""
    gone, given = set(released.seat_ids), dict(released.areas)
    left = [(area_id, count - given.get(area_id, 0)) for area_id, count in block.areas]
    return msgspec.structs.replace(
        block,
        seat_ids=tuple([seat_id for seat_id in block.seat_ids if seat_id not in gone]),
        areas=tuple([(area_id, count) for area_id, count in left if count]),
    )
