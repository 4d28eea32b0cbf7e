"""Tickets: one for every sold place, and the public keys their codes are verified with."""

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    # Every ticket is updated once, at the gate, and no index holds what changes there: a little
    # room on the page keeps those updates off the indexes (HOT).
    # A voided ticket may have been admitted before, never after; its admission stays on record.
    op.execute("""
    CREATE TABLE tickets (
        event_id    bigint NOT NULL,
        id          uuid NOT NULL,
        booking_id  uuid NOT NULL,
        place       smallint NOT NULL,
        seat_id     integer,
        area_id     integer,
        generation  integer NOT NULL DEFAULT 1,
        state       text NOT NULL DEFAULT 'VALID',
        voided_at   timestamptz,
        admitted_at timestamptz,
        admitted_by bigint,
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_place_of_a_booking_has_one_ticket UNIQUE (event_id, booking_id, place),
        CONSTRAINT a_ticket_belongs_to_a_booking
            FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
        CONSTRAINT a_ticket_is_for_a_seat_or_an_area CHECK (num_nonnulls(seat_id, area_id) = 1),
        CONSTRAINT a_place_counts_from_zero CHECK (place >= 0),
        CONSTRAINT a_generation_fits_two_bytes_of_the_code CHECK (generation BETWEEN 1 AND 65535),
        CONSTRAINT a_ticket_is_valid_or_void CHECK (state IN ('VALID', 'VOID')),
        CONSTRAINT only_a_void_ticket_was_voided CHECK ((state = 'VOID') = (voided_at IS NOT NULL)),
        CONSTRAINT only_a_valid_ticket_is_admitted CHECK (admitted_at <= voided_at),
        CONSTRAINT an_admission_says_when_and_by_whom
            CHECK ((admitted_at IS NULL) = (admitted_by IS NULL))
    ) WITH (fillfactor = 90)
    """)
    op.execute("""
    CREATE UNIQUE INDEX a_seat_has_at_most_one_valid_ticket
        ON tickets (event_id, seat_id) WHERE state = 'VALID' AND seat_id IS NOT NULL
    """)
    op.execute("""
    CREATE TABLE ticket_keys (
        key_id     bytea PRIMARY KEY,
        public_key bytea NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_key_id_is_the_start_of_its_keys_sha256
            CHECK (key_id = substring(sha256(public_key) FOR 4)),
        CONSTRAINT a_public_key_is_an_ed25519_key CHECK (length(public_key) = 32)
    )
    """)
