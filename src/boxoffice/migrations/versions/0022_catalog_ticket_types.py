"""Catalog: ticket types, and which of them the places of a booking are."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    # JSON beside `price_changes`: read with the event's other terms, and only ever replaced as a whole.
    op.execute("ALTER TABLE events ADD COLUMN ticket_types json NOT NULL DEFAULT '[]'")
    # For each place its ticket type, or null, in the order of `amounts`; NULL when no place has one.
    op.execute("""
    ALTER TABLE bookings ADD COLUMN ticket_types json
        CONSTRAINT each_place_of_a_booking_has_one_ticket_type_at_most
            CHECK (ticket_types IS NULL OR json_array_length(ticket_types) = cardinality(amounts))
    """)
