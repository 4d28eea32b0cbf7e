"""`decide` against a naive model: whatever is asked, in batches of any size, both say the same.

Besides the answers, what the batch would write is held against the model: claims to delete and to insert,
area counts; and an inventory that only follows the journal's text has to be the one that decided.
"""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from boxoffice.catalog.prices.changes import PriceChange, periods_of
from boxoffice.catalog.prices.pricing import encode_levies
from boxoffice.catalog.prices.ticket_types import TicketType
from boxoffice.catalog.terms import Channel
from boxoffice.inventory.changes import BlockKind, decode_changes, encode_changes
from boxoffice.inventory.commands import (
    Block,
    Booking,
    BookingState,
    Cancel,
    ChangeBlock,
    Command,
    Confirm,
    Exchange,
    Held,
    Hold,
    Payment,
    Release,
    Renew,
)
from boxoffice.inventory.promo import PromoCode, PromoTally, PromoUse
from boxoffice.inventory.rules import decide
from boxoffice.inventory.state import BLOCKED, FREE, HELD, SOLD, Inventory
from inventory.naive import LIVE, Naive, Promo
from inventory.test_choosing import hall, on_sale

SEATS, CAPACITY, LIMIT, PRICE, HOLD = 6, 5, 6, 1000, timedelta(minutes=10)
CHANNELS = {"a": 1, "b": 2}
CHANNEL_PRICES = {2: 700}
BEGIN = datetime(2026, 11, 23, 12, tzinfo=UTC)
PROMOS = {
    "few": Promo(1, off=300, places=3, places_each=2, budget=10_000, until=BEGIN + timedelta(hours=3)),
    "dear": Promo(2, off=1, places=100, places_each=100, budget=3, until=BEGIN + timedelta(days=9)),
}
TYPES = {"Child": (400, 3), "VIP": (2500, None)}

_seats = st.lists(st.integers(0, SEATS - 1), max_size=3, unique=True).map(tuple)
_areas = st.integers(0, 2).map(lambda count: (0,) * count)
# Ticket types of the places that are named, as many as there are; all None is none at all.
_types = st.lists(st.sampled_from((None, "Child", "VIP")), min_size=5, max_size=5)
_kept = st.integers(0, 3).map(lambda count: ((0, count),) if count else ())
_buyers = st.integers(1, 2)
_keys = st.sampled_from((None, None, "a", "b", "wrong"))
_promos = st.sampled_from((None, "few", "few", "dear", "dear", "wrong"))
_channels = st.sampled_from((None, 1, 2))
# Of the bookings, payments or blocks there have been, this one; modulo their number.
_which = st.integers(0, 30)


def of(types: list[str | None] | None, count: int) -> tuple[str | None, ...]:
    """The ticket types of so many places."""
    some = tuple((types or [])[:count])
    return some if any(some) else ()


class Selling(RuleBasedStateMachine):
    """One event, and everything that can be asked of it."""

    def __init__(self) -> None:
        super().__init__()
        self.now = BEGIN
        self.inventory, self.follower = self._open(), self._open()
        self.naive = Naive(
            seat_count=SEATS,
            capacity=CAPACITY,
            limit=LIMIT,
            price=PRICE,
            hold=HOLD,
            starts_at=self.inventory.terms.starts_at,
            channels=CHANNELS,
            channel_prices=CHANNEL_PRICES,
            promos=PROMOS,
            types=TYPES,
        )
        self.used: dict[UUID, int] = {}
        self.levies: dict[UUID, str | None] = {}
        self.batch: list[Command] = []
        self.asked: list[UUID] = []
        self.blocks: list[UUID] = []
        self.claims: dict[int, UUID] = {}
        self.area_taken = 0

    def _open(self) -> Inventory:
        inventory = on_sale(hall("AAAAAA"))
        inventory.terms = msgspec.structs.replace(
            inventory.terms,
            places_per_buyer_max=LIMIT,
            hold_seconds=int(HOLD.total_seconds()),
            channels={
                key: Channel(id_, None, None, {"A": CHANNEL_PRICES[id_]} if id_ in CHANNEL_PRICES else {})
                for key, id_ in CHANNELS.items()
            },
            prices=inventory.terms.prices | {name: price for name, (price, _) in TYPES.items()},
            ticket_types={name: TicketType(name, "A", limit) for name, (_, limit) in TYPES.items()},
        )
        inventory.promo_codes = {
            word: PromoCode(
                id=promo.id,
                code=word,
                amount=promo.off,
                basis_points=None,
                categories=frozenset(),
                opens=frozenset(),
                places_max=promo.places,
                places_per_buyer_max=promo.places_each,
                budget=promo.budget,
                valid_from=None,
                valid_until=promo.until,
            )
            for word, promo in PROMOS.items()
        }
        return inventory

    @rule(seats=_seats, areas=_areas, buyer=_buyers, key=_keys, promo=_promos, types=st.none() | _types)
    def hold(
        self, seats: Any, areas: Any, buyer: int, key: str | None, promo: str | None, types: Any
    ) -> None:
        if seats or areas:
            self.asked.append(uuid4())
            self.batch.append(
                Hold(
                    self.asked[-1],
                    buyer,
                    seats,
                    areas,
                    channel_key_hash=key,
                    promo_code_hash=promo,
                    ticket_types=of(types, len(seats) + len(areas)),
                )
            )

    @rule(which=_which, buyer=_buyers)
    def renew(self, which: int, buyer: int) -> None:
        self.batch.append(Renew(self._booking(which), buyer))

    @rule(
        which=_which,
        give=_seats,
        take=_seats,
        give_areas=_areas,
        take_areas=_areas,
        types=st.none() | st.tuples(_types, _types),
    )
    def exchange(
        self, which: int, give: Any, take: Any, give_areas: Any, take_areas: Any, types: Any
    ) -> None:
        booking_id = self._booking(which)
        booking = self.naive.bookings.get(booking_id)
        # Somebody else's now and then; mostly one's own.
        buyer = booking.buyer_id if booking and which % 5 else 1
        given, wanted = types or (None, None)
        self.batch.append(
            Exchange(
                booking_id,
                buyer,
                give,
                give_areas,
                take,
                take_areas,
                give_ticket_types=of(given, len(give_areas)),
                take_ticket_types=of(wanted, len(take) + len(take_areas)),
            )
        )

    @rule(which=_which, buyer=_buyers)
    def cancel(self, which: int, buyer: int) -> None:
        self.batch.append(Cancel(self._booking(which), buyer))

    @rule(which=_which, too_much=st.sampled_from((0, 0, 0, PRICE)), again=st.booleans())
    def pay(self, which: int, too_much: int, again: bool) -> None:  # noqa: FBT001  Hypothesis draws it
        booking_id = self._booking(which)
        payment_id = UUID(int=booking_id.int ^ (1 if again else len(self.asked) + 2))
        asked = self.naive.bookings[booking_id].total if booking_id in self.naive.bookings else PRICE
        payment = Payment(payment_id, asked + too_much, "EUR", "sandbox", "x")
        self.batch.append(Confirm(booking_id, payment))

    @rule(minutes=st.lists(st.integers(-1, 20), max_size=2, unique=True).map(sorted))
    def change_terms(self, minutes: list[int]) -> None:
        """The organizer has other prices, at other times, while the sale goes on."""
        moments = [self.now + timedelta(minutes=each) for each in minutes]
        self.naive.price_changes = [(at, PRICE + 100 * (nth + 1)) for nth, at in enumerate(moments)]
        changes = [PriceChange(at, {"A": price}) for at, price in self.naive.price_changes]
        for inventory in (self.inventory, self.follower):
            inventory.terms = msgspec.structs.replace(
                inventory.terms, periods=periods_of(inventory.terms.prices, changes)
            )

    @rule(seats=_seats, kept=_kept, minutes=st.sampled_from((None, 1, 15)), channel=_channels)
    def block(self, seats: Any, kept: Any, minutes: int | None, channel: int | None) -> None:
        if seats or kept:
            self.blocks.append(uuid4())
            self.batch.append(
                Block(self.blocks[-1], "Ours", BlockKind.HOUSE, seats, kept, self._in(minutes), channel)
            )

    @rule(which=_which, minutes=st.sampled_from((None, 1, 15)), channel=_channels)
    def change_block(self, which: int, minutes: int | None, channel: int | None) -> None:
        self.batch.append(ChangeBlock(self._block(which), "Theirs", self._in(minutes), channel))

    @rule(which=_which, seats=_seats, kept=_kept)
    def release(self, which: int, seats: Any, kept: Any) -> None:
        self.batch.append(Release(self._block(which), seats, kept))

    @rule(minutes=st.sampled_from((0, 1, 5, 9, 11, 31)))
    def commit(self, minutes: int) -> None:
        """Decide what was asked since the last time, and write it."""
        self.now += timedelta(minutes=minutes)
        # A block that would be over at once is refused before it gets into a line, or by a rule of its own.
        batch = [each for each in self.batch if (getattr(each, "released_at", None) or self.now) >= self.now]
        batch = [each for each in batch if getattr(each, "released_at", None) != self.now]
        self.batch.clear()
        # What a place was reduced by is a matter of prices: the row has it from the decision.
        rows = {
            id_: msgspec.structs.replace(each, levies=self.levies.get(id_))
            for id_, each in self.naive.bookings.items()
        }
        decision = decide(self.inventory, batch, rows, self.now)
        self.naive.tidy(self.now)
        for command, outcome in zip(batch, decision.outcomes, strict=True):
            assert type(outcome) is self.naive.decide(command, self.now), (command, outcome)
            self._costs_the_same(outcome)
        draft = decision.draft
        for seat in draft.freed:
            del self.claims[seat]
        for seat, holder in draft.claimed.items():
            assert seat not in self.claims, f"seat {seat} would be claimed twice"
            self.claims[seat] = holder
        self.area_taken += draft.area_deltas().get(0, 0)
        self.levies |= {id_: encode_levies(held.levies) for id_, (held, _) in draft.held.items()}
        self.levies |= {id_: edited.levies for id_, edited in draft.edited.items()}
        for booking_id, (_, use) in draft.used.items():
            self.used.pop(booking_id, None)
            if use is not None:
                self.used[booking_id] = use.places
        text = encode_changes(tuple(draft.changes))
        self.inventory.frontier = draft.frontier
        self.inventory.apply(draft.changes)
        self.follower.apply(decode_changes(text))
        ends = [booking.expires_at for booking in self.naive.bookings.values() if booking.expires_at]
        ends += [block.released_at for block in self.naive.blocks.values() if block.released_at]
        if ends:
            assert decision.next_expiry_at is not None
            assert decision.next_expiry_at <= min(ends), "the sweeper would come too late"

    @invariant()
    def everybody_knows_the_same(self) -> None:
        naive = self.naive
        assert self.claims == dict(naive.claims())
        assert self.area_taken == naive.admissions_taken <= CAPACITY
        self._codes_are_used_within_their_limits()
        codes = [self._code(seat) for seat in range(SEATS)]
        for inventory in (self.inventory, self.follower):
            assert list(inventory.seats) == codes
            assert inventory.area_taken == [naive.admissions_taken]
            taken_of_type = {name: taken for name in TYPES if (taken := naive.taken_of(name))}
            assert +inventory.taken_of_type == taken_of_type
            assert all(limit is None or naive.taken_of(name) <= limit for name, (_, limit) in TYPES.items())
            assert inventory.places_of == {
                buyer: places for buyer in (1, 2) if (places := naive.places_of(buyer))
            }
            assert {id_: frozenset(each.seat_ids) for id_, each in inventory.blocks.items()} == {
                id_: block.seats for id_, block in naive.blocks.items()
            }
            assert {id_: each.expires_at for id_, each in inventory.pending.items()} == {
                id_: each.expires_at
                for id_, each in naive.bookings.items()
                if each.state is BookingState.PENDING
            }

    def _costs_the_same(self, outcome: object) -> None:
        booking = outcome.booking if isinstance(outcome, Held) else outcome
        if isinstance(booking, Booking):
            expected = self.naive.bookings[booking.id]
            assert (booking.amounts, booking.total) == (expected.amounts, expected.total)
            assert booking.ticket_types == expected.ticket_types

    def _codes_are_used_within_their_limits(self) -> None:
        naive = self.naive
        tally = PromoTally()
        for booking in naive.bookings.values():
            if booking.state in LIVE and booking.id in naive.codes:
                promo = PROMOS[naive.codes[booking.id]]
                places = len(booking.amounts)
                tally.add(booking.buyer_id, PromoUse(promo.id, places, places * promo.off))
                assert self.used[booking.id] == places
        assert sum(self.used.values()) == sum(tally.places.values()), "no row of what is over"
        for promo in PROMOS.values():
            assert tally.places.get(promo.id, 0) <= promo.places
            assert tally.discount.get(promo.id, 0) <= promo.budget
        for inventory in (self.inventory, self.follower):
            assert inventory.promo.places == tally.places
            assert inventory.promo.discount == tally.discount
            assert inventory.promo.places_of == tally.places_of

    def _code(self, seat: int) -> int:
        holder = self.naive.holder(seat)
        if holder is None:
            return FREE
        if holder in self.naive.blocks:
            return BLOCKED
        return HELD if self.naive.bookings[holder].state is BookingState.PENDING else SOLD

    def _booking(self, which: int) -> UUID:
        # Those of this very batch are not read with it: a client knows an id once it is answered.
        known = list(self.naive.bookings)
        return known[which % len(known)] if known else UUID(int=which)

    def _block(self, which: int) -> UUID:
        return self.blocks[which % len(self.blocks)] if self.blocks else UUID(int=which)

    def _in(self, minutes: int | None) -> datetime | None:
        return None if minutes is None else self.now + timedelta(minutes=minutes)


TestSelling = Selling.TestCase
TestSelling.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
