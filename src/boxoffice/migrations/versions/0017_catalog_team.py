"""Catalog: an organizer's team, invitations into it, API keys."""

from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    # Without an event it is about all of the organizer's events.
    op.execute("""
    CREATE TABLE team_members (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users (id),
        user_id      bigint NOT NULL REFERENCES users (id),
        event_id     bigint REFERENCES events (id) ON DELETE CASCADE,
        role         text NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        CONSTRAINT a_member_has_one_role_for_an_event
            UNIQUE NULLS NOT DISTINCT (user_id, organizer_id, event_id),
        CONSTRAINT a_member_has_a_role
            CHECK (role IN ('OWNER', 'MANAGER', 'BOX_OFFICE', 'SCANNER', 'VIEWER'))
    )
    """)
    op.execute("CREATE INDEX members_of_a_team ON team_members (organizer_id, id)")
    op.execute("""
    CREATE TABLE team_invitations (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users (id),
        event_id     bigint REFERENCES events (id) ON DELETE CASCADE,
        role         text NOT NULL,
        email        text NOT NULL,
        nonce        bytea NOT NULL,
        token_hash   bytea NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz NOT NULL,
        CONSTRAINT an_address_is_invited_once_for_an_event
            UNIQUE NULLS NOT DISTINCT (organizer_id, event_id, email),
        CONSTRAINT an_invitation_has_a_token_of_its_own UNIQUE (token_hash),
        CONSTRAINT an_invitation_has_a_role
            CHECK (role IN ('OWNER', 'MANAGER', 'BOX_OFFICE', 'SCANNER', 'VIEWER'))
    )
    """)
    # A secret of 256 random bits: its plain SHA-256 cannot be turned back by trying.
    op.execute("""
    CREATE TABLE api_keys (
        id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        organizer_id bigint NOT NULL REFERENCES users (id),
        event_id     bigint REFERENCES events (id) ON DELETE CASCADE,
        role         text NOT NULL,
        name         text NOT NULL,
        prefix       text NOT NULL,
        secret_hash  bytea NOT NULL,
        created_at   timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz,
        last_used_at timestamptz,
        CONSTRAINT a_prefix_finds_one_key UNIQUE (prefix),
        CONSTRAINT a_secret_hash_is_a_sha256 CHECK (length(secret_hash) = 32),
        CONSTRAINT a_key_has_a_role
            CHECK (role IN ('OWNER', 'MANAGER', 'BOX_OFFICE', 'SCANNER', 'VIEWER'))
    )
    """)
    op.execute("CREATE INDEX keys_of_an_organizer ON api_keys (organizer_id, id)")
