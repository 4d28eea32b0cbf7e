"""SQL of invoices. What was sold is read from the journal and the bookings, never written."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from boxoffice.invoices.schemas import Kind
from boxoffice.kit.postgres import Source, Transaction


class SeriesRow(msgspec.Struct, frozen=True):
    """How far an organizer has counted, and the clock when the lock was had."""

    invoices_made: int
    credit_notes_made: int
    now: datetime


class SoldBooking(msgspec.Struct, frozen=True):
    """What an invoice says of a booking. Once paid it changes only by losing places: `gone` has them."""

    id: UUID
    event_id: int
    buyer_id: int
    buyer_name: str
    seat_ids: tuple[int, ...]
    area_ids: tuple[int, ...]
    amounts: tuple[int, ...]
    total: int
    currency: str
    levies: str | None
    ticket_types: str | None
    gone: str | None


class BookingRow(msgspec.Struct, frozen=True):
    """A booking; `parts` are how many refunds there were of amounts and of single places."""

    is_paid: bool
    is_cancelled: bool
    parts: int


class EventRow(msgspec.Struct, frozen=True):
    """What an invoice says of the event."""

    id: int
    organizer_id: int
    organizer_name: str
    title: str
    starts_at: datetime
    time_zone: str
    venue: str


class CreditRow(msgspec.Struct, frozen=True):
    """A refund that has a credit note; `part` and `tax_shares` are JSON, and one `ends` its booking."""

    id: UUID
    booking_id: UUID
    amount: int
    reason: str
    part: str | None
    tax_shares: str | None
    ends: bool
    created_at: datetime


class NewInvoice(msgspec.Struct, frozen=True):
    """A document to be written; `document` is JSON, `nth` counts those of its booking and kind."""

    booking_id: UUID
    kind: Kind
    nth: int
    refund_id: UUID | None
    buyer_id: int
    number: int
    document: str


async def find_event(source: Source, event_id: int) -> EventRow | None:
    """The event, its venue and its organizer."""
    return await source.find(
        EventRow,
        """
        SELECT event.id, event.organizer_id, organizer.name AS organizer_name, event.title, event.starts_at,
               event.time_zone, venue.name AS venue
          FROM events AS event
          JOIN users AS organizer ON organizer.id = event.organizer_id
          JOIN seat_maps AS map ON map.id = event.seat_map_id
          JOIN venues AS venue ON venue.id = map.venue_id
         WHERE event.id = $1
        """,
        event_id,
    )


async def get_seat_map_id(source: Source, event_id: int) -> int:
    """The map that the event sells now."""
    return await source.get(int, "SELECT seat_map_id FROM events WHERE id = $1", event_id)


async def insert_series(tx: Transaction, organizer_id: int) -> None:
    """Let an organizer begin to count."""
    await tx.execute(
        "INSERT INTO invoice_series (organizer_id) VALUES ($1) ON CONFLICT DO NOTHING", organizer_id
    )


async def lock_series(tx: Transaction, organizer_id: int) -> SeriesRow:
    """Take the organizer's turn to number; the next statement sees all that was numbered before."""
    return await tx.get(
        SeriesRow,
        """
        SELECT invoices_made, credit_notes_made, clock_timestamp() AS now
          FROM invoice_series
         WHERE organizer_id = $1
           FOR UPDATE
        """,
        organizer_id,
    )


async def update_series(
    tx: Transaction, organizer_id: int, invoices_made: int, credit_notes_made: int
) -> None:
    """Remember how far the organizer has counted."""
    await tx.execute(
        "UPDATE invoice_series SET invoices_made = $2, credit_notes_made = $3 WHERE organizer_id = $1",
        organizer_id,
        invoices_made,
        credit_notes_made,
    )


async def get_cursor(tx: Transaction, event_id: int) -> int:
    """Up to which version the event's journal has its invoices."""
    return await tx.get(
        int, "SELECT coalesce(max(version), 0) FROM invoice_cursors WHERE event_id = $1", event_id
    )


async def update_cursor(tx: Transaction, event_id: int, version: int) -> None:
    """Remember up to which version the event's journal has its invoices."""
    await tx.execute(
        """
        INSERT INTO invoice_cursors (event_id, version)
        VALUES ($1, $2)
            ON CONFLICT (event_id) DO UPDATE SET version = excluded.version
        """,
        event_id,
        version,
    )


async def list_sold(
    tx: Transaction, event_id: int, booking_ids: Sequence[UUID], places: Sequence[int]
) -> list[SoldBooking]:
    """These bookings with their buyers, and in the same look what they have lost of so many places.

    OFFSET has each looked up by its id: a join compares thousands with thousands.
    """
    return await tx.list(
        SoldBooking,
        """
        SELECT booking.id, booking.event_id, booking.buyer_id, coalesce(buyer.name, '') AS buyer_name,
               booking.seat_ids, booking.area_ids, booking.amounts,
               booking.total, booking.currency, booking.levies, booking.ticket_types,
               CASE WHEN cardinality(booking.amounts) < named.places THEN
                   (SELECT json_agg(refund.part)
                      FROM payments AS payment
                      JOIN refunds AS refund
                        ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
                     WHERE payment.event_id = booking.event_id AND payment.booking_id = booking.id
                       AND refund.part IS NOT NULL) END AS gone
          FROM unnest($2::uuid[], $3::integer[]) AS named (id, places),
               LATERAL (SELECT * FROM bookings WHERE event_id = $1 AND id = named.id OFFSET 0) AS booking
          LEFT JOIN users AS buyer ON buyer.id = booking.buyer_id
        """,
        event_id,
        booking_ids,
        places,
    )


async def list_uncredited_amounts(source: Source, event_id: int) -> list[CreditRow]:
    """Amounts that were given back for bookings of this event and have no credit note yet."""
    return await source.list(
        CreditRow,
        """
        SELECT refund.id, payment.booking_id, refund.amount, refund.reason, NULL AS part, refund.tax_shares,
               false AS ends, refund.created_at
          FROM refunds AS refund
          JOIN payments AS payment ON payment.event_id = refund.event_id AND payment.id = refund.payment_id
         WHERE refund.event_id = $1 AND refund.worth = 0 AND refund.id <> refund.payment_id
           AND NOT EXISTS (SELECT FROM invoices AS note
                            WHERE note.event_id = refund.event_id AND note.refund_id = refund.id)
        """,
        event_id,
    )


async def list_refunds_of_places(
    source: Source, event_id: int, booking_ids: Sequence[UUID]
) -> list[CreditRow]:
    """The refunds of places of these bookings, single ones or the last."""
    return await source.list(
        CreditRow,
        """
        SELECT refund.id, payment.booking_id, refund.amount, refund.reason, refund.part, refund.tax_shares,
               refund.part IS NULL AS ends, refund.created_at
          FROM payments AS payment
          JOIN refunds AS refund ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
         WHERE payment.event_id = $1 AND payment.booking_id = ANY ($2::uuid[]) AND refund.worth > 0
        """,
        event_id,
        booking_ids,
    )


async def list_documents(source: Source, event_id: int, booking_ids: Sequence[UUID]) -> list[str]:
    """The invoices and credit notes of these bookings, as JSON."""
    return await source.list(
        str,
        "SELECT document FROM invoices WHERE event_id = $1 AND booking_id = ANY ($2::uuid[]) ORDER BY nth",
        event_id,
        booking_ids,
    )


async def insert_invoices(
    tx: Transaction, event_id: int, organizer_id: int, written: Sequence[NewInvoice]
) -> None:
    """Keep documents for ever."""
    await tx.execute(
        """
        INSERT INTO invoices (event_id, organizer_id, booking_id, kind, nth, refund_id, buyer_id, number,
                              document)
        SELECT $1, $2, new.booking_id, new.kind, new.nth, new.refund_id, new.buyer_id, new.number,
               new.document::json
          FROM unnest($3::uuid[], $4::text[], $5::smallint[], $6::uuid[], $7::bigint[], $8::bigint[],
                      $9::text[])
            AS new (booking_id, kind, nth, refund_id, buyer_id, number, document)
        """,
        event_id,
        organizer_id,
        *[[getattr(each, name) for each in written] for name in NewInvoice.__struct_fields__],
    )


async def list_documents_of(
    source: Source, event_id: int, booking_id: UUID, kind: Kind, buyer_id: int
) -> list[str]:
    """The documents of a booking of this buyer, as JSON, the oldest first."""
    return await source.list(
        str,
        """
        SELECT document
          FROM invoices
         WHERE event_id = $1 AND booking_id = $2 AND kind = $3 AND buyer_id = $4
         ORDER BY nth
        """,
        event_id,
        booking_id,
        kind,
        buyer_id,
    )


async def list_documents_by(
    source: Source, organizer_id: int, kind: Kind, before: int | None, limit: int
) -> list[str]:
    """What an organizer has issued of one kind, as JSON, the highest number first."""
    return await source.list(
        str,
        """
        SELECT document
          FROM invoices
         WHERE organizer_id = $1 AND kind = $2 AND number < coalesce($3::bigint, 9223372036854775807)
         ORDER BY number DESC
         LIMIT $4
        """,
        organizer_id,
        kind,
        before,
        limit,
    )


async def get_is_behind(source: Source, event_id: int) -> bool:
    """Whether there is something of this event that may call for a document."""
    return await source.get(
        bool,
        """
        SELECT coalesce((SELECT version FROM inventories WHERE event_id = $1), 0)
               > coalesce((SELECT version FROM invoice_cursors WHERE event_id = $1), 0)
            OR EXISTS (SELECT FROM refunds AS refund
                        WHERE refund.event_id = $1 AND refund.worth = 0 AND refund.id <> refund.payment_id
                          AND NOT EXISTS (SELECT FROM invoices AS note
                                           WHERE note.event_id = $1 AND note.refund_id = refund.id))
        """,
        event_id,
    )


async def find_booking(source: Source, event_id: int, booking_id: UUID, buyer_id: int) -> BookingRow | None:
    """What of a booking of this buyer calls for documents."""
    return await source.find(
        BookingRow,
        """
        SELECT state IN ('CONFIRMED', 'CANCELLED') AND cardinality(settled_payments) > 0 AS is_paid,
               state = 'CANCELLED' AS is_cancelled,
               (SELECT count(*)
                  FROM payments AS payment
                  JOIN refunds AS refund
                    ON refund.event_id = payment.event_id AND refund.payment_id = payment.id
                 WHERE payment.event_id = $1 AND payment.booking_id = $2
                   AND (refund.part IS NOT NULL OR (refund.worth = 0 AND refund.id <> payment.id))) AS parts
          FROM bookings
         WHERE event_id = $1 AND id = $2 AND buyer_id = $3
        """,
        event_id,
        booking_id,
        buyer_id,
    )


async def list_events_behind(source: Source, after: int, events_max: int) -> list[int]:
    """Events whose journal is longer than what has invoices, or with amounts that have no credit note.

    Those with higher ids than `after`, in their order.
    """
    return await source.list(
        int,
        """
        SELECT inventory.event_id
          FROM inventories AS inventory
          LEFT JOIN invoice_cursors AS cursor ON cursor.event_id = inventory.event_id
         WHERE inventory.version > coalesce(cursor.version, 0) AND inventory.event_id > $1
         UNION
        SELECT refund.event_id
          FROM refunds AS refund
         WHERE refund.worth = 0 AND refund.id <> refund.payment_id AND refund.event_id > $1
           AND NOT EXISTS (SELECT FROM invoices AS note
                            WHERE note.event_id = refund.event_id AND note.refund_id = refund.id)
         ORDER BY event_id
         LIMIT $2
        """,
        after,
        events_max,
    )
