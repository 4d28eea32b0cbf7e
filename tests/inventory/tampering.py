"""Every kind of thing that can be tampered with in a `Story`, and the words that name it."""

# What is done, with the event as $1, and what is said of it; a star stands for anything.
TAMPERING = {
    "a claim is deleted": (
        "DELETE FROM claims WHERE event_id = $1 AND seat_id = 4",
        "seat 4: expected a claim of booking {sold}, found no claim.",
    ),
    "a claim is added": (
        "INSERT INTO claims SELECT event_id, 20, booking_id FROM claims WHERE event_id = $1 AND seat_id = 9",
        "seat 20: expected no claim, found a claim of booking {pending}.",
    ),
    "a claim changes hands": (
        (
            "UPDATE claims SET booking_id = sold.booking_id FROM claims AS sold"
            " WHERE claims.event_id = $1 AND claims.seat_id = 9 AND sold.event_id = $1 AND sold.seat_id = 3"
        ),
        "seat 9: expected a claim of booking {pending}, found one of booking {sold}.",
    ),
    "a booking's state": (
        "UPDATE bookings SET state = 'CANCELLED', expires_at = NULL WHERE event_id = $1 AND seat_ids = '{9}'",
        "booking {pending}: expected state PENDING, found state CANCELLED.",
    ),
    "a booking's buyer": (
        "UPDATE bookings SET buyer_id = 77 WHERE event_id = $1 AND state = 'CONFIRMED'",
        "booking {sold}: expected buyer 1, found buyer 77.",
    ),
    "a booking's seats": (
        "UPDATE bookings SET seat_ids = '{10}' WHERE event_id = $1 AND state = 'PENDING'",
        "booking {pending}: expected seats [9], found seats [10].",
    ),
    "a booking's areas": (
        "UPDATE bookings SET area_ids = '{0}' WHERE event_id = $1 AND state = 'PENDING'",
        "booking {pending}: expected areas [1], found areas [0].",
    ),
    "a booking's prices": (
        "UPDATE bookings SET amounts = '{1,1}' WHERE event_id = $1 AND state = 'PENDING'",
        "booking {pending}: expected amounts [2500, 2500], found amounts [1, 1].",
    ),
    "a booking's payment": (
        "UPDATE bookings SET settled_payments = '{}' WHERE event_id = $1 AND state = 'CONFIRMED'",
        "booking {sold}: expected settled payments [{payment}], found settled payments [].",
    ),
    "a booking is deleted": (
        "DELETE FROM bookings WHERE event_id = $1 AND state = 'CANCELLED'",
        "booking {cancelled}: expected a booking that is CANCELLED, found none.",
    ),
    "a booking is added": (
        (
            "INSERT INTO bookings SELECT event_id, '00000000-0000-8000-8000-000000000000', buyer_id, state,"
            " seat_ids, area_ids, amounts, levies, total, currency, created_at, changed_at FROM bookings"
            " WHERE event_id = $1 AND state = 'CANCELLED'"
        ),
        "booking 00000000-*: expected no such booking, found one that is CANCELLED.",
    ),
    "a ticket is void": (
        "UPDATE tickets SET state = 'VOID', voided_at = now() WHERE event_id = $1 AND seat_id = 3",
        "booking {sold}: expected valid tickets 3, found valid tickets 2.",
    ),
    "an area's count": (
        "UPDATE area_counts SET taken = taken + 1 WHERE event_id = $1 AND area_id = 1",
        "area 1: expected 1 places taken, found 2.",
    ),
    "a journal row's text": (
        (
            "UPDATE journal SET changes = replace(changes::text, '[7]', '[8]')::json"
            " WHERE event_id = $1 AND version = 2"
        ),
        "journal row 2: expected hash * by its content, found hash *: *the changes were altered, *",
    ),
    "a journal row's time": (
        "UPDATE journal SET at = at + interval '1 microsecond' WHERE event_id = $1 AND version = 5",
        "journal row 5: expected hash * by its content, found hash *: *the changes were altered, *",
    ),
    "a journal row's hash": (
        "UPDATE journal SET hash = sha256('x') WHERE event_id = $1 AND version = 2",
        "journal row 2: expected hash * by its content, found hash 2d711642b726b044: the hash was altered, *",
    ),
    "the first journal row is deleted": (
        "DELETE FROM journal WHERE event_id = $1 AND version = 1",
        "journal row 1: expected it to be there, found row 2 next.",
    ),
    "a journal row is deleted": (
        "DELETE FROM journal WHERE event_id = $1 AND version = 3",
        "journal row 3: expected it to be there, found row 4 next.",
    ),
    "the last journal row is deleted": (
        "DELETE FROM journal WHERE event_id = $1 AND version = 5",
        (
            "its inventory: expected version 4, where the journal ends, found version 5, whose hash is that"
            " of a row that is missing."
        ),
    ),
    "the inventory's version": (
        "UPDATE inventories SET version = 6 WHERE event_id = $1",
        (
            "its inventory: expected version 5, where the journal ends, found version 6, whose hash is that"
            " of the last row."
        ),
    ),
    "the inventory's hash": (
        "UPDATE inventories SET chain_hash = sha256('x') WHERE event_id = $1",
        "its inventory: expected hash *, found hash 2d711642b726b044.",
    ),
    "the inventory is deleted": (
        (
            "WITH counts AS (DELETE FROM area_counts WHERE event_id = $1 RETURNING event_id)"
            " DELETE FROM inventories WHERE event_id IN (SELECT event_id FROM counts)"
        ),
        "its inventory: expected version 5, found none.",
    ),
}
