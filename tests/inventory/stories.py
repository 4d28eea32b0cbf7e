"""Shows with a past, for those who read it, and ways to tamper with it."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.inventory.commands import (
    Booking,
    BookingState,
    Cancel,
    Exchange,
    Expire,
    Held,
    Hold,
    PaymentOutcome,
    Renew,
    TakeBackPlaces,
)
from boxoffice.inventory.journal.chain import GENESIS, chain_hash
from boxoffice.inventory.journal.queries import list_rows
from boxoffice.inventory.journal.replay import VERSION_MAX
from boxoffice.kit.errors import Refusal
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database
from boxoffice.parts import Parts
from boxoffice.payments.checkout import start_payment
from inventory.selling import hold, paid
from shows import Show, open_show


class Story(msgspec.Struct, frozen=True):
    """A show whose journal has five rows: two holds, one paid, the other cancelled, and one more hold."""

    show: Show
    sold: Booking
    cancelled: Booking
    pending: Booking


async def tell_story(parts: Parts, other_parts: Parts) -> Story:
    """Sell through two processes in turn."""
    show = await open_show(parts.db, areas=[10, 4])
    event_id = show.event_id
    sold = await hold(parts.sales, event_id, 1, seat_ids=[3, 4], area_ids=[0])
    cancelled = await hold(other_parts.sales, event_id, 2, seat_ids=[7])
    await pay(parts, sold)
    await other_parts.sales.submit(event_id, Cancel(cancelled.id, 2))
    pending = await hold(other_parts.sales, event_id, 3, seat_ids=[9], area_ids=[1])
    return Story(show, sold, cancelled, pending)


async def pay(parts: Parts, booking: Booking, *, late_for: Show | None = None) -> PaymentOutcome:
    """Start a payment and report it as captured, once the holds of `late_for` are over."""
    payment = await start_payment(
        parts.desk, parts.providers, booking_id=booking.id, buyer_id=booking.buyer_id, provider=None
    )
    if late_for is not None:
        await late_for.wait_for_holds_to_end()
    outcome = await parts.sales.submit(booking.event_id, paid(booking, payment.id))
    assert isinstance(outcome, PaymentOutcome)
    return outcome


class Buyers:
    """Random buyers of one show, from a seed, at two processes."""

    def __init__(self, show: Show, processes: Sequence[Parts], seed: int) -> None:
        self.show = show
        self.processes = processes
        self.chance = random.Random(seed)
        self.bookings: list[Booking] = []

    async def rush(self, commands: int) -> None:
        """So many of them at once; refusals are part of it."""
        await asyncio.gather(*[self._act() for _ in range(commands)])

    async def _act(self) -> None:
        parts = self.chance.choice(self.processes)
        mine = self.chance.choice(self.bookings) if self.bookings else None
        event_id, buyer_id = self.show.event_id, mine.buyer_id if mine else 1
        try:
            match self.chance.choice(
                ("hold", "hold", "hold", "pay", "pay", "cancel", "renew", "exchange", "expire", "take back")
            ):
                case "pay" if mine:
                    await pay(parts, mine)
                case "cancel" if mine:
                    await parts.sales.submit(event_id, Cancel(mine.id, buyer_id))
                case "renew" if mine:
                    await parts.sales.submit(event_id, Renew(mine.id, buyer_id))
                case "exchange" if mine:
                    await parts.sales.submit(event_id, self._exchange(mine))
                case "take back" if mine:
                    await parts.sales.submit(event_id, self._take_back(mine))
                case "expire":
                    await parts.sales.submit(event_id, Expire())
                case _:
                    await self._hold(parts)
        except Refusal:
            return

    def _exchange(self, booking: Booking) -> Exchange:
        return Exchange(
            booking.id,
            booking.buyer_id,
            give_seat_ids=booking.seat_ids[:1],
            give_area_ids=booking.area_ids[:1],
            take_seat_ids=(self.chance.randrange(60),),
        )

    def _take_back(self, booking: Booking) -> TakeBackPlaces:
        """The first seat, or an admission; of what is pending, was exchanged or given back it is refused."""
        seat_ids = booking.seat_ids[: self.chance.randrange(1, 3)]
        area_ids = booking.area_ids[:1] if self.chance.random() < 0.5 else ()
        return TakeBackPlaces(
            booking.id, new_id(booking.event_id), "A story.", seat_ids=seat_ids, area_ids=area_ids
        )

    async def _hold(self, parts: Parts) -> None:
        first = self.chance.randrange(58)
        seats = tuple(range(first, first + self.chance.randrange(1, 3)))
        areas = tuple(self.chance.choices((0, 1), k=self.chance.randrange(3)))
        command = Hold(new_id(self.show.event_id), self.chance.randrange(1, 9), seats, areas)
        outcome = await parts.sales.submit(self.show.event_id, command)
        assert isinstance(outcome, Held)
        self.bookings.append(outcome.booking)


class Facts(msgspec.Struct, frozen=True):
    """What the tables say at a moment when nothing happens."""

    at: datetime
    version: int
    claims: dict[int, UUID]
    areas: list[int]
    pending: int


async def facts_of(show: Show) -> Facts:
    """Read them."""
    areas = await show.db.list(
        int, "SELECT taken FROM area_counts WHERE event_id = $1 ORDER BY area_id", show.event_id
    )
    states = await show.states()
    return Facts(
        at=await show.db.get(datetime, "SELECT clock_timestamp()"),
        version=await show.count("journal"),
        claims=await show.claims(),
        areas=areas,
        pending=sum(state == BookingState.PENDING for state in states.values()),
    )


async def tamper(db: Database, statement: str, *arguments: object) -> None:
    """Change what nobody may change."""
    async with db.transaction() as tx:
        await tx.execute("SET LOCAL session_replication_role = replica")
        await tx.execute(statement, *arguments)  # pyright: ignore[reportArgumentType]


async def forge(db: Database, event_id: int, version: int, old: str, new: str) -> None:
    """Change a journal row's text and make the whole chain fit again, as a thief with time would."""
    previous = GENESIS
    for row in await list_rows(db, event_id, 0, VERSION_MAX, 10_000):
        changes = row.changes.replace(old, new) if row.version == version else row.changes
        previous = chain_hash(previous, row.version, row.at, changes)
        await tamper(
            db,
            "UPDATE journal SET changes = $3, hash = $4 WHERE event_id = $1 AND version = $2",
            event_id,
            row.version,
            changes,
            previous,
        )
    await tamper(db, "UPDATE inventories SET chain_hash = $2 WHERE event_id = $1", event_id, previous)
