"""Whether what was answered is true: counted in the tables after every phase."""

import msgspec

from bench.plan import Result
from boxoffice.kit.postgres import Database


class _Holds(msgspec.Struct, frozen=True):
    bookings: int
    places: int
    distinct_places: int
    claims: int
    claims_of_others: int


class _Rows(msgspec.Struct, frozen=True):
    counted: int
    journal: int


class _Sales(msgspec.Struct, frozen=True):
    confirmed: int
    payments: int
    tickets: int
    distinct_seats: int


async def false_holds(
    db: Database, event_ids: list[int], result: Result, *, places: int = 2, sold: int = 0
) -> list[str]:
    """What is wrong with the bookings of these events; nothing, if all is well.

    Every booking is of `places` seats; so many were `sold` before the phase.
    """
    found = await db.get(
        _Holds,
        """
        WITH booked AS (
            SELECT event_id, id, unnest(seat_ids) AS seat_id
              FROM bookings
             WHERE event_id = ANY ($1::bigint[]) AND state IN ('PENDING', 'CONFIRMED')
        )
        SELECT (SELECT count(*) FROM bookings WHERE event_id = ANY ($1::bigint[])) AS bookings,
               count(*) AS places,
               count(DISTINCT (booked.event_id, booked.seat_id)) AS distinct_places,
               (SELECT count(*) FROM claims WHERE event_id = ANY ($1::bigint[])) AS claims,
               count(*) FILTER (WHERE claim.booking_id IS DISTINCT FROM booked.id) AS claims_of_others
          FROM booked
          LEFT JOIN claims AS claim ON claim.event_id = booked.event_id AND claim.seat_id = booked.seat_id
        """,
        event_ids,
    )
    bookings = result.held + sold
    expected = _Holds(bookings, places * bookings, places * bookings, places * bookings, 0)
    said = f"{result.held} holds were answered 201, after {sold} sales"
    return [] if found == expected else [f"{said}, but there are {found}"]


async def sum_versions(db: Database, event_ids: list[int]) -> int:
    """How many rows the journals of these events have, as their inventories count them and as they are."""
    found = await db.get(
        _Rows,
        """
        SELECT (SELECT coalesce(sum(version), 0)::bigint
                  FROM inventories WHERE event_id = ANY ($1::bigint[])) AS counted,
               (SELECT count(*) FROM journal WHERE event_id = ANY ($1::bigint[])) AS journal
        """,
        event_ids,
    )
    if found.counted != found.journal:
        raise SystemExit(
            f"boxoffice: the inventories count {found.counted} journal rows, not {found.journal}."
        )
    return found.journal


async def false_sales(db: Database, event_ids: list[int], result: Result) -> list[str]:
    """What is wrong with the sales of these events; nothing, if all is well."""
    found = await db.get(
        _Sales,
        """
        SELECT (SELECT count(*) FROM bookings
                 WHERE event_id = ANY ($1::bigint[]) AND state = 'CONFIRMED') AS confirmed,
               (SELECT count(*) FROM payments
                 WHERE event_id = ANY ($1::bigint[]) AND state = 'CAPTURED') AS payments,
               count(*) AS tickets,
               count(DISTINCT (event_id, seat_id)) AS distinct_seats
          FROM tickets
         WHERE event_id = ANY ($1::bigint[]) AND state = 'VALID'
        """,
        event_ids,
    )
    expected = _Sales(result.sold, result.sold, 2 * result.sold, 2 * result.sold)
    return [] if found == expected else [f"{result.sold} sales were finished, but there are {found}"]


async def false_overload(db: Database, event_ids: list[int], result: Result) -> list[str]:
    """What is wrong with holds that were answered 201 or 503; nothing, if all is well.

    A hold whose connection was lost in the middle of its commit is answered 503 and may be there.
    """
    bookings = await db.get(
        int, "SELECT count(*) FROM bookings WHERE event_id = ANY ($1::bigint[])", event_ids
    )
    unsure = bookings - result.held
    if not 0 <= unsure <= result.statuses["hold"].get(503, 0):
        return [f"{result.held} holds were answered 201, but there are {bookings}"]
    return await false_holds(db, event_ids, result, sold=unsure)


class _SellOut(msgspec.Struct, frozen=True):
    claims: int
    claims_of_unpaid: int
    tickets: int
    seats_with_tickets: int
    confirmed: int
    payments: int


async def false_sell_out(db: Database, event_id: int, seats: int) -> list[str]:
    """What is wrong with an event that was sold in pairs to the last seat; nothing, if all is well.

    Money that came too late was captured and then given back; such a payment is not CAPTURED.
    """
    found = await db.get(
        _SellOut,
        """
        SELECT (SELECT count(*) FROM claims WHERE event_id = $1) AS claims,
               (SELECT count(*) FROM claims AS claim
                  JOIN bookings AS booking ON booking.event_id = $1 AND booking.id = claim.booking_id
                 WHERE claim.event_id = $1 AND booking.state <> 'CONFIRMED') AS claims_of_unpaid,
               (SELECT count(*) FROM bookings WHERE event_id = $1 AND state = 'CONFIRMED') AS confirmed,
               (SELECT count(*) FROM payments WHERE event_id = $1 AND state = 'CAPTURED') AS payments,
               count(*) AS tickets,
               count(DISTINCT seat_id) AS seats_with_tickets
          FROM tickets
         WHERE event_id = $1 AND state = 'VALID'
        """,
        event_id,
    )
    expected = _SellOut(seats, 0, seats, seats, seats // 2, seats // 2)
    return [] if found == expected else [f"{seats} seats were to be sold, but there are {found}"]


async def count_valid_tickets(db: Database, event_id: int) -> int:
    """Tickets of this event that let somebody in."""
    return await db.get(int, "SELECT count(*) FROM tickets WHERE event_id = $1 AND state = 'VALID'", event_id)


async def count_scattered(db: Database, event_ids: list[int], seats_a_row: int) -> int:
    """Bookings of these events whose seats are not next to each other in one row."""
    return await db.get(
        int,
        """
        SELECT count(*)
          FROM (SELECT event_id, id,
                       count(DISTINCT seat_id) AS seats, min(seat_id) AS least, max(seat_id) AS most
                  FROM bookings, unnest(seat_ids) AS seat_id
                 WHERE event_id = ANY ($1::bigint[])
                 GROUP BY event_id, id) AS booked
         WHERE most - least + 1 <> seats OR least / $2::integer <> most / $2::integer
        """,
        event_ids,
        seats_a_row,
    )


async def list_durability(db: Database) -> dict[str, str]:
    """The settings that make a commit durable, as the server has them."""
    names = ["fsync", "synchronous_commit", "full_page_writes", "wal_sync_method", "server_version"]
    return {name: await db.get(str, "SELECT current_setting($1)", name) for name in names}


async def count_jobs(db: Database) -> int:
    """Background jobs that are not done."""
    return await db.get(int, "SELECT count(*) FROM pgqueuer")


async def list_buyers_of(db: Database, booking_ids: list[str]) -> dict[str, int]:
    """Who made these bookings."""
    rows = await db.list(
        _BuyerOf,
        "SELECT id::text AS booking_id, buyer_id FROM bookings WHERE id = ANY ($1::uuid[])",
        booking_ids,
    )
    return {row.booking_id: row.buyer_id for row in rows}


class _BuyerOf(msgspec.Struct, frozen=True):
    booking_id: str
    buyer_id: int


class _Invoices(msgspec.Struct, frozen=True):
    invoices: int
    highest: int


async def count_invoices(db: Database) -> int:
    """The invoices of all organizers, of which a benchmark has one."""
    return await db.get(int, "SELECT count(*) FROM invoices WHERE kind = 'INVOICE'")


async def false_invoices(db: Database) -> list[str]:
    """Whether each payment that bought its booking has one invoice, and none is missing between two."""
    sold = await db.get(int, "SELECT count(*) FROM payments WHERE state = 'CAPTURED'")
    found = await db.get(
        _Invoices,
        """
        SELECT count(DISTINCT booking_id) AS invoices, coalesce(max(number), 0) AS highest
          FROM invoices
         WHERE kind = 'INVOICE'
        """,
    )
    return [] if found == _Invoices(sold, sold) else [f"{sold} sales have {found}"]
