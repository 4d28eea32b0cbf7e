"""Inventory: what organizers ask buyers, and the answers, which can be erased."""

from alembic import op

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE question_sets (
        event_id     bigint PRIMARY KEY REFERENCES events (id) ON DELETE CASCADE,
        revision     integer NOT NULL DEFAULT 1,
        questions    json NOT NULL,
        has_required boolean NOT NULL
    )
    """)
    # All answers of a booking to one revision of its event's questions. Where tickets were asked about,
    # `seat_ids` and `area_ids` are the places that the answers are for; else NULL. Nothing refers to a row,
    # and no journal has what is in it: it can be deleted.
    op.execute("""
    CREATE TABLE answers (
        event_id    bigint NOT NULL,
        booking_id  uuid NOT NULL,
        revision    integer NOT NULL,
        answers     json NOT NULL,
        seat_ids    integer[],
        area_ids    integer[],
        answered_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, booking_id),
        FOREIGN KEY (event_id, booking_id) REFERENCES bookings (event_id, id),
        CONSTRAINT answers_are_for_places_or_for_none CHECK ((seat_ids IS NULL) = (area_ids IS NULL))
    )
    """)
