"""SQL of letters about bookings: how far the journals were read for them, and which are to be sent."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

import msgspec

from boxoffice.kit.postgres import Source, Transaction


class BookingLetter(StrEnum):
    """What a letter about a booking says."""

    TICKETS = "TICKETS"
    CANCELLED = "CANCELLED"


class CursorRow(msgspec.Struct, frozen=True):
    """Up to which version the journal was read, and the clock when the lock was had."""

    version: int
    now: datetime


class LetterRow(msgspec.Struct, frozen=True):
    """A letter to be sent now; `attempts` counts this one, too."""

    event_id: int
    booking_id: UUID
    kind: BookingLetter
    attempts: int
    wanted_at: datetime
    now: datetime


async def list_events_behind(source: Source, after: int, events_max: int) -> list[int]:
    """Events whose journal is longer than what was read of it; those after this one, in their order."""
    return await source.list(
        int,
        """
        SELECT inventory.event_id
          FROM inventories AS inventory
          LEFT JOIN letter_cursors AS cursor ON cursor.event_id = inventory.event_id
         WHERE inventory.version > coalesce(cursor.version, 0) AND inventory.event_id > $1
         ORDER BY inventory.event_id
         LIMIT $2
        """,
        after,
        events_max,
    )


async def insert_cursor(tx: Transaction, event_id: int) -> None:
    """Let the reading of an event's journal begin."""
    await tx.execute(
        "INSERT INTO letter_cursors (event_id, version) VALUES ($1, 0) ON CONFLICT DO NOTHING", event_id
    )


async def lock_cursor(tx: Transaction, event_id: int) -> CursorRow:
    """Take the event's turn to read on; the next statement sees all that was read before."""
    return await tx.get(
        CursorRow,
        """
        SELECT version, clock_timestamp() AS now FROM letter_cursors WHERE event_id = $1 FOR UPDATE
        """,
        event_id,
    )


async def update_cursor(tx: Transaction, event_id: int, version: int) -> None:
    """Remember how far the event's journal was read."""
    await tx.execute("UPDATE letter_cursors SET version = $2 WHERE event_id = $1", event_id, version)


async def insert_letters(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID], kinds: Sequence[BookingLetter]
) -> None:
    """Have these letters sent to buyers who have an address; the two lists go side by side.

    OFFSET has each looked up by its id: a join compares thousands with thousands.
    """
    await tx.execute(
        """
        INSERT INTO booking_letters (event_id, booking_id, kind)
        SELECT $1, wanted.booking_id, wanted.kind
          FROM unnest($2::uuid[], $3::text[]) AS wanted (booking_id, kind),
               LATERAL (SELECT buyer_id FROM bookings
                         WHERE event_id = $1 AND id = wanted.booking_id OFFSET 0) AS booking
          JOIN users AS buyer ON buyer.id = booking.buyer_id
         WHERE buyer.email_verified_at IS NOT NULL AND buyer.suspended_at IS NULL
            ON CONFLICT DO NOTHING
        """,
        event_id,
        booking_ids,
        kinds,
    )


async def claim_letter(tx: Transaction, claimed_for: timedelta) -> LetterRow | None:
    """The letter that has been due for longest: for so long nobody else gets it."""
    return await tx.find(
        LetterRow,
        """
        UPDATE booking_letters AS letter
           SET due_at = now() + $1::interval, attempts = letter.attempts + 1
          FROM (SELECT event_id, booking_id, kind
                  FROM booking_letters
                 WHERE due_at <= now()
                 ORDER BY due_at
                 LIMIT 1
                   FOR UPDATE SKIP LOCKED) AS next
         WHERE letter.event_id = next.event_id AND letter.booking_id = next.booking_id
           AND letter.kind = next.kind
        RETURNING letter.event_id, letter.booking_id, letter.kind, letter.attempts, letter.wanted_at,
                  now() AS now
        """,
        claimed_for,
    )


async def update_due(
    tx: Transaction, event_id: int, booking_id: UUID, kind: BookingLetter, delay: timedelta
) -> None:
    """Have a letter sent again after so long."""
    await tx.execute(
        """
        UPDATE booking_letters
           SET due_at = now() + $4::interval
         WHERE event_id = $1 AND booking_id = $2 AND kind = $3
        """,
        event_id,
        booking_id,
        kind,
        delay,
    )


async def delete_letter(tx: Transaction, event_id: int, booking_id: UUID, kind: BookingLetter) -> None:
    """Forget a letter that was sent, or never will be."""
    await tx.execute(
        "DELETE FROM booking_letters WHERE event_id = $1 AND booking_id = $2 AND kind = $3",
        event_id,
        booking_id,
        kind,
    )


async def find_address(source: Source, event_id: int, booking_id: UUID) -> str | None:
    """Where a booking's buyer reads letters: an address that was confirmed, of an account that is in use."""
    return await source.find(
        str,
        """
        SELECT buyer.email
          FROM bookings AS booking
          JOIN users AS buyer ON buyer.id = booking.buyer_id
         WHERE booking.event_id = $1 AND booking.id = $2
           AND buyer.email_verified_at IS NOT NULL AND buyer.suspended_at IS NULL
        """,
        event_id,
        booking_id,
    )
