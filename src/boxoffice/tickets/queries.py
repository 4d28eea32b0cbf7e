"""All SQL of tickets. Bookings, events and users are read by join, never written."""

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction
from boxoffice.tickets.schemas import TicketState


class TicketRow(msgspec.Struct, frozen=True):
    """A ticket with what its holder wants to know about the event."""

    id: UUID
    booking_id: UUID
    event_id: int
    event_title: str
    starts_at: datetime
    seat_map_id: int
    seat_id: int | None
    area_id: int | None
    ticket_type: str | None
    state: TicketState
    generation: int
    admitted_at: datetime | None


class GateRow(msgspec.Struct, frozen=True):
    """A ticket as the gate sees it."""

    booking_id: UUID
    seat_map_id: int
    time_zone: str
    seat_id: int | None
    area_id: int | None
    ticket_type: str | None
    state: TicketState
    generation: int
    admitted_at: datetime | None
    holder: str


class EventRow(msgspec.Struct, frozen=True):
    """Enough to tell a guest which door is theirs."""

    title: str
    starts_at: datetime
    time_zone: str


class KeyRow(msgspec.Struct, frozen=True):
    """A public key that ticket codes were signed for."""

    key_id: bytes
    public_key: bytes


class NewTickets(msgspec.Struct):
    """Tickets to insert: one for each element of the lists."""

    ids: list[UUID] = []
    booking_ids: list[UUID] = []
    places: list[int] = []
    seat_ids: list[int | None] = []
    area_ids: list[int | None] = []
    ticket_types: list[str | None] = []


# What a `TicketRow` is read from.
_TICKETS: LiteralString = """
    SELECT t.id, t.booking_id, t.event_id, e.title AS event_title, e.starts_at, e.seat_map_id,
           t.seat_id, t.area_id, t.state, t.generation, t.admitted_at,
           t.ticket_type
      FROM tickets t
      JOIN bookings b ON b.event_id = t.event_id AND b.id = t.booking_id
      JOIN events e ON e.id = t.event_id
"""


async def insert_tickets(
    tx: Transaction,
    event_id: int,
    new: NewTickets,
    void_booking_ids: list[UUID],
) -> None:
    """Insert them; those of `void_booking_ids` are void at once."""
    await tx.execute(
        """
        INSERT INTO tickets (event_id, id, booking_id, place, seat_id, area_id, ticket_type, state, voided_at)
        SELECT $1, id, booking_id, place, seat_id, area_id, ticket_type,
               CASE WHEN booking_id = ANY($8::uuid[]) THEN 'VOID' ELSE 'VALID' END,
               CASE WHEN booking_id = ANY($8::uuid[]) THEN now() END
          FROM unnest($2::uuid[], $3::uuid[], $4::smallint[], $5::integer[], $6::integer[], $7::text[])
               AS ticket (id, booking_id, place, seat_id, area_id, ticket_type)
        """,
        event_id,
        *msgspec.structs.astuple(new),
        void_booking_ids,
    )


class ValidTicket(msgspec.Struct, frozen=True):
    """A valid ticket, which place of its booking it is for, and when its holder was let in."""

    id: UUID
    booking_id: UUID
    place: int
    admitted_at: datetime | None


async def lock_valid_tickets(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID]
) -> list[ValidTicket]:
    """The valid tickets of these bookings, in their order: until we commit nobody is let in with one."""
    return await tx.list(
        ValidTicket,
        """
        SELECT id, booking_id, place, admitted_at
          FROM tickets
         WHERE event_id = $1 AND booking_id = ANY ($2::uuid[]) AND state = 'VALID'
         ORDER BY booking_id, place
           FOR UPDATE
        """,
        event_id,
        booking_ids,
    )


async def update_these_tickets_to_void(tx: Transaction, event_id: int, ticket_ids: Sequence[UUID]) -> None:
    """Void these tickets; see `update_tickets_to_void` for the date."""
    await tx.execute(
        """
        UPDATE tickets
           SET state = 'VOID', voided_at = greatest(now(), admitted_at)
         WHERE event_id = $1 AND id = ANY($2::uuid[]) AND state = 'VALID'
        """,
        event_id,
        ticket_ids,
    )


async def update_tickets_to_void(tx: Transaction, event_id: int, booking_ids: list[UUID]) -> None:
    """Void every ticket of these bookings.

    An admission may have committed after our transaction began, and `now()` is its beginning: the
    voiding is dated no earlier than the admission it waited for.
    """
    await tx.execute(
        """
        UPDATE tickets
           SET state = 'VOID', voided_at = greatest(now(), admitted_at)
         WHERE event_id = $1 AND booking_id = ANY($2::uuid[]) AND state = 'VALID'
        """,
        event_id,
        booking_ids,
    )


async def claim_admission(
    tx: Transaction, event_id: int, ticket_id: UUID, generation: int, admitted_by: int
) -> datetime | None:
    """Admit the ticket if it is valid, of this generation and not admitted yet; None otherwise.

    Of any number of rivals one gets the time, because the row decides: the others wait for its
    lock, look at the conditions again and find them false.
    """
    return await tx.find(
        datetime,
        """
        UPDATE tickets
           SET admitted_at = now(), admitted_by = $4
         WHERE event_id = $1 AND id = $2 AND generation = $3
           AND state = 'VALID' AND admitted_at IS NULL
        RETURNING admitted_at
        """,
        event_id,
        ticket_id,
        generation,
        admitted_by,
    )


async def insert_refused_check_in(tx: Transaction, event_id: int, result: str) -> None:
    """Count one more that was not let in, for this reason."""
    await tx.execute(
        """
        INSERT INTO refused_check_ins AS known (event_id, result) VALUES ($1, $2)
            ON CONFLICT (event_id, result) DO UPDATE SET count = known.count + 1
        """,
        event_id,
        result,
    )


async def find_gate_ticket(source: Source, event_id: int, ticket_id: UUID) -> GateRow | None:
    """The ticket of this event."""
    return await source.find(
        GateRow,
        """
        SELECT t.booking_id, e.seat_map_id, e.time_zone, t.seat_id, t.area_id,
               t.ticket_type, t.state, t.generation, t.admitted_at,
               u.name AS holder
          FROM tickets t
          JOIN bookings b ON b.event_id = t.event_id AND b.id = t.booking_id
          JOIN events e ON e.id = t.event_id
          JOIN users u ON u.id = b.buyer_id
         WHERE t.event_id = $1 AND t.id = $2
        """,
        event_id,
        ticket_id,
    )


async def find_event(source: Source, event_id: int) -> EventRow | None:
    """What to call the event a guest should have gone to."""
    return await source.find(
        EventRow, "SELECT title, starts_at, time_zone FROM events WHERE id = $1", event_id
    )


async def find_ticket(source: Source, event_id: int, ticket_id: UUID, buyer_id: int) -> TicketRow | None:
    """The ticket, if its booking is this buyer's."""
    return await source.find(
        TicketRow,
        _TICKETS
        + """
         WHERE t.event_id = $1 AND t.id = $2 AND b.buyer_id = $3
        """,
        event_id,
        ticket_id,
        buyer_id,
    )


async def list_tickets(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> list[TicketRow]:
    """The booking's tickets in the order of its places, if it is this buyer's."""
    return await source.list(
        TicketRow,
        _TICKETS
        + """
         WHERE t.event_id = $1 AND t.booking_id = $2 AND b.buyer_id = $3
         ORDER BY t.place
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def find_booking_state(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> str | None:
    """The state of this buyer's booking."""
    return await source.find(
        str,
        "SELECT state FROM bookings WHERE event_id = $1 AND id = $2 AND buyer_id = $3",
        event_id,
        booking_id,
        buyer_id,
    )


async def insert_ticket_key(tx: Transaction, key_id: bytes, public_key: bytes) -> None:
    """Keep a public key; keeping it again changes nothing."""
    await tx.execute(
        "INSERT INTO ticket_keys (key_id, public_key) VALUES ($1, $2) ON CONFLICT (key_id) DO NOTHING",
        key_id,
        public_key,
    )


async def find_public_key(source: Source, key_id: bytes) -> bytes | None:
    """The public key of this name."""
    return await source.find(bytes, "SELECT public_key FROM ticket_keys WHERE key_id = $1", key_id)


async def list_ticket_keys(source: Source, limit: int) -> list[KeyRow]:
    """The newest keys first."""
    return await source.list(
        KeyRow,
        "SELECT key_id, public_key FROM ticket_keys ORDER BY created_at DESC, key_id LIMIT $1",
        limit,
    )
