"""Tickets: each knows its ticket type, for a booking may lose places."""

from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.execute("ALTER TABLE tickets ADD COLUMN ticket_type text")
    op.execute("""
    UPDATE tickets AS ticket
       SET ticket_type = booking.ticket_types ->> ticket.place::integer
      FROM bookings AS booking
     WHERE booking.event_id = ticket.event_id AND booking.id = ticket.booking_id
       AND booking.ticket_types IS NOT NULL
    """)
