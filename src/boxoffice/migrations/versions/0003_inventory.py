"""Inventory: what is for sale, who holds it, and the journal of every change."""

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Updated by every batch: room on the page keeps those updates off the indexes (HOT).
    op.execute("""
    CREATE TABLE inventories (
        event_id       bigint PRIMARY KEY REFERENCES events (id),
        version        bigint NOT NULL DEFAULT 0,
        chain_hash     bytea NOT NULL,
        changed_at     timestamptz NOT NULL DEFAULT now(),
        next_expiry_at timestamptz,
        CONSTRAINT a_chain_hash_is_a_sha256 CHECK (length(chain_hash) = 32)
    ) WITH (fillfactor = 50)
    """)
    op.execute("""
    CREATE TABLE area_counts (
        event_id bigint NOT NULL REFERENCES inventories (event_id),
        area_id  integer NOT NULL,
        capacity integer NOT NULL,
        taken    integer NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, area_id),
        CONSTRAINT an_area_never_exceeds_its_capacity CHECK (taken BETWEEN 0 AND capacity)
    ) WITH (fillfactor = 50)
    """)
    # A place is a seat or one admission to an area; `amounts` has the price of each place, the
    # seats first, then the areas, in the order of the two arrays. `levies` has what each place bears
    # of fees and taxes, in the same order; NULL when there are none.
    op.execute("""
    CREATE TABLE bookings (
        event_id         bigint NOT NULL,
        id               uuid NOT NULL,
        buyer_id         bigint NOT NULL,
        state            text NOT NULL,
        seat_ids         integer[] NOT NULL,
        area_ids         integer[] NOT NULL,
        amounts          bigint[] NOT NULL,
        levies           json,
        total            bigint NOT NULL,
        currency         text NOT NULL,
        created_at       timestamptz NOT NULL,
        changed_at       timestamptz NOT NULL,
        expires_at       timestamptz,
        ticket_count     integer NOT NULL DEFAULT 0,
        settled_payments uuid[] NOT NULL DEFAULT '{}',
        channel_id       integer,
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_booking_is_pending_confirmed_expired_or_cancelled
            CHECK (state IN ('PENDING', 'CONFIRMED', 'EXPIRED', 'CANCELLED')),
        CONSTRAINT only_a_pending_booking_expires
            CHECK ((state = 'PENDING') = (expires_at IS NOT NULL)),
        CONSTRAINT a_booking_has_places_and_each_has_its_price
            CHECK (cardinality(amounts) > 0
                   AND cardinality(amounts) = cardinality(seat_ids) + cardinality(area_ids)),
        CONSTRAINT a_total_is_not_negative CHECK (total >= 0),
        CONSTRAINT a_confirmed_booking_has_one_ticket_for_every_place
            CHECK (ticket_count = CASE state WHEN 'CONFIRMED' THEN cardinality(amounts) ELSE 0 END)
    ) WITH (fillfactor = 85)
    """)
    op.execute("CREATE INDEX bookings_of_a_buyer ON bookings (buyer_id, id)")
    # `admissions[i]` are kept of area `area_ids[i]`. Seats that the block's channel
    # has sold stay in `seat_ids`; they come back to the block when their booking ends.
    op.execute("""
    CREATE TABLE blocks (
        event_id    bigint NOT NULL,
        id          uuid NOT NULL,
        name        text NOT NULL,
        kind        text NOT NULL,
        seat_ids    integer[] NOT NULL,
        area_ids    integer[] NOT NULL,
        admissions  integer[] NOT NULL,
        released_at timestamptz,
        channel_id  integer,
        changed_at  timestamptz NOT NULL,
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_block_is_of_the_house_a_kill_or_an_allotment
            CHECK (kind IN ('HOUSE', 'KILL', 'ALLOTMENT')),
        CONSTRAINT a_block_keeps_something CHECK (cardinality(seat_ids) + cardinality(area_ids) > 0),
        CONSTRAINT each_area_of_a_block_has_its_admissions
            CHECK (cardinality(area_ids) = cardinality(admissions))
    )
    """)
    # `booking_id` is the booking, or the block, that has the seat.
    op.execute("""
    CREATE TABLE claims (
        event_id   bigint NOT NULL,
        seat_id    integer NOT NULL,
        booking_id uuid NOT NULL,
        CONSTRAINT a_seat_has_at_most_one_live_claim PRIMARY KEY (event_id, seat_id)
    )
    """)
    op.execute("""
    CREATE TABLE journal (
        event_id bigint NOT NULL,
        version  bigint NOT NULL,
        at       timestamptz NOT NULL,
        changes  json NOT NULL,
        hash     bytea NOT NULL,
        CONSTRAINT the_journal_has_no_two_rows_of_one_version PRIMARY KEY (event_id, version)
    )
    """)
