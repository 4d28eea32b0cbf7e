"""A show on sale, written straight into the tables, and what is true of it afterwards."""

import secrets
from collections.abc import Sequence
from datetime import datetime
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
from boxoffice.inventory.blocks.queries import list_blocks
from boxoffice.inventory.journal.chain import GENESIS, chain_hash
from boxoffice.inventory.queries import list_bookings_by_id
from boxoffice.kit.postgres import Database

SEATS_IN_A_ROW = 20


class Show(msgspec.Struct, frozen=True):
    """An event and its organizer."""

    db: Database
    event_id: int
    organizer_id: int

    async def claims(self) -> dict[int, UUID]:
        """Which booking has which seat."""
        rows = await self.db.list(
            _Claim, "SELECT seat_id, booking_id FROM claims WHERE event_id = $1", self.event_id
        )
        return {row.seat_id: row.booking_id for row in rows}

    async def states(self) -> dict[UUID, str]:
        """Every booking's state as it is stored."""
        rows = await self.db.list(_State, "SELECT id, state FROM bookings WHERE event_id = $1", self.event_id)
        return {row.id: row.state for row in rows}

    async def count(self, table: str) -> int:
        """How many rows this event has in a table."""
        queries = {
            "bookings": "SELECT count(*) FROM bookings WHERE event_id = $1",
            "journal": "SELECT count(*) FROM journal WHERE event_id = $1",
            "tickets": "SELECT count(*) FROM tickets WHERE event_id = $1 AND state = 'VALID'",
            "refunds": "SELECT count(*) FROM refunds WHERE event_id = $1",
        }
        return await self.db.get(int, queries[table], self.event_id)  # pyright: ignore[reportArgumentType]

    async def wait_for_holds_to_end(self) -> None:
        """Return once PostgreSQL's clock has passed the last hold's end."""
        await self.db.get(
            str,
            """
            SELECT pg_sleep(greatest(0, extract(epoch FROM max(expires_at) - clock_timestamp()) + 0.01))::text
              FROM bookings WHERE event_id = $1
            """,
            self.event_id,
        )

    async def check_promises(self) -> None:
        """P1, P2, P3, P6 and P8 hold for this event, whatever happened to it."""
        blocks = {row.id: row for row in await list_blocks(self.db, self.event_id)}
        in_blocks = {seat_id for row in blocks.values() for seat_id in row.seat_ids}
        claims = await self.claims()
        blocked = {seat_id for seat_id, holder in claims.items() if holder in blocks}
        claims = {seat_id: holder for seat_id, holder in claims.items() if holder not in blocks}
        assert blocked == in_blocks - claims.keys(), "a block has its seats, or buyers do"
        bookings = await list_bookings_by_id(self.db, self.event_id, list(await self.states()))
        live = {
            seat_id: booking.id
            for booking in bookings
            if booking.state in ("PENDING", "CONFIRMED")
            for seat_id in booking.seat_ids
        }
        assert claims == live, "claims are exactly the seats of live bookings"
        assert sum(len(b.seat_ids) for b in bookings if b.state in ("PENDING", "CONFIRMED")) == len(claims)
        confirmed = sum(len(booking.amounts) for booking in bookings if booking.state == "CONFIRMED")
        assert await self.count("tickets") == confirmed, "one valid ticket for every sold place"
        await self._check_areas(bookings)
        await self._check_journal()

    async def _check_areas(self, bookings: Sequence[object]) -> None:
        wrong = await self.db.list(
            int,
            """
            SELECT area.area_id
              FROM area_counts AS area
             WHERE area.event_id = $1
               AND area.taken <> (SELECT count(*)
                                    FROM bookings AS booking, unnest(booking.area_ids) AS place (area_id)
                                   WHERE booking.event_id = $1
                                     AND booking.state IN ('PENDING', 'CONFIRMED')
                                     AND place.area_id = area.area_id)
                                + (SELECT coalesce(sum(kept.n), 0)
                                     FROM blocks AS block,
                                          unnest(block.area_ids, block.admissions) AS kept (area_id, n)
                                    WHERE block.event_id = $1 AND kept.area_id = area.area_id)
            """,
            self.event_id,
        )
        assert wrong == [], f"areas {wrong} of {len(bookings)} bookings are counted wrongly"

    async def _check_journal(self) -> None:
        rows = await self.db.list(
            JournalRow,
            "SELECT version, at, changes, hash FROM journal WHERE event_id = $1 ORDER BY version",
            self.event_id,
        )
        previous = GENESIS
        for number, row in enumerate(rows, start=1):
            assert row.version == number, "the journal has no gaps"
            previous = chain_hash(previous, row.version, row.at, row.changes)
            assert previous == row.hash, f"journal row {number} has the hash its content gives"


async def open_show(
    db: Database,
    *,
    seats: int = 40,
    areas: Sequence[int] = (),
    price: int = 2500,
    places_per_buyer_max: int = 100,
    hold_seconds: int = 600,
    state: str = "PUBLISHED",
    currency: str = "EUR",
) -> Show:
    """A published event: `seats` in rows of twenty, and one area for each capacity in `areas`."""
    organizer_id = await insert_user(db, "ORGANIZER")
    async with db.transaction() as tx:
        event_id = await tx.get(
            int,
            """
            WITH venue AS (
                INSERT INTO venues (organizer_id, name, address_lines, city, country, time_zone)
                VALUES ($1, 'A hall', '{}', 'Erfurt', 'DE', 'Europe/Berlin') RETURNING id
            ), map AS (
                INSERT INTO seat_maps (venue_id, version, name, seat_count, place_count, categories, document,
                                       document_gzip, etag)
                SELECT id, 1, 'A hall', $2::integer, $2::integer + $3::integer, '[]', $4::json, '', ''
                  FROM venue RETURNING id
            ), event AS (
                INSERT INTO events (organizer_id, seat_map_id, title, state, currency, time_zone, starts_at,
                                    places_per_buyer_max, hold_seconds, cancelled_at)
                SELECT $1, id, 'An evening', $5::text, $9, 'Europe/Berlin', now() + interval '30 days', $6,
                       $7, CASE $5::text WHEN 'CANCELLED' THEN now() END
                  FROM map RETURNING id
            ), price AS (
                INSERT INTO event_prices (event_id, category, amount) SELECT id, 'Any', $8 FROM event
            )
            SELECT id FROM event
            """,
            organizer_id,
            seats,
            sum(areas),
            msgspec.json.encode(_hall(seats, areas)).decode(),
            state,
            places_per_buyer_max,
            hold_seconds,
            price,
            currency,
        )
    return Show(db=db, event_id=event_id, organizer_id=organizer_id)


async def insert_user(db: Database, role: str = "USER") -> int:
    """A user nobody else has, who cannot log in."""
    async with db.transaction() as tx:
        return await tx.get(
            int,
            """
            INSERT INTO users (email, email_key, name, role, password_hash)
            VALUES ($1, $1, 'Somebody', $2, '!') RETURNING id
            """,
            f"{secrets.token_hex(8)}@example.org",
            role,
        )


def _hall(seats: int, areas: Sequence[int]) -> SeatMapDocument:
    return SeatMapDocument(
        name="A hall",
        seat_count=seats,
        categories=[Category(name="Any")],
        zones=[
            DocumentZone(
                name="Block A",
                rows=[
                    _row(first, min(first + SEATS_IN_A_ROW, seats))
                    for first in range(0, seats, SEATS_IN_A_ROW)
                ],
            )
        ],
        areas=[
            Area(id=number, name=f"Area {number}", capacity=capacity, category="Any")
            for number, capacity in enumerate(areas)
        ],
    )


def _row(first: int, last: int) -> DocumentRow:
    return DocumentRow(
        name=str(first // SEATS_IN_A_ROW + 1),
        seats=[
            DocumentSeat(
                id=seat, number=str(seat - first + 1), x=25.0 * (seat - first), y=float(first), category="Any"
            )
            for seat in range(first, last)
        ],
    )


class JournalRow(msgspec.Struct, frozen=True):
    """A row of the journal as it is stored."""

    version: int
    at: datetime
    changes: str
    hash: bytes


class _Claim(msgspec.Struct, frozen=True):
    seat_id: int
    booking_id: UUID


class _State(msgspec.Struct, frozen=True):
    id: UUID
    state: str
