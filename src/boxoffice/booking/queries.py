"""SQL of what a buyer sees. The rows belong to the inventory, which alone writes them."""

from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

import msgspec

from boxoffice.catalog.schemas import EventState
from boxoffice.inventory.commands import BookingState
from boxoffice.kit.postgres import Source


class BookingRow(msgspec.Struct, frozen=True):
    """A booking as it stands now: a hold whose time is over is EXPIRED, tidied up or not."""

    event_id: int
    id: UUID
    seat_map_id: int
    state: BookingState
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int
    currency: str
    created_at: datetime
    expires_at: datetime | None
    channel_id: int | None
    levies: str | None
    ticket_types: str | None


# What a `BookingRow` is read from: what is over shows as over, whether anybody has noticed or not.
_BOOKINGS: LiteralString = """
    SELECT booking.event_id, booking.id, event.seat_map_id,
           CASE WHEN booking.state = 'PENDING' AND booking.expires_at <= now() THEN 'EXPIRED'
                ELSE booking.state END AS state,
           booking.seat_ids, booking.area_ids, booking.amounts, booking.total, booking.currency,
           booking.created_at,
           CASE WHEN booking.expires_at > now() THEN booking.expires_at END AS expires_at,
           booking.channel_id, booking.levies, booking.ticket_types
      FROM bookings AS booking
      JOIN events AS event ON event.id = booking.event_id
"""


async def find_booking(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> BookingRow | None:
    """The buyer's booking."""
    return await source.find(
        BookingRow,
        _BOOKINGS
        + """
         WHERE booking.event_id = $1 AND booking.id = $2 AND booking.buyer_id = $3
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def list_bookings(source: Source, buyer_id: int, before: UUID | None, limit: int) -> list[BookingRow]:
    """The buyer's bookings, newest first; ids begin with the time they were made."""
    return await source.list(
        BookingRow,
        _BOOKINGS
        + """
         WHERE booking.buyer_id = $1
           AND booking.id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
         ORDER BY booking.id DESC
         LIMIT $3
        """,
        buyer_id,
        before,
        limit,
    )


class PolicyRow(msgspec.Struct, frozen=True):
    """What the cancelling of a booking depends on: the policy it was made under, as JSON, and its show."""

    policy: str | None
    event_state: EventState
    starts_at: datetime
    time_zone: str
    now: datetime


async def find_policy(source: Source, event_id: int, booking_id: UUID) -> PolicyRow | None:
    """The policy that was the newest when the booking was made; its rows never change."""
    return await source.find(
        PolicyRow,
        """
        SELECT (SELECT policy.policy
                  FROM cancellation_policies AS policy
                 WHERE policy.event_id = booking.event_id AND policy.since <= booking.created_at
                 ORDER BY policy.version DESC
                 LIMIT 1) AS policy,
               event.state AS event_state, event.starts_at, event.time_zone, now() AS now
          FROM bookings AS booking
          JOIN events AS event ON event.id = booking.event_id
         WHERE booking.event_id = $1 AND booking.id = $2
        """,
        event_id,
        booking_id,
    )


async def get_seat_map_id(source: Source, event_id: int) -> int:
    """The seat map that the event sells now."""
    return await source.get(int, "SELECT seat_map_id FROM events WHERE id = $1", event_id)


class TicketRecord(msgspec.Struct, frozen=True):
    """A ticket, without its code."""

    id: UUID
    booking_id: UUID
    state: str
    admitted_at: datetime | None


class PaymentRow(msgspec.Struct, frozen=True):
    """A payment for a booking."""

    id: UUID
    booking_id: UUID
    provider: str
    state: str
    amount: int
    currency: str
    created_at: datetime


async def list_ticket_records(
    source: Source, event_ids: list[int], booking_ids: list[UUID]
) -> list[TicketRecord]:
    """The tickets of these bookings; the two lists go side by side."""
    return await source.list(
        TicketRecord,
        """
        SELECT t.id, t.booking_id, t.state, t.admitted_at
          FROM unnest($1::bigint[], $2::uuid[]) AS asked (event_id, booking_id)
          JOIN tickets t ON t.event_id = asked.event_id AND t.booking_id = asked.booking_id
         ORDER BY t.booking_id, t.place
        """,
        event_ids,
        booking_ids,
    )


async def list_payment_records(
    source: Source, event_ids: list[int], booking_ids: list[UUID]
) -> list[PaymentRow]:
    """The payments of these bookings; the two lists go side by side."""
    return await source.list(
        PaymentRow,
        """
        SELECT p.id, p.booking_id, p.provider, p.state, p.amount, p.currency, p.created_at
          FROM unnest($1::bigint[], $2::uuid[]) AS asked (event_id, booking_id)
          JOIN payments p ON p.event_id = asked.event_id AND p.booking_id = asked.booking_id
         ORDER BY p.id
        """,
        event_ids,
        booking_ids,
    )


class PaperRow(msgspec.Struct, frozen=True):
    """Something written about a booking, as JSON: its answers, an invoice, a credit note."""

    booking_id: UUID
    content: str


async def list_answers(source: Source, event_ids: list[int], booking_ids: list[UUID]) -> list[PaperRow]:
    """What was answered for these bookings; the two lists go side by side."""
    return await source.list(
        PaperRow,
        """
        SELECT a.booking_id, a.answers AS content
          FROM unnest($1::bigint[], $2::uuid[]) AS asked (event_id, booking_id)
          JOIN answers a ON a.event_id = asked.event_id AND a.booking_id = asked.booking_id
        """,
        event_ids,
        booking_ids,
    )


async def list_invoices(source: Source, event_ids: list[int], booking_ids: list[UUID]) -> list[PaperRow]:
    """Invoices and credit notes of these bookings; the two lists go side by side."""
    return await source.list(
        PaperRow,
        """
        SELECT i.booking_id, i.document AS content
          FROM unnest($1::bigint[], $2::uuid[]) AS asked (event_id, booking_id)
          JOIN invoices i ON i.event_id = asked.event_id AND i.booking_id = asked.booking_id
         ORDER BY i.booking_id, i.kind DESC, i.nth
        """,
        event_ids,
        booking_ids,
    )


async def get_responsibility(source: Source, user_id: int) -> bool:
    """Whether the user runs the house, or has events that are published and not over."""
    return await source.get(
        bool,
        """
        SELECT role = 'ADMIN'
               OR EXISTS (SELECT FROM events
                           WHERE organizer_id = users.id
                             AND state = 'PUBLISHED'
                             AND coalesce(ends_at, starts_at) > now())
          FROM users
         WHERE id = $1
        """,
        user_id,
    )


async def list_unused_accounts(
    source: Source,
    unused_for: timedelta,
    *,
    warned_before: timedelta | None,
    limit: int = 1,
    user_id: int | None = None,
) -> list[int]:
    """Buyers who have not logged in for so long and expect no event, the longest unused first.

    Those who were warned so long ago, or, with None, those who were not warned; of all, or this one.
    """
    return await source.list(
        int,
        """
        SELECT account.id
          FROM account_uses use
          JOIN users account ON account.id = use.user_id
         WHERE use.logged_in_at < now() - $1::interval
           AND CASE WHEN $2::interval IS NULL THEN use.warned_at IS NULL
                    ELSE use.warned_at < now() - $2 END
           AND account.role = 'USER'
           AND account.password_hash <> '-'
           AND ($4::bigint IS NULL OR account.id = $4)
           AND NOT EXISTS (SELECT FROM bookings booking
                             JOIN events event ON event.id = booking.event_id
                            WHERE booking.buyer_id = account.id
                              AND booking.state IN ('PENDING', 'CONFIRMED')
                              AND coalesce(event.ends_at, event.starts_at) > now())
         ORDER BY use.logged_in_at
         LIMIT $3
        """,
        unused_for,
        warned_before,
        limit,
        user_id,
    )
