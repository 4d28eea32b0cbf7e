"""Catalog: venues, seat maps, events and their prices."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.execute("""
    CREATE TABLE venues (
        id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id  bigint NOT NULL REFERENCES users (id),
        name          text NOT NULL,
        address_lines text[] NOT NULL,
        city          text NOT NULL,
        country       text NOT NULL,
        time_zone     text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_country_is_two_letters CHECK (country ~ '^[A-Z]{2}$')
    )
    """)
    op.execute("CREATE INDEX venues_of_an_organizer ON venues (organizer_id, id)")
    # `document_gzip` is `document` as most clients want it, packed once instead of at every answer;
    # `etag` is a digest of it. `categories` counts the places of each category.
    op.execute("""
    CREATE TABLE seat_maps (
        id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        venue_id      bigint NOT NULL REFERENCES venues (id),
        version       integer NOT NULL,
        name          text NOT NULL,
        seat_count    integer NOT NULL,
        place_count   bigint NOT NULL,
        categories    json NOT NULL,
        document      json NOT NULL,
        document_gzip bytea NOT NULL,
        etag          text NOT NULL,
        created_at    timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT seat_map_versions_count_up UNIQUE (venue_id, version),
        CONSTRAINT a_seat_map_has_places CHECK (seat_count >= 0 AND place_count > 0)
    )
    """)
    op.execute("ALTER TABLE seat_maps ALTER COLUMN document_gzip SET STORAGE EXTERNAL")
    op.execute("""
    CREATE FUNCTION refuse_change_of_seat_map() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a seat map never changes: make a new version';
    END
    $$
    """)
    op.execute("""
    CREATE TRIGGER a_seat_map_never_changes BEFORE UPDATE ON seat_maps
        FOR EACH ROW EXECUTE FUNCTION refuse_change_of_seat_map()
    """)
    op.execute("""
    CREATE TABLE events (
        id                   bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 4294967295) PRIMARY KEY,
        organizer_id         bigint NOT NULL REFERENCES users (id),
        seat_map_id          bigint NOT NULL REFERENCES seat_maps (id),
        title                text NOT NULL,
        description          text NOT NULL DEFAULT '',
        state                text NOT NULL DEFAULT 'DRAFT',
        currency             text NOT NULL,
        time_zone            text NOT NULL,
        starts_at            timestamptz NOT NULL,
        ends_at              timestamptz,
        sale_starts_at       timestamptz,
        sale_ends_at         timestamptz,
        places_per_buyer_max integer NOT NULL,
        hold_seconds         integer NOT NULL,
        orphan_rule          text NOT NULL DEFAULT 'OFF',
        accessible_released_at timestamptz,
        fees                 json NOT NULL DEFAULT '[]',
        tax                  json,
        revision             integer NOT NULL DEFAULT 1,
        channels_made        integer NOT NULL DEFAULT 0,
        created_at           timestamptz NOT NULL DEFAULT now(),
        published_at         timestamptz,
        CONSTRAINT an_event_is_draft_published_or_cancelled
            CHECK (state IN ('DRAFT', 'PUBLISHED', 'CANCELLED')),
        CONSTRAINT a_draft_was_never_published
            CHECK (state <> 'DRAFT' OR published_at IS NULL),
        CONSTRAINT a_currency_is_three_letters CHECK (currency ~ '^[A-Z]{3}$'),
        CONSTRAINT an_event_ends_after_it_starts CHECK (ends_at > starts_at),
        CONSTRAINT a_sale_ends_after_it_starts CHECK (sale_ends_at > sale_starts_at),
        CONSTRAINT a_buyer_may_have_1_to_100_places CHECK (places_per_buyer_max BETWEEN 1 AND 100),
        CONSTRAINT a_hold_lasts_1_to_3600_seconds CHECK (hold_seconds BETWEEN 1 AND 3600),
        CONSTRAINT an_orphan_rule_is_off_preferred_or_enforced
            CHECK (orphan_rule IN ('OFF', 'PREFER', 'ENFORCE'))
    )
    """)
    op.execute("CREATE INDEX published_events_by_start ON events (starts_at, id) WHERE state = 'PUBLISHED'")
    op.execute("CREATE INDEX events_of_an_organizer ON events (organizer_id, starts_at, id)")
    op.execute("CREATE INDEX events_on_a_seat_map ON events (seat_map_id, starts_at, id)")
    # A key is a secret of 256 random bits, so its plain SHA-256 cannot be turned back by trying.
    op.execute("""
    CREATE TABLE channels (
        event_id       bigint NOT NULL REFERENCES events (id) ON DELETE CASCADE,
        id             integer NOT NULL,
        name           text NOT NULL,
        key_hash       bytea NOT NULL,
        sale_starts_at timestamptz,
        sale_ends_at   timestamptz,
        created_at     timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (event_id, id),
        CONSTRAINT a_channel_has_a_name_of_its_own UNIQUE (event_id, name),
        CONSTRAINT a_key_hash_is_a_sha256 CHECK (length(key_hash) = 32),
        CONSTRAINT a_channels_sale_ends_after_it_starts CHECK (sale_ends_at > sale_starts_at)
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
