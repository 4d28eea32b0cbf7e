"""Cancelled events: how far their bookings are called off, and refunds that failed so far."""

from alembic import op

revision = "0014"
down_revision = "0007"


def upgrade() -> None:
    op.execute("ALTER TABLE events ADD COLUMN cancelled_at timestamptz")
    op.execute("UPDATE events SET cancelled_at = now() WHERE state = 'CANCELLED'")
    op.execute("""
    ALTER TABLE events ADD CONSTRAINT only_a_cancelled_event_was_cancelled
        CHECK ((state = 'CANCELLED') = (cancelled_at IS NOT NULL))
    """)
    op.execute("""
    CREATE TABLE cancellations (
        event_id      bigint PRIMARY KEY REFERENCES inventories (event_id),
        bookings_done integer NOT NULL,
        finished_at   timestamptz,
        CONSTRAINT no_less_than_nothing_is_done CHECK (bookings_done >= 0)
    ) WITH (fillfactor = 50)
    """)
    op.execute("ALTER TABLE refunds ADD COLUMN failures integer NOT NULL DEFAULT 0")
    op.execute("CREATE INDEX refunds_that_are_due ON refunds (event_id) WHERE state = 'DUE'")
