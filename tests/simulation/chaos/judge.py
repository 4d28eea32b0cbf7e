"""The judge: what buyers were truly charged, by the bank's books, against what they have, by ours."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
import msgspec

from boxoffice.inventory.journal.verification import Difference, verify_event
from boxoffice.kit.postgres import Database
from boxoffice.payments.ledger.verification import verify_ledger
from server import run
from shows import Show
from simulation.chaos.bank import Bank
from simulation.chaos.buyers import Crowd, Told
from simulation.chaos.front import Front
from simulation.chaos.plan import Afterwards

# Bookings that are looked at over HTTP as well, as their buyers see them; the others in the tables.
_LOOKED_AT = 40


class _Booking(msgspec.Struct, frozen=True):
    id: UUID
    buyer_id: int
    state: str
    total: int
    places: int
    tickets: int


class _Payment(msgspec.Struct, frozen=True):
    id: UUID
    booking_id: UUID
    state: str
    captured: int
    refunded: int


class Judge:
    """Finds what is broken; `faults` has it in words."""

    def __init__(self, db: Database, bank: Bank, crowd: Crowd, shows: Sequence[Show]) -> None:
        self.faults: list[str] = []
        self._db, self._bank, self._crowd, self._shows = db, bank, crowd, shows
        self._intents: dict[UUID, dict[str, Any]] = {}

    async def judge(self, front: Front) -> None:
        """Hold everything against everything."""
        self._intents = {
            UUID(intent["metadata"]["boxoffice_payment_id"]): intent for intent in self._bank.intents.values()
        }
        bookings = {row.id: row for row in await self._read_bookings()}
        payments = await self._read_payments()
        if len(self._intents) < len(self._bank.intents):
            self.faults.append("a payment has several intents at the bank: money at one of them is lost")
        self._check_payments(payments)
        self._check_buyers(bookings, payments)
        await self._check_ledger()
        for show in self._shows:
            try:
                await show.check_promises()
            except AssertionError as error:
                self.faults.append(f"event {show.event_id}: {error}")
        if self._crowd.plan.hurried:
            await self._verify_here()
        else:
            await asyncio.gather(
                self._ask_program("ledger", "verify"), self._ask_program("journal", "verify")
            )
        await self._check_what_buyers_see(front)

    def _check_payments(self, payments: Sequence[_Payment]) -> None:
        """Whatever the bank has taken or given is written down here, to the cent."""
        known = {row.id for row in payments}
        for payment_id, intent in self._intents.items():
            if payment_id not in known and intent["status"] != "requires_payment_method":
                self.faults.append(f"payment {payment_id}: somebody paid, and we do not know of it")
        for row in payments:
            intent = self._intents.get(row.id)
            if intent is None:
                self.faults.append(f"payment {row.id}: the bank does not know of it")
                continue
            kept = self._kept(intent) - self._crowd.settled[row.id]
            if intent["status"] == "requires_capture":
                self.faults.append(
                    f"payment {row.id}: authorised, and neither taken nor let go ({row.state})"
                )
            elif intent["status"] == "requires_payment_method":
                if row.state not in ("PENDING", "DECLINED"):
                    self.faults.append(f"payment {row.id}: nobody paid, and it is {row.state}")
            elif row.state not in ("CAPTURED", "REFUNDED", "CANCELLED"):
                self.faults.append(f"payment {row.id}: the bank says {intent['status']}, we {row.state}")
            if kept != row.captured - row.refunded:
                words = f"the bank has {kept} of it, we have {row.captured} less {row.refunded}"
                self.faults.append(f"payment {row.id} ({row.state}): {words}")

    def _check_buyers(self, bookings: dict[UUID, _Booking], payments: Sequence[_Payment]) -> None:
        """Tickets, or all of the money back; never both, never neither, nothing twice."""
        kept: dict[UUID, int] = defaultdict(int)
        for row in (row for row in payments if row.id in self._intents):
            kept[row.booking_id] += self._kept(self._intents[row.id]) - self._crowd.settled[row.id]
        for told in self._crowd.told.values():
            booking = bookings.get(told.booking_id)
            if booking is None or booking.buyer_id != told.buyer_id or not _is_as_told(told, booking):
                self.faults.append(f"booking {told.booking_id}: it was answered, and is {booking}")
                continue
            has, due = (kept[told.booking_id], booking.tickets), _due(told, booking)
            # Who has given up before the show was cancelled has had a share; who has not has all of it.
            is_called_off = told.pair.event_id in self._crowd.cancelled and has == (0, 0)
            if has != due and not is_called_off:
                words = f"charged {has[0]} and {has[1]} tickets, not {due[0]} and {due[1]}"
                self.faults.append(f"booking {booking.id} ({booking.state}, {len(told.paid)} paid): {words}")
            if booking.state == "PENDING":
                self.faults.append(f"booking {booking.id}: still held")
            if told.is_given_back and booking.state != "CANCELLED":
                self.faults.append(f"booking {booking.id}: given back, and {booking.state}")
            if told.pair.event_id in self._crowd.cancelled and booking.state == "CONFIRMED":
                self.faults.append(f"booking {booking.id}: its show is cancelled")
        for booking_id in bookings.keys() - self._crowd.told.keys():
            if kept[booking_id] or bookings[booking_id].tickets:
                self.faults.append(f"booking {booking_id}: nobody was told of it, and it was paid")

    async def _check_ledger(self) -> None:
        """What the ledger says the provider has for us is what it has."""
        ours = await self._db.get(
            int, "SELECT coalesce(sum(amount), 0)::bigint FROM ledger_entries WHERE account = 'PROVIDER'"
        )
        theirs = sum(self._kept(intent) for intent in self._intents.values())
        if ours != theirs:
            self.faults.append(f"the ledger says that the bank has {ours} for us; it has {theirs}")
        left = await self._db.list(
            str,
            """
            SELECT account || ' ' || sum(amount) FROM ledger_entries
             WHERE account IN ('BUYER', 'RESERVED', 'PROMISED')
             GROUP BY account HAVING sum(amount) <> 0
            """,
        )
        if left:
            self.faults.append(f"the ledger says that something is still on its way: {', '.join(left)}")

    async def _verify_here(self) -> None:
        """What these commands do, without the seconds that starting them takes."""
        self.faults += (await verify_ledger(self._db)).faults
        for show in self._shows:
            found = await verify_event(self._db, show.event_id)
            if isinstance(found, Difference):
                self.faults.append(f"event {show.event_id}: {found.words}")

    async def _ask_program(self, *words: str) -> None:
        """`boxoffice ledger verify` and `boxoffice journal verify` say so as well."""
        done = await asyncio.to_thread(run, *words, environment={"DATABASE_URL": self._db.dsn})
        if done.returncode:
            self.faults.append(f"boxoffice {' '.join(words)}: {done.stdout.strip()} {done.stderr.strip()}")

    async def _check_what_buyers_see(self, front: Front) -> None:
        """Their bookings and their tickets, over HTTP."""
        for told in list(self._crowd.told.values())[-_LOOKED_AT:]:
            path = f"/bookings/{told.booking_id}"
            booking = await front.ask("GET", path, told.buyer_id)
            tickets = await front.ask("GET", f"{path}/tickets", told.buyer_id)
            confirmed = booking.json()["state"] == "CONFIRMED"
            if confirmed != (_valid(tickets) == told.seats_left):
                self.faults.append(f"booking {told.booking_id}: {booking.text}, and {tickets.text}")

    def _kept(self, intent: dict[str, Any]) -> int:
        return self._bank.kept(intent)

    async def _read_bookings(self) -> list[_Booking]:
        return await self._db.list(
            _Booking,
            """
            SELECT booking.id, booking.buyer_id, booking.state, booking.total,
                   cardinality(booking.seat_ids) AS places,
                   (SELECT count(*) FROM tickets
                     WHERE event_id = booking.event_id AND booking_id = booking.id AND state = 'VALID')
                     AS tickets
              FROM bookings AS booking
             WHERE booking.event_id = ANY ($1::bigint[])
            """,
            [show.event_id for show in self._shows],
        )

    async def _read_payments(self) -> list[_Payment]:
        return await self._db.list(
            _Payment,
            """
            SELECT id, booking_id, state, captured, refunded
              FROM payments
             WHERE event_id = ANY ($1::bigint[])
            """,
            [show.event_id for show in self._shows],
        )


def _due(told: Told, booking: _Booking) -> tuple[int, int]:
    """What its buyer is to have paid in the end, and for how many tickets."""
    if told.has_back is Afterwards.ALL_BY_HAND:
        return 0, 0
    has_share = told.has_back is Afterwards.GIVEN_UP and booking.state == "CANCELLED"
    if not told.paid or not (has_share or booking.state == "CONFIRMED"):
        return 0, 0
    return told.total - told.share_back, 0 if has_share else booking.places


def _is_as_told(told: Told, booking: _Booking) -> bool:
    """Places that were taken back are not part of it any more."""
    is_reduced = told.has_back is Afterwards.PLACE_BACK and booking.places == told.seats_left
    return booking.total == (told.total // 2 if is_reduced else told.total)


def _valid(answer: httpx.Response) -> int:
    return sum(ticket["state"] == "VALID" for ticket in answer.json()["items"])
