"""Catalog: series of events, and events that are put away."""

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE series (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users (id),
        title        text NOT NULL,
        revision     integer NOT NULL DEFAULT 1,
        created_at   timestamptz NOT NULL DEFAULT now()
    )
    """)
    op.execute("ALTER TABLE events ADD COLUMN series_id bigint REFERENCES series (id)")
    op.execute("""
    CREATE INDEX events_of_a_series ON events (series_id, starts_at, id) WHERE series_id IS NOT NULL
    """)
    op.execute("ALTER TABLE events ADD COLUMN archived_at timestamptz")
