"""What selling is, said as plainly as possible: no batches, no cache, no overlay, everything counted anew."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from boxoffice.catalog.channels.keys import WrongChannelKey
from boxoffice.catalog.prices.ticket_types import decode_types_of_places, encode_types_of_places
from boxoffice.inventory import commands
from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    Cancel,
    ChangeBlock,
    Command,
    Confirm,
    Exchange,
    Held,
    Hold,
    PaymentOutcome,
    Release,
    Renew,
)
from boxoffice.inventory.refusals import (
    AreasFull,
    BookingIsOver,
    HeldLongEnough,
    NothingLeftToHold,
    NotInThisBlock,
    NotYourPlaces,
    PaidBookingIsFinal,
    PromoCodeOver,
    PromoCodeSpent,
    PromoCodeUsedByYou,
    PromoCodeUsedUp,
    SeatsBlocked,
    SeatsTaken,
    TicketTypesFull,
    TooManyPlaces,
    UnknownPromoCode,
)
from boxoffice.inventory.rules import RENEWED_HOLDS_MAX
from boxoffice.kit.errors import NotFound

LIVE = (BookingState.PENDING, BookingState.CONFIRMED)


@dataclass(frozen=True)
class Block:
    """Places of the house."""

    seats: frozenset[int]
    admissions: int
    released_at: datetime | None
    channel_id: int | None


@dataclass(frozen=True)
class Promo:
    """A code that takes `off` every place."""

    id: int
    off: int
    places: int
    places_each: int
    budget: int
    until: datetime


@dataclass
class Naive:
    """A hall with one area, where every place costs the same: `price`, until it changes.

    `price_changes` are moments and what a place costs from then on; `channel_prices` are those of channels.
    `types` are ticket types: what one costs, whoever sells it, and how many there are.
    """

    seat_count: int
    capacity: int
    limit: int
    price: int
    hold: timedelta
    starts_at: datetime
    channels: Mapping[str, int]
    promos: Mapping[str, Promo]
    channel_prices: Mapping[int, int] = field(default_factory=dict[int, int])
    types: Mapping[str, tuple[int, int | None]] = field(default_factory=dict[str, tuple[int, int | None]])
    price_changes: list[tuple[datetime, int]] = field(default_factory=list[tuple[datetime, int]])
    # The code that a booking was held with.
    codes: dict[UUID, str] = field(default_factory=dict[UUID, str])
    bookings: dict[UUID, Booking] = field(default_factory=dict[UUID, Booking])
    blocks: dict[UUID, Block] = field(default_factory=dict[UUID, Block])

    def holder(self, seat: int) -> UUID | None:
        """Which booking, or else which block, has the seat."""
        for booking in self.bookings.values():
            if booking.state in LIVE and seat in booking.seat_ids:
                return booking.id
        return next((id_ for id_, block in self.blocks.items() if seat in block.seats), None)

    def is_free(self, seat: int, channel_id: int | None) -> bool:
        """Whether somebody of this channel can have it."""
        holder = self.holder(seat)
        if holder is not None and holder in self.blocks:
            return channel_id is not None and self.blocks[holder].channel_id == channel_id
        return holder is None

    @property
    def admissions_taken(self) -> int:
        """How much of the area is not to be had."""
        sold = sum(len(booking.area_ids) for booking in self.bookings.values() if booking.state in LIVE)
        return sold + sum(block.admissions for block in self.blocks.values())

    def places_of(self, buyer_id: int) -> int:
        """What a buyer has."""
        return sum(
            len(booking.seat_ids) + len(booking.area_ids)
            for booking in self.bookings.values()
            if booking.state in LIVE and booking.buyer_id == buyer_id
        )

    def tidy(self, now: datetime) -> None:
        """What is over is over."""
        for booking in list(self.bookings.values()):
            if booking.state is BookingState.PENDING and booking.expires_at and booking.expires_at <= now:
                self._put(booking, state=BookingState.EXPIRED, expires_at=None)
        over = [id_ for id_, block in self.blocks.items() if block.released_at and block.released_at <= now]
        for id_ in over:
            del self.blocks[id_]

    def decide(self, command: Command, now: datetime) -> type:  # noqa: PLR0911  one for each command
        """Do it, or say why not; the type of the answer."""
        match command:
            case Hold():
                return self._hold(command, now)
            case Renew():
                return self._renew(command, now)
            case Exchange():
                return self._exchange(command, now)
            case Cancel():
                return self._cancel(command, now)
            case Confirm():
                return self._confirm(command)
            case commands.Block():
                return self._block(command)
            case ChangeBlock():
                if command.block_id not in self.blocks:
                    return NotFound
                block = self.blocks[command.block_id]
                self.blocks[command.block_id] = replace(
                    block, released_at=command.released_at, channel_id=command.channel_id
                )
                return commands.BlockedPlaces
            case Release():
                return self._release(command)
            case _:
                return type(None)

    def taken_of(self, name: str) -> int:
        """How many places of a ticket type are had."""
        return sum(
            decode_types_of_places(booking.ticket_types).count(name)
            for booking in self.bookings.values()
            if booking.state in LIVE
        )

    def has_types(self, types: Iterable[str | None], back: Mapping[str | None, int] = {}) -> bool:
        """Whether there are so many left, with those that are given back."""
        wanted = list(types)
        return all(
            limit is None or self.taken_of(name) - back.get(name, 0) + wanted.count(name) <= limit
            for name, (_, limit) in self.types.items()
            if name in wanted
        )

    def _price(self, now: datetime, channel_id: int | None, type_: str | None) -> int:
        """What a place costs."""
        if type_ is not None:
            return self.types[type_][0]
        if channel_id is not None and channel_id in self.channel_prices:
            return self.channel_prices[channel_id]
        return [self.price, *[price for moment, price in self.price_changes if not now < moment]][-1]

    def _hold(self, command: Hold, now: datetime) -> type:  # noqa: PLR0911  one for each refusal
        channel_id = None
        if command.channel_key_hash is not None:
            if command.channel_key_hash not in self.channels:
                return WrongChannelKey
            channel_id = self.channels[command.channel_key_hash]
        if refusal := self._is_no_code(command.promo_code_hash, now):
            return refusal
        if refusal := self._why_not(command.seat_ids, len(command.area_ids), channel_id):
            return refusal
        places = len(command.seat_ids) + len(command.area_ids)
        types = command.ticket_types or (None,) * places
        if self.places_of(command.buyer_id) + places > self.limit:
            return TooManyPlaces
        if not self.has_types(types):
            return TicketTypesFull
        if refusal := self._why_not_promo(command.promo_code_hash, command.buyer_id, places):
            return refusal
        if command.promo_code_hash is not None:
            self.codes[command.booking_id] = command.promo_code_hash
        word = command.promo_code_hash
        amounts = [self.price_with(word, self._price(now, channel_id, each)) for each in types]
        self.bookings[command.booking_id] = Booking(
            event_id=1,
            id=command.booking_id,
            buyer_id=command.buyer_id,
            state=BookingState.PENDING,
            seat_ids=command.seat_ids,
            area_ids=command.area_ids,
            amounts=tuple(amounts),
            total=sum(amounts),
            currency="EUR",
            created_at=now,
            expires_at=now + self.hold,
            channel_id=channel_id,
            ticket_types=encode_types_of_places(types),
        )
        return Held

    def _is_no_code(self, word: str | None, now: datetime) -> type | None:
        if word is None:
            return None
        if word not in self.promos:
            return UnknownPromoCode
        return PromoCodeOver if now >= self.promos[word].until else None

    def _why_not_promo(self, word: str | None, buyer_id: int, more: int) -> type | None:
        if word is None or more <= 0:
            return None
        promo = self.promos[word]
        used, yours = self.used(word), self.used(word, buyer_id)
        if used + more > promo.places:
            return PromoCodeUsedUp
        if yours + more > promo.places_each:
            return PromoCodeUsedByYou
        return PromoCodeSpent if (used + more) * promo.off > promo.budget else None

    def used(self, word: str, buyer_id: int | None = None) -> int:
        """For how many places a code is used, by everybody or by one buyer."""
        return sum(
            len(booking.amounts)
            for booking in self.bookings.values()
            if booking.state in LIVE
            and self.codes.get(booking.id) == word
            and buyer_id in {None, booking.buyer_id}
        )

    def price_with(self, word: str | None, price: int) -> int:
        """What a place costs with a code."""
        return price if word is None else price - self.promos[word].off

    def _why_not(self, seats: tuple[int, ...], admissions: int, channel_id: int | None) -> type | None:
        if gone := [seat for seat in seats if not self.is_free(seat, channel_id)]:
            return SeatsBlocked if all(self.holder(seat) in self.blocks for seat in gone) else SeatsTaken
        return AreasFull if admissions and self.admissions_taken + admissions > self.capacity else None

    def _pending(self, booking_id: UUID, buyer_id: int) -> Booking | type:
        booking = self.bookings.get(booking_id)
        if booking is None or booking.buyer_id != buyer_id:
            return NotFound
        return booking if booking.state is BookingState.PENDING else BookingIsOver

    def _renew(self, command: Renew, now: datetime) -> type:
        booking = self._pending(command.booking_id, command.buyer_id)
        if isinstance(booking, type):
            return booking
        end = min(now + self.hold, booking.created_at + RENEWED_HOLDS_MAX * self.hold)
        if booking.expires_at and end <= booking.expires_at:
            return HeldLongEnough
        self._put(booking, expires_at=end)
        return Booking

    def _exchange(self, command: Exchange, now: datetime) -> type:  # noqa: PLR0911, C901  one a refusal
        if isinstance(booking := self._pending(command.booking_id, command.buyer_id), type):
            return booking
        if not set(command.give_seat_ids) <= set(booking.seat_ids):
            return NotYourPlaces
        count = len(booking.seat_ids)
        types = decode_types_of_places(booking.ticket_types) or (None,) * len(booking.amounts)
        had = list(zip((*booking.seat_ids, *booking.area_ids), types, booking.amounts, strict=True))
        seats, areas = [each for each in had[:count] if each[0] not in command.give_seat_ids], had[count:]
        for given in command.give_ticket_types or (None,) * len(command.give_area_ids):
            mine = [index for index, each in enumerate(areas) if each[1] == given]
            if not mine:
                return NotYourPlaces
            del areas[mine[-1]]
        back = Counter(types) - Counter(each[1] for each in (*seats, *areas))
        word = self.codes.get(booking.id)
        take = (*command.take_seat_ids, *command.take_area_ids)
        if take and (refusal := self._is_no_code(word, now)):
            return refusal
        others = tuple(seat for seat in command.take_seat_ids if seat not in command.give_seat_ids)
        more = max(0, len(command.take_area_ids) - len(command.give_area_ids))
        if refusal := self._why_not(others, more, booking.channel_id):
            return refusal
        wanted = command.take_ticket_types or (None,) * len(take)
        prices = [self.price_with(word, self._price(now, booking.channel_id, each)) for each in wanted]
        new = [*zip(take, wanted, prices, strict=True)]
        seats += new[: len(command.take_seat_ids)]
        areas += new[len(command.take_seat_ids) :]
        places, before = len(every := [*seats, *areas]), len(had)
        if places > before and self.places_of(booking.buyer_id) + places - before > self.limit:
            return TooManyPlaces
        if not self.has_types(wanted, back):
            return TicketTypesFull
        if not places:
            return NothingLeftToHold
        if take and (refusal := self._why_not_promo(word, booking.buyer_id, places - before)):
            return refusal
        self._put(
            booking,
            seat_ids=tuple(each[0] for each in seats),
            area_ids=tuple(each[0] for each in areas),
            amounts=tuple(each[2] for each in every),
            total=sum(each[2] for each in every),
            ticket_types=encode_types_of_places(tuple(each[1] for each in every)),
        )
        return Booking

    def _cancel(self, command: Cancel, now: datetime) -> type:
        booking = self.bookings.get(command.booking_id)
        if booking is None or booking.buyer_id != command.buyer_id:
            return NotFound
        if booking.state is BookingState.CANCELLED:
            return Booking
        if booking.state is BookingState.CONFIRMED:
            return PaidBookingIsFinal
        if booking.state is BookingState.EXPIRED:
            return BookingIsOver
        self._put(booking, state=BookingState.CANCELLED, expires_at=None)
        return Booking

    def _confirm(self, command: Confirm) -> type:
        booking = self.bookings.get(command.booking_id)
        if booking is None:
            return NotFound
        payment = command.payment
        if payment.payment_id in booking.settled_payments:
            return PaymentOutcome
        settled = (*booking.settled_payments, payment.payment_id)
        buys = payment.amount == booking.total and (
            booking.state is BookingState.PENDING
            or (
                booking.state is BookingState.EXPIRED
                and self._why_not(booking.seat_ids, len(booking.area_ids), booking.channel_id) is None
                and self.places_of(booking.buyer_id) + len(booking.amounts) <= self.limit
                and not self._why_not_promo(
                    self.codes.get(booking.id), booking.buyer_id, len(booking.amounts)
                )
                and self.has_types(decode_types_of_places(booking.ticket_types))
            )
        )
        if buys:
            self._put(booking, state=BookingState.CONFIRMED, expires_at=None, settled_payments=settled)
        else:
            self._put(booking, settled_payments=settled)
        return PaymentOutcome

    def _block(self, command: commands.Block) -> type:
        if any(not self.is_free(seat, None) for seat in command.seat_ids):
            return SeatsTaken
        admissions = sum(count for _, count in command.areas)
        if admissions and self.admissions_taken + admissions > self.capacity:
            return AreasFull
        self.blocks[command.block_id] = Block(
            frozenset(command.seat_ids), admissions, command.released_at, command.channel_id
        )
        return commands.BlockedPlaces

    def _release(self, command: Release) -> type:
        block = self.blocks.get(command.block_id)
        if block is None:
            return NotFound
        seats, admissions = frozenset(command.seat_ids), sum(count for _, count in command.areas)
        if not seats and not admissions:
            seats, admissions = block.seats, block.admissions
        if not seats <= block.seats or admissions > block.admissions:
            return NotInThisBlock
        left = replace(block, seats=block.seats - seats, admissions=block.admissions - admissions)
        self.blocks[command.block_id] = left
        if not left.seats and not left.admissions:
            del self.blocks[command.block_id]
        return commands.BlockedPlaces

    def claims(self) -> Iterator[tuple[int, UUID]]:
        """Every seat that somebody has, and who."""
        for seat in range(self.seat_count):
            if (holder := self.holder(seat)) is not None:
                yield seat, holder

    def _put(self, booking: Booking, **changed: Any) -> None:
        self.bookings[booking.id] = msgspec.structs.replace(booking, **changed)
