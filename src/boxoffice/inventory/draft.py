"""An inventory as it will be once the batch at hand is committed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from uuid import UUID

import msgspec

from boxoffice.catalog.prices.pricing import PricedPlace, encode_levies, price_place
from boxoffice.catalog.prices.ticket_types import (
    TypesOfPlaces,
    decode_types_of_places,
    encode_types_of_places,
)
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
)
from boxoffice.inventory.commands import BlockedPlaces, Booking, BookingState, ChangeSeatMap
from boxoffice.inventory.promo import PromoCode, PromoTally, PromoUse, use_in, use_of
from boxoffice.inventory.state import BLOCKED, FREE, Inventory, block_of_change, without


class Draft:
    """The changes of a batch so far, laid over an inventory that stays as it is.

    changes  what happened, in order: the journal row
    held     new bookings by id, as they will be inserted
    edited   bookings that were there before, by id, with other places, fewer, or another end of their hold
    moved    bookings that were there before, by id: the state they will have
    claimed  seats that will be claimed, and by which booking or block
    freed    seats whose claim from before this batch ends
    blocks   blocks that were made, changed or released here, by id: what is left of them
    voided   tickets that were void before their booking's end
    owed     what is given back of payments, by id, for places
    used     bookings whose use of a promo code is another than before: the buyer, and what it is, or None
    seat_map what gives the event another seat map, if anything does
    """

    __slots__ = (
        "_area_deltas",
        "_block_of",
        "_bookings",
        "_places",
        "_type_deltas",
        "blocks",
        "changes",
        "claimed",
        "edited",
        "freed",
        "frontier",
        "held",
        "inventory",
        "moved",
        "owed",
        "promo",
        "seat_map",
        "used",
        "voided",
    )

    def __init__(self, inventory: Inventory, bookings: Mapping[UUID, Booking]) -> None:
        self.inventory = inventory
        self._bookings = dict(bookings)
        self.changes: list[Change] = []
        self.held: dict[UUID, tuple[BookingHeld, BookingState]] = {}
        self.moved: dict[UUID, tuple[BookingState, UUID | None]] = {}
        self.edited: dict[UUID, Booking] = {}
        self.claimed: dict[int, UUID] = {}
        self.freed: set[int] = set()
        self.blocks: dict[UUID, BlockedPlaces] = {}
        self.voided: set[UUID] = set()
        self.owed: dict[UUID, int] = {}
        self.used: dict[UUID, tuple[int, PromoUse | None]] = {}
        self.seat_map: ChangeSeatMap | None = None
        # How much more of each promo code is used than before this batch.
        self.promo = PromoTally()
        self._block_of: dict[int, UUID | None] = {}
        self._area_deltas: defaultdict[int, int] = defaultdict(int)
        self._places: defaultdict[int, int] = defaultdict(int)
        self._type_deltas: defaultdict[str, int] = defaultdict(int)
        # Where choosing may begin, as this batch has left it; the inventory's own once it is committed.
        self.frontier = inventory.frontier.copy()

    def is_free(self, seat_id: int, channel_id: int | None = None) -> bool:
        """Whether nobody holds or has this seat, as far as this batch has come.

        To a channel, the seats that are in its own blocks are free as well.
        """
        if seat_id not in self.claimed and (self.inventory.seats[seat_id] == FREE or seat_id in self.freed):
            return True
        return (
            channel_id is not None
            and (block := self.blocked_in(seat_id)) is not None
            and block.channel_id == channel_id
        )

    def blocked_in(self, seat_id: int) -> BlockedPlaces | None:
        """The block that has this seat now; None for one that nobody or a buyer has."""
        block_id = self.block_of(seat_id)
        if block_id is None:
            return None
        holder = self.claimed.get(seat_id)
        if holder is None:
            is_there = self.inventory.seats[seat_id] == BLOCKED and seat_id not in self.freed
        else:
            is_there = holder == block_id
        return self.block(block_id) if is_there else None

    def block_of(self, seat_id: int) -> UUID | None:
        """The block a seat belongs to, also while its channel has sold it."""
        if seat_id in self._block_of:
            return self._block_of[seat_id]
        return self.inventory.block_of.get(seat_id)

    def block(self, block_id: UUID) -> BlockedPlaces | None:
        """The block as this batch has left it; nothing is left in one that was released."""
        return self.blocks.get(block_id) or self.inventory.blocks.get(block_id)

    def all_blocks(self) -> Iterable[BlockedPlaces]:
        """Every block there is or was in this batch."""
        return {**self.inventory.blocks, **self.blocks}.values()

    def back_in_blocks(self, seat_ids: tuple[int, ...]) -> tuple[int, ...]:
        """Those of these seats that go back to a block when a booking gives them up."""
        if not self.inventory.block_of and not self._block_of:
            return ()
        return tuple([seat_id for seat_id in seat_ids if self.block_of(seat_id) is not None])

    def places_left(self, area_id: int) -> int:
        """How many places of this area nobody holds or has."""
        inventory = self.inventory
        capacity = inventory.seat_map.areas[area_id].capacity
        return capacity - inventory.area_taken[area_id] - self._area_deltas[area_id]

    def type_taken(self, name: str) -> int:
        """How many places of this ticket type somebody holds or has."""
        return self.inventory.taken_of_type.get(name, 0) + self._type_deltas[name]

    def places_of(self, buyer_id: int) -> int:
        """How many places this buyer holds or has."""
        return self.inventory.places_of.get(buyer_id, 0) + self._places[buyer_id]

    def places_had(self) -> int:
        """How many places of the event somebody holds or has."""
        return sum(self.inventory.places_of.values()) + sum(self._places.values())

    def booking(self, booking_id: UUID) -> Booking | None:
        """The booking as this batch has left it so far; only those handed in are known."""
        return self._bookings.get(booking_id)

    def names_of(
        self, seat_ids: tuple[int, ...], area_ids: tuple[int, ...], types: TypesOfPlaces = ()
    ) -> list[str]:
        """What each place has its price under: its ticket type, or else its category."""
        seat_map = self.inventory.seat_map
        names = [seat_map.categories[seat_map.category_of[seat_id]].name for seat_id in seat_ids]
        names += [seat_map.areas[area_id].category for area_id in area_ids]
        return [name or category for name, category in zip(types, names, strict=True)] if types else names

    def prices_of(
        self,
        seat_ids: tuple[int, ...],
        area_ids: tuple[int, ...],
        prices: Mapping[str, int],
        types: TypesOfPlaces = (),
    ) -> tuple[int, ...]:
        """The price of each place in minor units, among these, the seats first."""
        if types:
            return tuple([prices[name] for name in self.names_of(seat_ids, area_ids, types)])
        seat_map = self.inventory.seat_map
        categories = seat_map.categories
        return (
            *[prices[categories[seat_map.category_of[seat_id]].name] for seat_id in seat_ids],
            *[prices[seat_map.areas[area_id].category] for area_id in area_ids],
        )

    def places_priced(
        self,
        seat_ids: tuple[int, ...],
        area_ids: tuple[int, ...],
        prices: Mapping[str, int],
        code: PromoCode | None = None,
        types: TypesOfPlaces = (),
    ) -> list[PricedPlace]:
        """Each place with its price among these less what the code takes off, and its fees and tax as now."""
        tariff, names = self.inventory.terms.tariff, self.names_of(seat_ids, area_ids, types)
        categories = self.names_of(seat_ids, area_ids) if types else names
        step = self.inventory.terms.step
        return [
            price_place(tariff, name, prices[name], code and code.reduce(category, prices[name], step))
            for name, category in zip(names, categories, strict=True)
        ]

    def area_deltas(self) -> dict[int, int]:
        """By how much each area's count changes; areas that end where they began are left out."""
        return {area_id: delta for area_id, delta in self._area_deltas.items() if delta}

    def hold(self, change: BookingHeld) -> None:
        """A new booking takes its places."""
        self.changes.append(change)
        self.held[change.booking_id] = (change, BookingState.PENDING)
        self._use(change.booking_id, change.buyer_id, None, use_of(change.levies))
        self._take(change.booking_id, change.buyer_id, change.seat_ids, change.area_ids)
        self._count_types(change.ticket_types, +1)

    def renew(self, change: BookingRenewed) -> None:
        """A pending booking holds its places for longer."""
        self.changes.append(change)
        self._edit(msgspec.structs.replace(self._bookings[change.booking_id], expires_at=change.expires_at))

    def exchange(self, change: BookingExchanged) -> None:
        """A pending booking has other places."""
        self.changes.append(change)
        self._use(change.booking_id, change.buyer_id, self._used(change.booking_id), use_of(change.levies))
        self._free(change.buyer_id, change.freed_seat_ids, change.freed_area_ids)
        self._take(change.booking_id, change.buyer_id, change.taken_seat_ids, change.taken_area_ids)
        self._count_types(decode_types_of_places(self._bookings[change.booking_id].ticket_types), -1)
        self._count_types(change.ticket_types, +1)
        self._have(change)

    def confirm(self, change: BookingConfirmed) -> None:
        """A booking's places are its buyer's for good."""
        use = self._used(change.booking_id) if change.taken_again else None
        if use is not None:
            change = msgspec.structs.replace(change, promo=use)
            self._use(change.booking_id, change.buyer_id, None, use)
        self.changes.append(change)
        if change.taken_again:
            self._take(change.booking_id, change.buyer_id, change.seat_ids, change.area_ids)
            self._count_types(change.ticket_types, +1)
        self._move(change.booking_id, BookingState.CONFIRMED, change.payment_id)

    def release(self, change: BookingExpired | BookingCancelled) -> None:
        """A booking's places are free again, and what it has used of a promo code."""
        if (use := self._used(change.booking_id)) is not None:
            change = msgspec.structs.replace(change, promo=use)
            self._use(change.booking_id, change.buyer_id, use, None)
        self.changes.append(change)
        self._free(change.buyer_id, change.seat_ids, change.area_ids)
        self._count_types(change.ticket_types, -1)
        state = BookingState.EXPIRED if isinstance(change, BookingExpired) else BookingState.CANCELLED
        self._move(change.booking_id, state)

    def reduce(self, change: BookingReduced) -> None:
        """A sold booking has fewer places."""
        self.changes.append(change)
        self._use(change.booking_id, change.buyer_id, self._used(change.booking_id), use_of(change.levies))
        self._free(change.buyer_id, change.freed_seat_ids, change.freed_area_ids)
        self._count_types(change.freed_ticket_types, -1)
        self.voided.update(change.ticket_ids)
        self._have(change)

    def keep(self, change: PlacesBlocked) -> None:
        """The house keeps places; those that its channel has sold stay sold."""
        self.changes.append(change)
        self.blocks[change.block_id] = block_of_change(change)
        for seat_id in change.seat_ids:
            if self.is_free(seat_id):
                self._claim_for(change.block_id, seat_id)
            self._block_of[seat_id] = change.block_id
        for area_id, count in change.areas:
            self._area_deltas[area_id] += count

    def _claim_for(self, block_id: UUID, seat_id: int) -> None:
        """Have a free seat be a block's; one that it has let go just now keeps the claim that it had."""
        inventory = self.inventory
        if inventory.block_of.get(seat_id) == block_id and inventory.seats[seat_id] == BLOCKED:
            self.freed.discard(seat_id)
        else:
            self.claimed[seat_id] = block_id

    def let_go(self, change: PlacesReleased) -> None:
        """The house gives places up."""
        self.changes.append(change)
        block = self.block(change.block_id)
        assert block is not None
        for seat_id in change.seat_ids:
            if self.blocked_in(seat_id) is not None:
                self._end_claim(seat_id)
            self._block_of[seat_id] = None
        for area_id, count in change.areas:
            self._area_deltas[area_id] -= count
        self.blocks[block.id] = without(block, change)
        self.inventory.lower(self.frontier, change.seat_ids)

    def change_seat_map(self, command: ChangeSeatMap) -> None:
        """The event has another seat map. This draft goes on over the one before: nothing may come after."""
        self.changes.append(command.change)
        self.seat_map = command

    def give_back(self, change: PaymentReturned) -> None:
        """The booking stays as it is, and remembers that it has dealt with this payment."""
        self.changes.append(change)
        if (booking := self._bookings.get(change.booking_id)) is not None:
            self._bookings[change.booking_id] = msgspec.structs.replace(
                booking, settled_payments=(*booking.settled_payments, change.payment_id)
            )

    def _used(self, booking_id: UUID) -> PromoUse | None:
        """What a booking that was there before has, or had, of a promo code."""
        if (booking := self._bookings.get(booking_id)) is not None:
            return use_in(booking.levies)
        held = self.inventory.pending.get(booking_id)
        return None if held is None else held.promo

    def _use(self, booking_id: UUID, buyer_id: int, before: PromoUse | None, after: PromoUse | None) -> None:
        if before != after:
            self.promo.add(buyer_id, before, -1)
            self.promo.add(buyer_id, after)
            self.used[booking_id] = (buyer_id, after)

    def _take(
        self, booking_id: UUID, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]
    ) -> None:
        for seat_id in seat_ids:
            if self.blocked_in(seat_id) is not None:
                self._end_claim(seat_id)
            self.claimed[seat_id] = booking_id
        self._count(buyer_id, seat_ids, area_ids, +1)

    def _free(self, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...]) -> None:
        for seat_id in seat_ids:
            self._end_claim(seat_id)
        for seat_id in self.back_in_blocks(seat_ids):
            block_id = self.block_of(seat_id)
            if block_id is not None:
                self.claimed[seat_id] = block_id
        self._count(buyer_id, seat_ids, area_ids, -1)
        self.inventory.lower(self.frontier, seat_ids)

    def _end_claim(self, seat_id: int) -> None:
        if self.claimed.pop(seat_id, None) is None:
            self.freed.add(seat_id)

    def _count(self, buyer_id: int, seat_ids: tuple[int, ...], area_ids: tuple[int, ...], sign: int) -> None:
        for area_id in area_ids:
            self._area_deltas[area_id] += sign
        self._places[buyer_id] += sign * (len(seat_ids) + len(area_ids))

    def _count_types(self, types: TypesOfPlaces, sign: int) -> None:
        for name in types:
            if name is not None:
                self._type_deltas[name] += sign

    def _have(self, change: BookingExchanged | BookingReduced) -> None:
        """From here on the booking has the places that the change says."""
        self._edit(
            msgspec.structs.replace(
                self._bookings[change.booking_id],
                seat_ids=change.seat_ids,
                area_ids=change.area_ids,
                amounts=change.amounts,
                total=change.total,
                levies=encode_levies(change.levies),
                ticket_types=encode_types_of_places(change.ticket_types),
            )
        )

    def _edit(self, booking: Booking) -> None:
        self._bookings[booking.id] = self.edited[booking.id] = booking

    def _move(self, booking_id: UUID, state: BookingState, payment_id: UUID | None = None) -> None:
        if booking_id in self.held:
            self.held[booking_id] = (self.held[booking_id][0], state)
            return
        # Bought and taken back in one batch: the payment is settled all the same.
        settled_before = self.moved[booking_id][1] if booking_id in self.moved else None
        self.moved[booking_id] = (state, payment_id or settled_before)
        if (booking := self._bookings.get(booking_id)) is not None:
            settled = (
                booking.settled_payments if payment_id is None else (*booking.settled_payments, payment_id)
            )
            self._bookings[booking_id] = msgspec.structs.replace(
                booking, state=state, expires_at=None, settled_payments=settled
            )
