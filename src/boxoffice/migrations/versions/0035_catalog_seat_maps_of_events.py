"""Catalog: seat maps of one event, made when its map changes while it is on sale."""

from alembic import op

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    # `made_from` is the venue's version the organizer asked for; `replaces_id` is the map the event had
    # before. In a map of an event every seat keeps the id it had in `replaces_id`.
    op.execute("""
    ALTER TABLE seat_maps
        ALTER COLUMN version DROP NOT NULL,
        ADD COLUMN event_id bigint REFERENCES events (id),
        ADD COLUMN made_from bigint REFERENCES seat_maps (id),
        ADD COLUMN replaces_id bigint REFERENCES seat_maps (id),
        ADD CONSTRAINT a_seat_map_is_a_version_of_a_venue_or_made_for_an_event
            CHECK ((version IS NULL) = (event_id IS NOT NULL)
                   AND (event_id IS NULL) = (made_from IS NULL)
                   AND (event_id IS NULL) = (replaces_id IS NULL))
    """)
    op.execute("CREATE INDEX seat_maps_of_an_event ON seat_maps (event_id) WHERE event_id IS NOT NULL")
