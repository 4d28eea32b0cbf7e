"""An event with confirmed bookings, written straight into the tables: no other domain's rules in between."""

import itertools
import secrets
from uuid import UUID

import msgspec

from boxoffice.catalog.seat_maps.document import (
    Area,
    Category,
    DocumentRow,
    DocumentSeat,
    DocumentZone,
    SeatMapDocument,
)
from boxoffice.inventory.changes import BookingCancelled, BookingConfirmed, Change
from boxoffice.kit.ids import new_id
from boxoffice.kit.postgres import Database, Transaction
from boxoffice.tickets.issue import issue_tickets

_numbers = itertools.count(1)

_HALL = SeatMapDocument(
    name="A hall",
    seat_count=20,
    categories=[Category(name="Any")],
    zones=[
        DocumentZone(
            name="Block A",
            rows=[
                DocumentRow(
                    name=row,
                    seats=[
                        DocumentSeat(id=first + n, number=str(n + 1), x=n, y=first, category="Any")
                        for n in range(10)
                    ],
                )
                for first, row in ((0, "1"), (10, "2"))
            ],
        )
    ],
    areas=[
        Area(id=0, name="Floor", capacity=1000, category="Any"),
        Area(id=1, name="Gallery", capacity=1000, category="Any"),
    ],
)


class StoredTicket(msgspec.Struct, frozen=True):
    """What the table says."""

    id: UUID
    place: int
    seat_id: int | None
    area_id: int | None
    state: str


async def insert_user(db: Database, role: str = "USER") -> int:
    """A user nobody else has."""
    email = f"{secrets.token_hex(8)}@example.org"
    async with db.transaction() as tx:
        return await tx.get(
            int,
            """
            INSERT INTO users (email, email_key, name, role, password_hash)
            VALUES ($1, $1, $2, $3, '!') RETURNING id
            """,
            email,
            f"Guest {next(_numbers)}",
            role,
        )


class Sale(msgspec.Struct, frozen=True):
    """An event on sale and its organizer, with one buyer."""

    db: Database
    event_id: int
    organizer_id: int
    buyer_id: int

    async def booking(
        self, tx: Transaction, *, seat_ids: tuple[int, ...] = (), area_ids: tuple[int, ...] = ()
    ) -> BookingConfirmed:
        """A confirmed booking whose tickets are still to be issued."""
        booking_id = new_id(self.event_id)
        count = len(seat_ids) + len(area_ids)
        await tx.execute(
            """
            INSERT INTO bookings (event_id, id, buyer_id, state, seat_ids, area_ids, amounts, total,
                                  currency, created_at, changed_at, ticket_count)
            VALUES ($1, $2, $3, 'CONFIRMED', $4, $5, $6, 0, 'EUR', now(), now(), $7)
            """,
            self.event_id,
            booking_id,
            self.buyer_id,
            seat_ids,
            area_ids,
            [0] * count,
            count,
        )
        return BookingConfirmed(
            booking_id=booking_id, buyer_id=self.buyer_id, seat_ids=seat_ids, area_ids=area_ids
        )

    async def sell(self, seat_ids: tuple[int, ...] = (), area_ids: tuple[int, ...] = ()) -> UUID:
        """Confirm a booking of these places with its tickets; its id."""
        async with self.db.transaction() as tx:
            confirmed = await self.booking(tx, seat_ids=seat_ids, area_ids=area_ids)
            await issue_tickets(tx, self.event_id, [confirmed])
        return confirmed.booking_id

    async def apply(self, *changes: Change) -> None:
        """Issue and void as the group commit would."""
        async with self.db.transaction() as tx:
            await issue_tickets(tx, self.event_id, changes)

    def cancelled(self, booking_id: UUID, *, was_confirmed: bool = True) -> BookingCancelled:
        """The change that voids a booking's tickets."""
        return BookingCancelled(
            booking_id=booking_id,
            buyer_id=self.buyer_id,
            seat_ids=(),
            area_ids=(),
            was_confirmed=was_confirmed,
        )

    async def tickets(self, booking_id: UUID) -> list[StoredTicket]:
        """The booking's tickets in the order of its places."""
        return await self.db.list(
            StoredTicket,
            """
            SELECT id, place, seat_id, area_id, state
              FROM tickets WHERE event_id = $1 AND booking_id = $2 ORDER BY place
            """,
            self.event_id,
            booking_id,
        )


async def open_sale(db: Database, *, title: str = "An evening") -> Sale:
    """A published event in a hall of one block, two rows of ten seats, and two areas."""
    organizer_id = await insert_user(db, "ORGANIZER")
    async with db.transaction() as tx:
        venue_id = await tx.get(
            int,
            """
            INSERT INTO venues (organizer_id, name, address_lines, city, country, time_zone)
            VALUES ($1, 'A hall', '{}', 'Erfurt', 'DE', 'Europe/Berlin') RETURNING id
            """,
            organizer_id,
        )
        seat_map_id = await tx.get(
            int,
            """
            INSERT INTO seat_maps (venue_id, version, name, seat_count, place_count, categories, document,
                                   document_gzip, etag)
            VALUES ($1, 1, 'A hall', 20, 2020, '[]', $2::json, '', '') RETURNING id
            """,
            venue_id,
            msgspec.json.encode(_HALL).decode(),
        )
        event_id = await tx.get(
            int,
            """
            INSERT INTO events (organizer_id, seat_map_id, title, state, currency, time_zone, starts_at,
                                places_per_buyer_max, hold_seconds)
            VALUES ($1, $2, $3, 'PUBLISHED', 'EUR', 'Europe/Berlin', '2030-05-03 18:00:00+00', 10, 600)
            RETURNING id
            """,
            organizer_id,
            seat_map_id,
            title,
        )
    return Sale(db=db, event_id=event_id, organizer_id=organizer_id, buyer_id=await insert_user(db))
