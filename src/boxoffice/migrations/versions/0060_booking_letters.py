"""Booking: letters to buyers, and how far each event's journal was read for them."""

from alembic import op

revision = "0060"
down_revision = "0059"


def upgrade() -> None:
    # All journal rows of the event up to this version have their letters, or are too old for one.
    op.execute("""
    CREATE TABLE letter_cursors (
        event_id bigint PRIMARY KEY,
        version  bigint NOT NULL
    )
    """)
    # What was sold before has had no letter, and gets none.
    op.execute("""
    INSERT INTO letter_cursors (event_id, version) SELECT event_id, version FROM inventories WHERE version > 0
    """)
    # Until it is sent. `due_at` is when it may be begun; who begins it puts that off until it must be over.
    op.execute("""
    CREATE TABLE booking_letters (
        event_id   bigint NOT NULL,
        booking_id uuid NOT NULL,
        kind       text NOT NULL,
        wanted_at  timestamptz NOT NULL DEFAULT now(),
        due_at     timestamptz NOT NULL DEFAULT now(),
        attempts   integer NOT NULL DEFAULT 0,
        PRIMARY KEY (event_id, booking_id, kind),
        FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
        CONSTRAINT a_letter_brings_tickets_or_says_they_are_void CHECK (kind IN ('TICKETS', 'CANCELLED'))
    )
    """)
    op.execute("CREATE INDEX letters_that_are_due ON booking_letters (due_at)")
    # As 0057 says of the tables before: an event on sale is in no statistics.
    op.execute("ALTER TABLE booking_letters ALTER COLUMN event_id SET (n_distinct = -0.001)")
