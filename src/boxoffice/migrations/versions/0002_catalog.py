"""Catalog: venues, seat maps, events and their prices."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE venues (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users (id),
        name         text NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now()
    )
    """)
    op.execute("""
    CREATE TABLE seat_maps (
        id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        venue_id   bigint NOT NULL REFERENCES venues (id),
        version    integer NOT NULL,
        document   json NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT seat_map_versions_count_up UNIQUE (venue_id, version)
    )
    """)
    op.execute("""
    CREATE TABLE events (
        id                   bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 4294967295) PRIMARY KEY,
        organizer_id         bigint NOT NULL REFERENCES users (id),
        seat_map_id          bigint NOT NULL REFERENCES seat_maps (id),
        title                text NOT NULL,
        state                text NOT NULL DEFAULT 'DRAFT',
        currency             text NOT NULL,
        time_zone            text NOT NULL,
        starts_at            timestamptz NOT NULL,
        sale_starts_at       timestamptz,
        sale_ends_at         timestamptz,
        places_per_buyer_max integer NOT NULL,
        hold_seconds         integer NOT NULL,
        revision             integer NOT NULL DEFAULT 1,
        created_at           timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT an_event_is_draft_published_or_cancelled
            CHECK (state IN ('DRAFT', 'PUBLISHED', 'CANCELLED'))
    )
    """)
    op.execute("""
    CREATE TABLE event_prices (
        event_id bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        category text NOT NULL,
        amount   bigint NOT NULL,
        PRIMARY KEY (event_id, category),
        CONSTRAINT a_price_is_not_negative CHECK (amount >= 0)
    )
    """)
